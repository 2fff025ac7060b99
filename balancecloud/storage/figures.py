"""The counters of jobs and versions: they only grow, each by one statement for many rows."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Uuid, cast, func, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TableValuedAlias

from balancecloud.models.jobs import Job
from balancecloud.models.library import Version


@dataclass(frozen=True, slots=True)
class StoreProgress:
    """Where a version stands; absolute figures in bytes, as committed."""

    version_id: uuid.UUID
    job_id: uuid.UUID | None
    sealed_bytes: int
    stored_bytes: int


def numbers(of: Mapping[uuid.UUID, int]) -> TableValuedAlias:
    """Return numbers by id as a table (`id`, `n`), so that one statement changes many rows."""
    table = func.unnest(
        cast(list(of), ARRAY(Uuid)), cast(list(of.values()), ARRAY(BigInteger))
    ).table_valued("id", "n", name="numbers")
    return table.render_derived()


def add_bytes(
    session: Session, amounts: Mapping[uuid.UUID, int], *, sealed: bool
) -> list[StoreProgress]:
    """Add to what versions have sealed, else stored; return where they stand now."""
    if not amounts:
        return []
    of = numbers(amounts)
    column: Any = Version.sealed_bytes if sealed else Version.stored_bytes
    rows = session.execute(
        update(Version)
        .where(Version.id == of.c.id)
        .values({column: column + of.c.n})
        .returning(Version.id, Version.job_id, Version.sealed_bytes, Version.stored_bytes)
        .execution_options(synchronize_session=False)
    )
    return [StoreProgress(*row) for row in rows]


def add_shards(
    session: Session, job_ids: Collection[uuid.UUID], *, planned: int = 0, done: int = 0
) -> None:
    """Count shards in every job that has something in their pack."""
    if job_ids and (planned or done):
        session.execute(
            update(Job)
            .where(Job.id.in_(job_ids))
            .values(shards_total=Job.shards_total + planned, shards_done=Job.shards_done + done)
            .execution_options(synchronize_session=False)
        )


def add_done_shards(session: Session, done: Mapping[uuid.UUID, int]) -> None:
    """Count confirmed shards, a number for each job."""
    if not done:
        return
    of = numbers(done)
    session.execute(
        update(Job)
        .where(Job.id == of.c.id)
        .values(shards_done=Job.shards_done + of.c.n)
        .execution_options(synchronize_session=False)
    )
