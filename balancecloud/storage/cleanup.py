"""Writing down that packs are to go: their shards are removed by work, not here."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from balancecloud.models.clouds import Chunk, Pack, ShardRow
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobKind, JobState, ShardState, WorkKind
from balancecloud.storage.work import DELETE_PRIORITY, insert_work

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
        marked = session.scalars(
            update(ShardRow)
            .where(ShardRow.pack_id.in_(pack_ids))
            .values(state=ShardState.DELETING)
            .returning(ShardRow.index)
        ).all()
        job.shards_total += len(marked)
    return insert_work(session, WorkKind.DELETE, job.id, job.user_id, job.id, DELETE_PRIORITY)


def drop_chunks(session: Session, version_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Remove the chunks of versions; return the packs that hold no chunk any more."""
    packs = set(session.scalars(select(Chunk.pack_id).where(Chunk.version_id.in_(version_ids))))
    _lock_packs(session, packs)
    session.query(Chunk).where(Chunk.version_id.in_(version_ids)).delete(False)
    return _without_chunks(session, packs)


def empty_packs(session: Session, pack_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Return those of these packs that hold no chunk any more."""
    _lock_packs(session, pack_ids)
    return _without_chunks(session, pack_ids)


def _lock_packs(session: Session, pack_ids: Collection[uuid.UUID]) -> None:
    """Lock packs by id, so that of two who take chunks out at once the later sees none left."""
    session.scalars(
        select(Pack.id)
        .where(Pack.id.in_(pack_ids))
        .order_by(Pack.id)
        .with_for_update(key_share=True)
    ).all()


def _without_chunks(session: Session, pack_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    held = session.scalars(select(Chunk.pack_id).where(Chunk.pack_id.in_(pack_ids)).distinct())
    return sorted(set(pack_ids) - set(held))


def shards_left(session: Session, job_id: uuid.UUID) -> int:
    """Return how many shards a clean-up job has still to remove."""
    return session.scalars(
        select(func.count())
        .select_from(ShardRow)
        .join(Pack, Pack.id == ShardRow.pack_id)
        .where(Pack.cleanup_job_id == job_id)
    ).one()
