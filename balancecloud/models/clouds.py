"""Where bytes lie: cloud accounts, link attempts, packs, chunks, shards."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from balancecloud.models.base import Base, Bytes64, Created, Id, states, text_enum
from balancecloud.models.states import AccountState, ShardState


class CloudAccount(Base):
    """One account at a provider that a user has linked. Tokens are wrapped; null for a folder."""

    __tablename__ = "cloud_accounts"

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    provider: Mapped[str]
    subject: Mapped[str]  # the provider's account id, in canonical spelling
    domain: Mapped[str]  # failure domain: provider and subject, or a folder's device
    address: Mapped[str | None]
    label: Mapped[str]
    color: Mapped[int]  # index into the palette of account colours
    folder: Mapped[str | None]  # the provider's id of our folder there, or a folder's path
    state: Mapped[AccountState] = mapped_column(text_enum(AccountState))
    state_reason: Mapped[str | None]  # an error code
    state_since: Mapped[Created]
    paused_until: Mapped[datetime | None]
    wrapped_token: Mapped[bytes | None]
    master_version: Mapped[int | None]
    token_version: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    token_expires_at: Mapped[datetime | None]
    refresh_owner: Mapped[uuid.UUID | None]
    refresh_until: Mapped[datetime | None]
    grant_given_at: Mapped[datetime | None]  # the person's last consent
    grant_used_at: Mapped[datetime | None]  # the last time the provider renewed it, or gave it
    grant_expires_at: Mapped[datetime | None]  # where the provider says that it ends by itself
    # What its answers taught, so that a new process starts from it; null: nothing yet.
    learned_in_flight: Mapped[int | None]
    learned_creations_per_second: Mapped[float | None]
    total_bytes: Mapped[Bytes64 | None]  # null: unlimited or not told
    used_bytes: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    room_read_at: Mapped[datetime | None]
    # Of our own shards. Accounts are levelled by the room that is ours to fill, not by what else
    # lies on a disk or a drive.
    stored_bytes: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    __table_args__ = (
        UniqueConstraint("user_id", "provider", "subject"),
        states("state", AccountState),
    )


class LinkAttempt(Base):
    """A linking under way; one row until used, refused or ten minutes old.

    After the provider's redirect it also holds the account that waits for confirmation.
    """

    __tablename__ = "link_attempts"

    id: Mapped[Id]
    state_sha256: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    session_id: Mapped[uuid.UUID]
    provider: Mapped[str]
    redirect_uri: Mapped[str]
    wrapped_verifier: Mapped[bytes]
    master_version: Mapped[int]
    expires_at: Mapped[datetime]
    subject: Mapped[str | None]  # set by the callback, until the person confirms
    address: Mapped[str | None]
    display_name: Mapped[str | None]
    wrapped_token: Mapped[bytes | None]
    # The account that is to be signed in again: only consent to this one is taken.
    account_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("cloud_accounts.id", ondelete="CASCADE")
    )
    created_at: Mapped[Created]


class UploadSession(Base):
    """A shard's unfinished upload at its provider, to be continued after a crash.

    Its address lets anybody write there, so it is wrapped. None: the last put ran out of time,
    and the next one is to begin a session.
    """

    __tablename__ = "upload_sessions"

    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("cloud_accounts.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(primary_key=True)  # the shard's
    wrapped_address: Mapped[bytes | None]
    master_version: Mapped[int | None]
    created_at: Mapped[Created]


class Pack(Base):
    """What is stored as one thing: `length` bytes as k data and m parity shards."""

    __tablename__ = "packs"

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    epoch: Mapped[int]
    length: Mapped[Bytes64]
    digest: Mapped[bytes]
    k: Mapped[int]
    m: Mapped[int]
    cleanup_job_id: Mapped[uuid.UUID | None] = mapped_column(index=True)  # set: it is to go
    # The pack whose chunks this one is to take over; null once it has, and for every other pack.
    replaces_id: Mapped[uuid.UUID | None]
    created_at: Mapped[Created]

    __table_args__ = (
        CheckConstraint("k BETWEEN 1 AND 16 AND m BETWEEN 0 AND 2", name="layout"),
        Index("ix_packs_user_id", "user_id", "m"),  # which are thinner than asked
        Index("ix_packs_replaces", "replaces_id", postgresql_where=text("replaces_id IS NOT NULL")),
    )


class Chunk(Base):
    """One chunk of a version: where in which pack, and the salt that pins its plaintext."""

    __tablename__ = "chunks"

    version_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True
    )
    index: Mapped[int] = mapped_column(primary_key=True)
    pack_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("packs.id"), index=True)
    offset: Mapped[int]
    salt: Mapped[bytes]


class ShardRow(Base):
    """One of the k + m objects of a pack, on one account: intent first, then what was confirmed."""

    __tablename__ = "shards"

    pack_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("packs.id", ondelete="CASCADE"), primary_key=True
    )
    index: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cloud_accounts.id"))
    name: Mapped[str]
    object_id: Mapped[str | None]  # reserved before, or told by the provider afterwards
    length: Mapped[Bytes64]
    sha256: Mapped[bytes]
    state: Mapped[ShardState] = mapped_column(text_enum(ShardState))
    tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    stored_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("pack_id", "account_id"),
        states("state", ShardState),
        Index("ix_shards_account", "account_id", "state"),
        Index("ix_shards_state", "state", postgresql_where=text("state <> 'stored'")),
    )
