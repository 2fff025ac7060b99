"""Who people are: users, their wrapped keys, sessions, revoked tokens, audit events."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from balancecloud.models.base import Base, Bytes64, Created, Id


class User(Base):
    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[str]
    password_hash: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    is_admin: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    protection: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    quota_bytes: Mapped[Bytes64 | None]  # null: unlimited
    used_bytes: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    reserved_bytes: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    timezone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    created_at: Mapped[Created]

    __table_args__ = (
        Index("uq_users_email", text("lower(email)"), unique=True),
        CheckConstraint("used_bytes >= 0", name="used"),
        CheckConstraint("reserved_bytes >= 0", name="reserved"),
        CheckConstraint("protection BETWEEN 0 AND 2", name="protection"),
    )


class UserKeyRow(Base):
    """One epoch of a user key, wrapped under a master key (docs/format.md 3.1)."""

    __tablename__ = "user_keys"

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[int] = mapped_column(primary_key=True)
    master_version: Mapped[int]
    wrapped: Mapped[bytes]
    created_at: Mapped[Created]


class SessionRow(Base):
    """A sign-in: of a browser (cookie) or of a program (bearer). Only the token's hash is kept."""

    __tablename__ = "sessions"

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    kind: Mapped[str]  # "browser" | "bearer"
    auth_time: Mapped[Created]  # when the password was last given
    created_at: Mapped[Created]
    last_seen_at: Mapped[Created]
    expires_at: Mapped[datetime] = mapped_column(index=True)  # absolute end
    address: Mapped[str | None]
    user_agent: Mapped[str | None]

    __table_args__ = (CheckConstraint("kind IN ('browser', 'bearer')", name="kind"),)


class RevokedToken(Base):
    """A bearer token that ended before its time; swept after `expires_at`."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditEvent(Base):
    """Who did what, on what, from where. Append-only."""

    __tablename__ = "audit_events"

    id: Mapped[Bytes64] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[Created]
    user_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    action: Mapped[str]
    target: Mapped[str | None]
    address: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default=dict, server_default=text("'{}'")
    )
