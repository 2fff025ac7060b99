"""What large libraries hold, as the schedule counted it last."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from balancecloud.models.base import Base, Bytes64


class UsageSummary(Base):
    """One row for each library that is too large to be counted while a page waits."""

    __tablename__ = "usage_summaries"

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    asked_at: Mapped[datetime]  # later than counted_at: it is to be counted anew
    counted_at: Mapped[datetime | None]
    took_ms: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    less_protected: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    # [kind, files, bytes] of each kind.
    kinds: Mapped[list[Any]] = mapped_column(
        JSONB, default=list, server_default=text("'[]'::jsonb")
    )


class FolderUsage(Base):
    """What lay in a folder and all below it; the folder may be elsewhere or gone by now."""

    __tablename__ = "folder_usages"

    folder_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    parent_id: Mapped[uuid.UUID | None]
    files: Mapped[Bytes64]
    bytes: Mapped[Bytes64]

    __table_args__ = (Index("ix_folder_usages_largest", "user_id", "parent_id", "bytes"),)
