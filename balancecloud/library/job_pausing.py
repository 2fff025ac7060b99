"""Pausing and resuming a job: the state of its row says it, and workers obey within two seconds.

What is due of a paused job is not claimed, and its small chunks join no new pack. A pack that is
being stored already is ended where it also holds chunks of a job that goes on. What arrives is
still received. A pause outlives every restart, for nothing of it is kept anywhere else.
"""

import uuid
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.errors import StateConflict
from balancecloud.library import job_rows
from balancecloud.library.happenings import record
from balancecloud.models.jobs import Job
from balancecloud.models.library import Version
from balancecloud.models.states import JobKind, JobState, VersionState
from balancecloud.storage import waking

PAUSABLE: Final = (JobState.QUEUED, JobState.RUNNING, JobState.RETRYING, JobState.NEEDS_YOU)


def can_pause(row: Job) -> bool:
    """Say whether a job stores something and is on its way."""
    return row.kind is JobKind.STORE and row.state in PAUSABLE


def pause(session: Session, user_id: uuid.UUID, job_id: uuid.UUID) -> list[uuid.UUID]:
    """Have nothing more of a job sent until it is resumed; there is nothing to ring for.

    Pausing what is paused is fine. StateConflict when it is over, or stores nothing.
    """
    row = job_rows.own_locked(session, user_id, job_id)
    if row.state is JobState.PAUSED:
        return []
    if not can_pause(row):
        raise StateConflict("This job can't be paused.")
    row.state = JobState.PAUSED
    row.retry_at = row.error_code = None
    record(session, row.id, "job.paused")
    return []


def resume(session: Session, user_id: uuid.UUID, job_id: uuid.UUID) -> list[uuid.UUID]:
    """Let a paused job go on from where it stands; return the work to ring for.

    StateConflict when it is not paused.
    """
    row = job_rows.own_locked(session, user_id, job_id)
    if row.state is not JobState.PAUSED:
        raise StateConflict("This job is not paused.")
    # What is still being received runs; what waits for a worker is queued.
    row.state = JobState.RUNNING if _is_arriving(session, job_id) else JobState.QUEUED
    record(session, row.id, "job.resumed")
    return waking.hasten_job(session, row.id)


def _is_arriving(session: Session, job_id: uuid.UUID) -> bool:
    arriving = select(Version.id).where(
        Version.job_id == job_id, Version.state == VersionState.RECEIVING
    )
    return session.scalar(arriving.limit(1)) is not None
