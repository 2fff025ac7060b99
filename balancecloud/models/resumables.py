"""Uploads that may break off and go on: what outlives a request, a process and the upload."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from balancecloud.models.base import Base, Bytes64, Created, Id


class Resumable(Base):
    """One upload by tus. The lease is of the request that sends bytes just now.

    The row stays for a while after the upload's end, so that a sender who lost the last answer
    hears that all is there; `version_id` null, or a cancelled version: it was given up.
    """

    __tablename__ = "resumables"

    id: Mapped[Id]  # the one in the address
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    version_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("versions.id", ondelete="SET NULL"), unique=True
    )
    length: Mapped[Bytes64]
    told: Mapped[str]  # Upload-Metadata as it came, to be said again
    path: Mapped[str]  # relative to the folder it was sent to, before any "name (2)"
    next_part: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # never used yet
    owner: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    created_at: Mapped[Created]

    __table_args__ = (
        Index("ix_resumables_expires_at", "expires_at"),
        CheckConstraint("length >= 0", name="length"),
    )
