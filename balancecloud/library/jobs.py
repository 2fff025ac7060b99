"""Jobs as a person watches and steers them. Rows are the truth; Redis makes them livelier."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.config import Config
from balancecloud.errors import StateConflict
from balancecloud.library import (
    account_views,
    chunk_lines,
    chunk_maps,
    job_clearing,
    job_file_steering,
    job_files,
    job_folders,
    job_pausing,
    job_rows,
    job_sentences,
    job_views,
    job_waits,
)
from balancecloud.library.chunk_lines import ChunkLine
from balancecloud.library.giving_up import Cancelling
from balancecloud.library.happenings import list_happenings, record
from balancecloud.library.job_figures import ENDED, WAITING
from balancecloud.library.views import JobDetail, JobFile, JobView
from balancecloud.library.wording import Words
from balancecloud.live.progress import ProgressStore
from balancecloud.models.clouds import Chunk, Pack
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Upload, Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import JobKind, JobState, UploadState, VersionState, WorkState
from balancecloud.storage import outcome, waking

IN_HAND: Final = ("queued", "running", "retrying", "paused", "cancelling")
UNFINISHED: Final = (*IN_HAND, "needs_you")
STATES: Final = tuple(state.value for state in JobState)
# The groups of the list of jobs; None: all of them.
FILTERS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "running": IN_HAND,
    "needs_you": ("needs_you",),
    "done": ("done", "failed", "cancelled"),
    "all": None,
}
MOST_SHOWN: Final = 100
MOST_LOGGED: Final = 10_000
MOST_LINES: Final = 20  # chunks in the table of a page that is asked for again and again
CANCELLABLE: Final = (*job_pausing.PAUSABLE, JobState.PAUSED)


@dataclass(frozen=True, slots=True)
class Watch:
    """What watching a job closely takes besides the database."""

    config: Config
    progress: ProgressStore
    clock: Clock = SYSTEM_CLOCK


def list_jobs(
    session: Session,
    progress: ProgressStore,
    user_id: uuid.UUID,
    states: Collection[str] | None = None,
    limit: int = MOST_SHOWN,
) -> tuple[JobView, ...]:
    """Return the person's jobs in these states, the newest first."""
    which = [Job.user_id == user_id, job_clearing.is_listed()]
    if states is not None:
        which.append(Job.state.in_([JobState(state) for state in states]))
    rows = session.scalars(
        select(Job).where(*which).order_by(Job.created_at.desc(), Job.id).limit(limit)
    ).all()
    live = progress.snapshots(row.id for row in rows if row.state not in ENDED)
    return job_views.views(session, rows, live)


def count_in(session: Session, user_id: uuid.UUID, states: Collection[str] | None) -> int:
    """Return how many jobs of the person are in these states; None: in any."""
    counts = _counts(session, user_id)
    return sum(count for state, count in counts.items() if states is None or state in states)


def count_jobs(session: Session, user_id: uuid.UUID) -> dict[str, int]:
    """Return how many jobs each filter of the list shows."""
    counts = _counts(session, user_id)
    return {
        name: sum(count for state, count in counts.items() if states is None or state in states)
        for name, states in FILTERS.items()
    }


def _counts(session: Session, user_id: uuid.UUID) -> dict[str, int]:
    counted = session.execute(
        select(Job.state, func.count())
        .where(Job.user_id == user_id, job_clearing.is_listed())
        .group_by(Job.state)
    )
    return {state.value: count for state, count in counted}


def job_view(
    session: Session, progress: ProgressStore, user_id: uuid.UUID, job_id: uuid.UUID
) -> JobView:
    """Return one job with the accounts that take part; NotFound when it is another's."""
    row = job_rows.own(session, user_id, job_id)
    return job_views.close_view(session, row, job_views.live_figures(session, progress, row))


def get_job(
    session: Session,
    watch: Watch,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    version_id: uuid.UUID | None = None,
) -> JobDetail:
    """Return all that a job's page shows, with the chunk map of one of its files."""
    row = job_rows.own(session, user_id, job_id)
    live = job_views.live_figures(session, watch.progress, row)
    view = job_views.close_view(session, row, live)
    files, hidden = job_files.list_files(session, row.id, live.values())
    folders = job_folders.list_folders(session, row.id, live.values()) if hidden else ()
    linked = account_views.list_accounts(session, watch.config, user_id)
    taking_part = _taking_part(session, view)
    accounts = tuple(one for one in linked if one.id in taking_part) or linked
    chosen = job_files.choose(files, version_id)
    return JobDetail(
        job=view,
        protection=_protection(session, row.id),
        folder_id=row.folder_id,
        files=job_file_steering.with_acts(row, files),
        files_hidden=hidden,
        folders=folders,
        accounts=accounts if row.kind is JobKind.STORE else (),
        chunk_map=chunk_maps.chunk_map(session, chosen, accounts) if chosen else None,
        happenings=list_happenings(session, row.id),
        can_cancel=_can_cancel(row),
        can_retry=_can_retry(session, row),
        can_pause=job_pausing.can_pause(row),
        can_resume=row.state is JobState.PAUSED,
        callout=job_sentences.callout(row, has_accounts=bool(linked)),
        waits_for=job_waits.in_trouble(row.state, linked, taking_part),
        speeds=job_views.speeds(watch.progress, row),
        as_of=watch.clock.now(),
        chunk_lines=_chunk_lines(session, chosen) if chosen else (),
    )


