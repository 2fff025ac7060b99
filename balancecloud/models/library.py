"""What people keep: nodes, versions, uploads and the parts of the spool."""

import uuid
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    UniqueConstraint,
    event,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from balancecloud.models.base import Base, Bytes64, Created, Id, states, text_enum
from balancecloud.models.search import FOLD, GRAMS, SOUGHT
from balancecloud.models.states import NodeKind, UploadState, VersionState


class Node(Base):
    """A folder or a file in a library. `parent_id` null: the root. `version`: the one shown.

    A copy shows a version of another node's file, `file_id`, until it has one of its own.
    """

    __tablename__ = "nodes"

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("nodes.id"))
    kind: Mapped[NodeKind] = mapped_column(text_enum(NodeKind))
    name: Mapped[str]
    file_id: Mapped[uuid.UUID | None] = mapped_column(
        index=True
    )  # its own id, or of a copy's original
    version: Mapped[int | None] = mapped_column(BigInteger)  # null until one is stored
    trashed_at: Mapped[datetime | None]
    # With which node it went to the trash: itself, or the folder it was in then.
    trashed_with: Mapped[uuid.UUID | None]
    trashed_from: Mapped[str | None]  # the path of the folder it was in: "Photos/Travel"
    # Of the version shown, for lists by size; a file on its way may have none yet.
    size: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    # The name without case and accents: what lists are ordered by and searches look in.
    folded: Mapped[str | None] = mapped_column(
        Computed("fold_name(name)", persisted=True), deferred=True
    )

    __table_args__ = (
        states("kind", NodeKind),
        Index(
            "ix_nodes_order",
            "user_id",
            "parent_id",
            text("kind DESC"),
            "folded",
            "id",
            postgresql_where=text("trashed_at IS NULL"),
        ),
        Index(
            "ix_nodes_changed",
            "user_id",
            "parent_id",
            "kind",
            "updated_at",
            "id",
            postgresql_where=text("trashed_at IS NULL"),
        ),
        Index(
            "ix_nodes_size",
            "user_id",
            "parent_id",
            "size",
            "id",
            postgresql_where=text("trashed_at IS NULL AND kind = 'file'"),
        ),
        Index(
            "ix_nodes_folded",
            "user_id",
            "folded",
            "id",
            postgresql_where=text("trashed_at IS NULL"),
        ),
        Index(
            "ix_nodes_grams",
            # Of the trash, too: of what a partial index holds the planner believes no statistics.
            text("name_grams(user_id, folded)"),
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": "256"},
        ),
        Index(
            "uq_nodes_name",
            "user_id",
            "parent_id",
            "name",
            unique=True,
            postgresql_where=text("trashed_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_nodes_children", "parent_id"),
        Index(
            "ix_nodes_trash",
            "user_id",
            "trashed_at",
            postgresql_where=text("trashed_with = id"),
        ),
        CheckConstraint("(trashed_at IS NULL) = (trashed_with IS NULL)", name="trashed"),
        CheckConstraint(
            "(trashed_with IS NOT DISTINCT FROM id) = (trashed_from IS NOT NULL)",
            name="trashed_from",
        ),
        CheckConstraint("(kind = 'file') = (file_id IS NOT NULL)", name="file_id"),
        CheckConstraint("parent_id IS DISTINCT FROM id", name="own_parent"),
        CheckConstraint("size >= 0", name="size"),
    )


event.listen(Node.__table__, "before_create", FOLD)
event.listen(Node.__table__, "before_create", GRAMS)
event.listen(Node.__table__, "before_create", SOUGHT)


class Version(Base):
    """One version of a file. Its key is wrapped under the user key of `epoch`."""

    __tablename__ = "versions"

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    file_id: Mapped[uuid.UUID]
    number: Mapped[Bytes64]
    state: Mapped[VersionState] = mapped_column(text_enum(VersionState))
    size: Mapped[Bytes64]  # declared until received, then exact
    chunk_size: Mapped[int]
    frame_log2: Mapped[int]
    pad: Mapped[bool]
    epoch: Mapped[int]
    file_key: Mapped[bytes]
    protection: Mapped[int]  # asked for when the version was made
    sha256: Mapped[bytes | None]  # of the whole plaintext, once received
    mime_type: Mapped[str]
    modified_at: Mapped[datetime | None]
    job_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    run_chunks: Mapped[int | None]  # chunks of a run, where storing began while it arrived
    error_code: Mapped[str | None]
    received_bytes: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    sealed_bytes: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    stored_bytes: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[Created]
    stored_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("file_id", "number"),
        states("state", VersionState),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("size >= 0", name="size"),
    )


class LeftVersion(Base):
    """A version that a copy showed until it got one of its own; it may be nobody's by now."""

    __tablename__ = "left_versions"

    id: Mapped[Id]
    file_id: Mapped[uuid.UUID] = mapped_column(index=True)
    left_at: Mapped[Created]


class Upload(Base):
    """Bytes on their way in; gone once stored. The lease is the receiving request's."""

    __tablename__ = "uploads"

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    version_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("versions.id", ondelete="CASCADE"), unique=True
    )
    state: Mapped[UploadState] = mapped_column(text_enum(UploadState))
    reserved_bytes: Mapped[Bytes64]  # of the user's quota, given back when the upload ends
    wrapped_key: Mapped[bytes]
    master_version: Mapped[int]
    owner: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[Created]

    __table_args__ = (states("state", UploadState),)


class SpoolPart(Base):
    """One sealed run of an upload's bytes (docs/format.md 12)."""

    __tablename__ = "spool_parts"

    upload_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    offset: Mapped[Bytes64]
    length: Mapped[Bytes64]  # plaintext bytes that are durable and recorded
    salt: Mapped[bytes]
    state: Mapped[str]

    __table_args__ = (CheckConstraint("state IN ('open', 'cut', 'closed')", name="state"),)
