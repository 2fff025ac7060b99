"""Rows of jobs as the values that lists, pages and the API show; few queries for many jobs."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.library import job_figures, job_sentences
from balancecloud.library.job_figures import ENDED, Sums
from balancecloud.library.views import JobView, LaneProgress, SpeedSample
from balancecloud.live.progress import Figures, LiveSnapshot, ProgressStore
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node, Version
from balancecloud.models.states import JobKind, JobState, VersionState

Live = Mapping[uuid.UUID, LiveSnapshot]
MOST_IN_WORK: Final = 64


def views(session: Session, rows: Sequence[Job], live: Live) -> tuple[JobView, ...]:
    """Return jobs for a list, without their accounts. Redis was asked before."""
    known = job_figures.sums(session, [row.id for row in rows], live)
    folders = _folder_names(session, rows)
    return tuple(_view(row, folders, known.get(row.id), live.get(row.id)) for row in rows)


def close_view(session: Session, row: Job, live: Live) -> JobView:
    """Return one job with the accounts that take part in it."""
    known = job_figures.sums(session, [row.id], live)
    lanes = job_figures.lanes(session, row.id) if row.kind is JobKind.STORE else ()
    folders = _folder_names(session, [row])
    return _view(row, folders, known.get(row.id), live.get(row.id), lanes)


def live_figures(session: Session, progress: ProgressStore, row: Job) -> Live:
    """Return what Redis knows of a job that is not over.

    Of one that runs, Redis is told what is committed: after it was emptied a new run begins from
    there, and what a request receives, which only rows say, has a speed too.
    """
    if row.state in ENDED:
        return {}
    if row.state is not JobState.RUNNING:
        return progress.snapshots([row.id])
    known = progress.start(row.id, row.user_id, _committed(session, row.id))
    return {row.id: known} if known else {}


def speeds(progress: ProgressStore, row: Job) -> tuple[SpeedSample, ...]:
    """Return how fast a job that is not over was within the last two minutes, as Redis knows."""
    samples = () if row.state in ENDED else progress.speeds(row.id)
    return tuple(
        SpeedSample(round(samples[-1].at - one.at), round(one.rate_in), round(one.rate_out))
        for one in samples
    )


def _committed(session: Session, job_id: uuid.UUID) -> Figures:
    """Return what the database knows: of all files what arrived, of those in work the rest."""
    of_job = Version.job_id == job_id
    arrived = session.scalar(select(func.sum(Version.received_bytes)).where(of_job))
    is_early = (Version.state == VersionState.RECEIVING) & (Version.sealed_bytes > 0)
    rows = session.execute(
        select(Version.id, Version.sealed_bytes, Version.stored_bytes)
        .where(of_job, (Version.state == VersionState.STORING) | is_early)
        .limit(MOST_IN_WORK)
    ).all()
    return Figures(
        {job_id: int(arrived or 0)},  # for its speed; no version has the id of a job
        {row.id: row.sealed_bytes for row in rows},
        {row.id: row.stored_bytes for row in rows},
    )


def _folder_names(session: Session, rows: Sequence[Job]) -> dict[uuid.UUID, str]:
    wanted = {row.folder_id for row in rows if row.folder_id}
    if not wanted:
        return {}
    named = session.execute(select(Node.id, Node.name).where(Node.id.in_(wanted)))
    return {row.id: row.name for row in named}


def _view(
    row: Job,
    folders: Mapping[uuid.UUID, str],
    known: Sums | None,
    live: LiveSnapshot | None,
    lanes: tuple[LaneProgress, ...] = (),
) -> JobView:
    return JobView(
        id=row.id,
        kind=row.kind.value,
        title=job_sentences.title(row, folders.get(row.folder_id) if row.folder_id else None),
        state=row.state.value,
        source=row.source,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=job_sentences.error(row.error_code),
        progress=job_figures.progress(row, known or Sums(), live, lanes),
    )
