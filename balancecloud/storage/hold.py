"""Holding a claim while its rows are changed, always in one order, so that nobody waits in a ring.

The order of locks is: jobs, their work (who forms packs first, then by id), then versions, nodes
(folders from the top down, then files by id), users, packs, accounts (by id), shards. Who links or
unlinks an account begins with its row, and locks in this order what it holds of shown files.
Changing a row a second time in one transaction locks what it refers to as well: its job, where it
has one.
"""

import uuid
from collections.abc import Collection
from functools import cache

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import Session

from balancecloud.models.clouds import ShardRow
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Version
from balancecloud.models.states import WorkState
from balancecloud.storage.work import Claim, guard


def hold(session: Session, claim: Claim) -> None:
    """Lock the claim's job and work until this transaction ends; LeaseLost when it is over."""
    if claim.job_id:
        session.scalar(select(Job.id).where(Job.id == claim.job_id).with_for_update())
    guard(session, claim)


def hold_jobs(session: Session, claim: Claim, job_ids: Collection[uuid.UUID]) -> None:
    """Lock several jobs and the claim that serves them; LeaseLost when it is over."""
    lock_jobs(session, job_ids)
    guard(session, claim)


def lock_jobs(session: Session, job_ids: Collection[uuid.UUID]) -> None:
    """Lock jobs by id."""
    if job_ids:
        session.connection().execute(_locking(), {"ids": list(job_ids)}).all()


@cache
def _locking() -> Select[uuid.UUID]:
    """Return the statement of `lock_jobs`, put together once: every shard's mark asks for it."""
    these = Job.id.in_(bindparam("ids", expanding=True))
    return select(Job.id).where(these).order_by(Job.id).with_for_update()


def lock_job_of(session: Session, work_id: uuid.UUID) -> None:
    """Lock the job of some work, if it has one."""
    job_id = select(Work.job_id).where(Work.id == work_id).scalar_subquery()
    session.scalar(select(Job.id).where(Job.id == job_id).with_for_update())


def still_due(session: Session, work_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Lock work that a claim takes along; return what nobody took back meanwhile."""
    return set(
        session.scalars(
            select(Work.id)
            .where(Work.id.in_(work_ids), Work.state == WorkState.DUE)
            .order_by(Work.id)
            .with_for_update()
        )
    )


def lock_versions(session: Session, *which: ColumnElement[bool]) -> list[uuid.UUID]:
    """Lock versions by id, where several are changed at once; return their ids."""
    wanted = select(Version.id).where(*which).order_by(Version.id).with_for_update(key_share=True)
    return list(session.scalars(wanted))


def lock_shards(session: Session, *which: ColumnElement[bool]) -> None:
    """Lock shards by pack and index, however many: where those of several packs are changed."""
    order = (ShardRow.pack_id, ShardRow.index)
    wanted = select(ShardRow.index).where(*which).order_by(*order).with_for_update()
    session.scalar(select(func.count()).select_from(wanted.subquery()))
