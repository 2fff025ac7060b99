"""The counters of jobs and versions: they only grow, each by one statement for many rows."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, Uuid, bindparam, cast, func, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate, Update
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


def numbers_table() -> TableValuedAlias:
    """Return numbers by id as a table (`id`, `n`), so that one statement changes many rows.

    `numbers` are the values of its two parameters. Statements here are put together once: that
    takes several times as long as having them executed.
    """
    table = func.unnest(
        cast(bindparam("ids"), ARRAY(Uuid)), cast(bindparam("numbers"), ARRAY(BigInteger))
    ).table_valued("id", "n", name="numbers")
    return table.render_derived()


def numbers(of: Mapping[uuid.UUID, int]) -> dict[str, Any]:
    """Return what `numbers_table` takes."""
    return {"ids": list(of), "numbers": list(of.values())}


def add_bytes(
    session: Session, amounts: Mapping[uuid.UUID, int], *, sealed: bool
) -> list[StoreProgress]:
    """Add to what versions have sealed, else stored; return where they stand now.

    What is stored a second time, as its accounts were lost, is not counted beyond what is sealed.
    """
    if not amounts:
        return []
    rows = session.connection().execute(_adding_bytes(sealed=sealed), numbers(amounts))
    return [StoreProgress(*row) for row in rows]


@cache
def _adding_bytes(*, sealed: bool) -> ReturningUpdate[uuid.UUID, uuid.UUID | None, int, int]:
    of = numbers_table()
    stored = func.least(Version.stored_bytes + of.c.n, Version.sealed_bytes)
    values = {"sealed_bytes": Version.sealed_bytes + of.c.n} if sealed else {"stored_bytes": stored}
    return (
        update(Version)
        .where(Version.id == of.c.id)
        .values(values)
        .returning(Version.id, Version.job_id, Version.sealed_bytes, Version.stored_bytes)
    )


def add_shards(
    session: Session, job_ids: Collection[uuid.UUID], *, planned: int = 0, done: int = 0
) -> None:
    """Count shards in every job that has something in their pack."""
    if job_ids and (planned or done):
        counted = {"ids": list(job_ids), "planned": planned, "done": done}
        session.connection().execute(_adding_shards(), counted)


@cache
def _adding_shards() -> Update:
    planned, done = (bindparam(name, type_=Integer) for name in ("planned", "done"))
    return (
        update(Job)
        .where(Job.id.in_(bindparam("ids", expanding=True)))
        .values(shards_total=Job.shards_total + planned, shards_done=Job.shards_done + done)
    )


def add_done_shards(session: Session, done: Mapping[uuid.UUID, int]) -> None:
    """Count confirmed shards, a number for each job."""
    if done:
        session.connection().execute(_adding_done(), numbers(done))


@cache
def _adding_done() -> Update:
    of = numbers_table()
    return update(Job).where(Job.id == of.c.id).values(shards_done=Job.shards_done + of.c.n)
