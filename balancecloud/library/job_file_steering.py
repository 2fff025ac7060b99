"""Cancelling one file of a job, or taking it up again, while the others go on."""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.errors import NotFound, StateConflict
from balancecloud.library import batches, job_rows
from balancecloud.library.giving_up import Cancelling
from balancecloud.library.happenings import record
from balancecloud.library.views import JobFile
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import JobKind, JobState, VersionState
from balancecloud.storage import completion, waking

STEERABLE: Final = (
    JobState.QUEUED,
    JobState.RUNNING,
    JobState.RETRYING,
    JobState.PAUSED,
    JobState.NEEDS_YOU,
    JobState.FAILED,
    JobState.DONE,  # with problems: what failed may be taken up, or away
)
CANCELLABLE: Final = (*completion.UNFINISHED, VersionState.FAILED)


def with_acts(job: Job, files: Iterable[JobFile]) -> tuple[JobFile, ...]:
    """Return files of a job with what may be done to each by itself."""
    return tuple(
        replace(
            file,
            can_cancel=can_cancel(job, VersionState(file.state)),
            can_retry=can_retry(job, VersionState(file.state)),
        )
        for file in files
    )


def can_cancel(job: Job, state: VersionState) -> bool:
    """Say whether one file of a job, in this state, may be cancelled by itself."""
    return _is_steerable(job) and job.files_total > 1 and state in CANCELLABLE


def can_retry(job: Job, state: VersionState) -> bool:
    """Say whether one file of a job, in this state, may be taken up again by itself."""
    return _is_steerable(job) and job.state is not JobState.PAUSED and state is VersionState.FAILED


def cancel(
    session: Session, user_id: uuid.UUID, job_id: uuid.UUID, version_id: uuid.UUID
) -> Cancelling:
    """Take one file out of a job: nothing of it stays, and the others go on.

    NotFound when it is none of the job's. StateConflict when it is over, the only one, or arrives
    with others in a form, which is received as a whole.
    """
    job = job_rows.own_locked(session, user_id, job_id)
    _find(session, job, version_id)
    _lock_work(session, version_id)
    version = _find(session, job, version_id, is_locking=True)
    if not can_cancel(job, version.state):
        raise StateConflict("This file can't be cancelled by itself any more.")
    if version.state is VersionState.RECEIVING and not _is_resumable(session, version_id):
        raise StateConflict("This file arrives together with others. Cancel the whole job instead.")
    had_failed = version.state is VersionState.FAILED
    upload_id = completion.withdraw(session, version, VersionState.CANCELLED)
    job.files_total -= 1
    job.files_failed -= had_failed
    record(session, job.id, "file.cancelled")
    _end_if_over(session, job)
    return Cancelling((), (upload_id,) if upload_id else ())


def retry(
    session: Session, user_id: uuid.UUID, job_id: uuid.UUID, version_id: uuid.UUID
) -> list[uuid.UUID]:
    """Take up one file that failed; return the work to ring for.

    NotFound when it is none of the job's, StateConflict when there is nothing to take up.
    """
    job = job_rows.own_locked(session, user_id, job_id)
    _find(session, job, version_id)
    due = waking.revive_version(session, version_id)
    version = _find(session, job, version_id, is_locking=True)
    if not can_retry(job, version.state) or not due:
        raise StateConflict("There is nothing to try again.")
    version.state, version.error_code = VersionState.QUEUED, None
    job.files_failed -= 1
    job_rows.queue_again(session, job)
    return due


def _is_steerable(job: Job) -> bool:
    return job.kind is JobKind.STORE and job.state in STEERABLE


def _lock_work(session: Session, version_id: uuid.UUID) -> None:
    of_version = select(Work.id).where(Work.key == version_id).order_by(Work.id)
    session.scalars(of_version.with_for_update()).all()


def _find(
    session: Session, job: Job, version_id: uuid.UUID, *, is_locking: bool = False
) -> Version:
    """Return a version of the job; NotFound for any other. It is locked after its work only."""
    wanted = select(Version).where(Version.id == version_id, Version.job_id == job.id)
    version = session.scalar(
        (wanted.with_for_update() if is_locking else wanted).execution_options(
            populate_existing=True
        )
    )
    if version is None:
        raise NotFound
    return version


def _is_resumable(session: Session, version_id: uuid.UUID) -> bool:
    found = select(Resumable.id).where(Resumable.version_id == version_id)
    return session.scalar(found) is not None


def _end_if_over(session: Session, job: Job) -> None:
    """End a job that waited for nothing else than the file that was cancelled."""
    session.flush()
    if job.files_stored or job.files_failed:
        completion.close_if_over(session, job)
    elif not batches.is_on_its_way(session, job.id):
        job.state, job.finished_at = JobState.CANCELLED, session.scalar(func.now().select())
        record(session, job.id, "job.cancelled")