def list_waits(
    session: Session, config: Config, user_id: uuid.UUID, listed: Iterable[JobView]
) -> dict[uuid.UUID, Words]:
    """Return what the waiting ones of these jobs wait for; nothing is asked when none waits."""
    waiting = [job for job in listed if job.state in WAITING]
    linked = account_views.list_accounts(session, config, user_id) if waiting else ()
    words = {job.id: job_waits.waits(job, linked) for job in waiting}
    return {job_id: found for job_id, found in words.items() if found is not None}


def log(session: Session, user_id: uuid.UUID, job_id: uuid.UUID) -> list[str]:
    """Return what happened to a job as lines of text, the oldest first; NotFound as `job_view`."""
    row = job_rows.own(session, user_id, job_id)
    title = job_views.views(session, [row], {})[0].title
    lines = list_happenings(session, row.id, MOST_LOGGED)
    told = [f"{line.at:%Y-%m-%d %H:%M:%S} UTC  {line.sentence}" for line in reversed(lines)]
    return [title, "", *told]


def cancel(session: Session, user_id: uuid.UUID, job_id: uuid.UUID) -> Cancelling:
    """Have a job ended by whoever works on it or receives it, and at once where nobody does.

    StateConflict when it is over, or removes something.
    """
    row = job_rows.own_locked(session, user_id, job_id)
    if not _can_cancel(row):
        raise StateConflict("This job can't be cancelled any more.")
    row.state = JobState.CANCELLING
    record(session, row.id, "job.cancelling")
    due = waking.hasten_job(session, row.id)
    is_left_alone = not due and not _is_in_hands(session, row.id)
    gone = outcome.cancel_job(session, row.id) if is_left_alone else []
    return Cancelling(tuple(due), tuple(gone))


def retry(session: Session, user_id: uuid.UUID, job_id: uuid.UUID) -> list[uuid.UUID]:
    """Take up at once what waits or was given up; return the work to ring for.

    What is stored stays. StateConflict when there is nothing to take up.
    """
    row = job_rows.own_locked(session, user_id, job_id)
    if row.state in {JobState.CANCELLED, JobState.CANCELLING}:
        raise StateConflict("This job was cancelled.")
    if row.state is JobState.PAUSED:
        raise StateConflict("This job is paused. Resume it to go on.")
    due = waking.revive_job(session, row.id)
    if not due:
        raise StateConflict("There is nothing to try again.")
    row.files_failed -= _revive_versions(session, due)
    job_rows.queue_again(session, row)
    return due


def _can_cancel(row: Job) -> bool:
    return row.kind is not JobKind.DELETE and row.state in CANCELLABLE


def _is_in_hands(session: Session, job_id: uuid.UUID) -> bool:
    """Say whether a worker or a receiving request has the job and will see that it is to end."""
    at_work = select(Work.id).where(Work.job_id == job_id, Work.state == WorkState.LEASED)
    arriving = (
        select(Upload.id)
        .join(Version, Version.id == Upload.version_id)
        .join(Resumable, Resumable.version_id == Version.id, isouter=True)
        .where(
            Version.job_id == job_id,
            Upload.state == UploadState.RECEIVING,
            # One that can be resumed is in hands only while a request sends bytes of it.
            Resumable.id.is_(None) | (Resumable.lease_until >= func.now()),
        )
    )
    return session.scalar(select(at_work.exists() | arriving.exists())) is True


def _taking_part(session: Session, job: JobView) -> set[uuid.UUID]:
    if job.kind == JobKind.DELETE:
        return job_waits.holding_what_goes(session, job.id)
    return {lane.id for lane in job.progress.accounts}


def _revive_versions(session: Session, work_ids: list[uuid.UUID]) -> int:
    """Take the versions of this work out of those that failed; return how many there were."""
    revived = session.scalars(
        update(Version)
        .where(
            Version.state == VersionState.FAILED,
            Version.id.in_(select(Work.key).where(Work.id.in_(work_ids))),
        )
        .values(state=VersionState.QUEUED, error_code=None)
        .returning(Version.id)
        .execution_options(synchronize_session=False)
    )
    return len(revived.all())


def _can_retry(session: Session, row: Job) -> bool:
    if row.state in {JobState.CANCELLED, JobState.CANCELLING, JobState.PAUSED}:
        return False
    waits = (Work.state == WorkState.DUE) & (Work.due_at > func.now())
    of_job = select(Work.id).where(Work.job_id == row.id, (Work.state == WorkState.DEAD) | waits)
    return session.scalar(of_job.limit(1)) is not None


def _chunk_lines(session: Session, file: JobFile) -> tuple[ChunkLine, ...]:
    version = session.get(Version, file.version_id)
    return chunk_lines.lines(session, version, MOST_LINES) if version else ()


def _protection(session: Session, job_id: uuid.UUID) -> int:
    """Return how many accounts may be lost: of what is stored already, else what was asked for."""
    of_job = Version.job_id == job_id
    stored = (
        select(func.min(Pack.m))
        .join(Chunk, Chunk.pack_id == Pack.id)
        .join(Version, Version.id == Chunk.version_id)
        .where(of_job)
        .scalar_subquery()
    )
    asked = select(func.min(Version.protection)).where(of_job).scalar_subquery()
    return session.scalar(select(func.coalesce(stored, asked, 0))) or 0
