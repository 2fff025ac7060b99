"""Writing down that packs are to go: their shards are removed by work, not here."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.jobs import Job
from balancecloud.models.states import AccountState, JobKind, JobState, ShardState, WorkKind
from balancecloud.storage.hold import lock_shards
from balancecloud.storage.work import DELETE_PRIORITY, NewWork, insert_work

OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.RETRYING)
TIDYING = "tidy"  # the source of jobs that no person asked for


def clean_packs(session: Session, user_id: uuid.UUID, pack_ids: Sequence[uuid.UUID]) -> uuid.UUID:
    """Have packs that hold no chunk any more removed by the user's tidying job; return its work."""
    job = session.scalar(
        select(Job)
        .where(
            Job.user_id == user_id,
            Job.kind == JobKind.DELETE,
            Job.source == TIDYING,
            Job.state.in_(OPEN),
        )
        .limit(1)
        .with_for_update()
    )
    if job is None:
        job = Job(user_id=user_id, kind=JobKind.DELETE, state=JobState.QUEUED, source=TIDYING)
        session.add(job)
        session.flush()
    return clean_for_job(session, job, pack_ids)


def clean_for_job(session: Session, job: Job, pack_ids: Sequence[uuid.UUID]) -> uuid.UUID:
    """Mark packs for a clean-up job and write its work down; return the work's id."""
    if pack_ids:
        session.execute(update(Pack).where(Pack.id.in_(pack_ids)).values(cleanup_job_id=job.id))
        lock_shards(session, ShardRow.pack_id.in_(pack_ids))
        _forget_unlinked(session, pack_ids)
        marked = session.scalars(
            update(ShardRow)
            .where(ShardRow.pack_id.in_(pack_ids))
            .values(state=ShardState.DELETING)
            .returning(ShardRow.index)
        ).all()
        job.shards_total += len(marked)
    return insert_work(
        session, NewWork(WorkKind.DELETE, job.id, job.user_id, job.id, DELETE_PRIORITY)
    )


def _forget_unlinked(session: Session, pack_ids: Sequence[uuid.UUID]) -> None:
    """Forget shards on accounts that are not linked any more: nobody can ask for them."""
    unlinked = select(CloudAccount.id).where(CloudAccount.state == AccountState.UNLINKED)
    session.execute(
        delete(ShardRow)
        .where(ShardRow.pack_id.in_(pack_ids), ShardRow.account_id.in_(unlinked))
        .execution_options(synchronize_session=False)
    )


def drop_chunks(session: Session, version_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Remove the chunks of versions; return the packs that hold no chunk any more."""
    of_versions = Chunk.version_id.in_(version_ids)
    lock_chunks(session, of_versions)
    # Told by the deletion itself: a chunk may have moved to another pack a moment ago.
    packs = set(session.scalars(delete(Chunk).where(of_versions).returning(Chunk.pack_id)))
    return empty_packs(session, packs)


def empty_packs(session: Session, pack_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Return those of these packs that hold no chunk any more.

    Who removes the last two chunks of a pack at once comes one after the other.
    """
    lock_packs(session, pack_ids)
    held = session.scalars(select(Chunk.pack_id).where(Chunk.pack_id.in_(pack_ids)).distinct())
    return sorted(set(pack_ids) - set(held))


def lock_chunks(session: Session, which: ColumnElement[bool]) -> list[Chunk]:
    """Lock chunks in one order, after their versions and before their packs; return them."""
    return list(
        session.scalars(
            select(Chunk)
            .where(which)
            .order_by(Chunk.version_id, Chunk.index)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def lock_packs(session: Session, pack_ids: Collection[uuid.UUID]) -> list[Pack]:
    """Lock packs by id, after their chunks; return them."""
    return list(
        session.scalars(
            select(Pack)
            .where(Pack.id.in_(pack_ids))
            .order_by(Pack.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def shards_left(session: Session, job_id: uuid.UUID) -> int:
    """Return how many shards a clean-up job has still to remove."""
    return session.scalars(
        select(func.count())
        .select_from(ShardRow)
        .join(Pack, Pack.id == ShardRow.pack_id)
        .where(Pack.cleanup_job_id == job_id)
    ).one()
