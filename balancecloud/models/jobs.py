"""Background work: jobs as a person watches them, their events, and the rows that workers claim."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from balancecloud.models.base import Base, Bytes64, Created, Id, states, text_enum
from balancecloud.models.states import JobKind, JobState, WorkKind, WorkState


class Job(Base):
    """What a person watches. It has no lease; counters of files live here, bytes in versions."""

    __tablename__ = "jobs"

    id: Mapped[Id]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[JobKind] = mapped_column(text_enum(JobKind))
    state: Mapped[JobState] = mapped_column(text_enum(JobState))
    source: Mapped[str]  # "web" | "api"
    folder_id: Mapped[uuid.UUID | None]  # where files go; null: the root
    subject: Mapped[str | None]  # a name to say in the title
    batch: Mapped[uuid.UUID | None]  # the client's word for uploads that belong together
    session_id: Mapped[uuid.UUID | None]  # whose uploads without such a word may join it
    files_total: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    files_stored: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    files_failed: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    shards_total: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    shards_done: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    shards_retried: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    error_code: Mapped[str | None]
    retry_at: Mapped[datetime | None]
    created_at: Mapped[Created]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]  # taken from the list by its person

    __table_args__ = (
        states("kind", JobKind),
        states("state", JobState),
        Index("ix_jobs_user", "user_id", "created_at"),
        Index(
            "uq_jobs_batch",
            "user_id",
            "batch",
            unique=True,
            postgresql_where=text("batch IS NOT NULL"),
        ),
        Index("ix_jobs_paused", "id", postgresql_where=text("state = 'paused'")),
    )


class JobEvent(Base):
    """One sentence of "What happened": a code and values, worded when rendered."""

    __tablename__ = "job_events"

    id: Mapped[Bytes64] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    at: Mapped[Created]
    level: Mapped[str] = mapped_column(default="info", server_default="info")
    code: Mapped[str]
    args: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))


class Work(Base):
    """What a worker claims for a while, on the database's clock; `fence` rises at each claim.

    `store`: key is a version, run which run of its chunks. `form`: key is the person whose small
    files wait for a pack. `delete`: key is the clean-up job whose packs are to go. `repair`: key is
    a pack with shards to rebuild. `move`: key is a pack whose chunks are to lie elsewhere.
    """

    __tablename__ = "work"

    id: Mapped[Id]
    kind: Mapped[WorkKind] = mapped_column(text_enum(WorkKind))
    key: Mapped[uuid.UUID]
    run: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), index=True
    )
    priority: Mapped[int]
    state: Mapped[WorkState] = mapped_column(text_enum(WorkState))
    due_at: Mapped[Created]
    attempt: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    owner: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[Bytes64] = mapped_column(default=0, server_default=text("0"))
    reason: Mapped[str | None]  # the error code of the last try
    created_at: Mapped[Created]

    __table_args__ = (
        states("kind", WorkKind),
        states("state", WorkState),
        Index("uq_work_key", "kind", "key", "run", unique=True),
        Index(
            "ix_work_due",
            "priority",
            "due_at",
            postgresql_where=text("state IN ('due', 'leased')"),
        ),
    )
