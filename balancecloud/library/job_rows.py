"""A person's own jobs as rows: another's is not found."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.errors import NotFound
from balancecloud.library.happenings import record
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobState


def own(session: Session, user_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """Return the person's job as it is now; NotFound when it is another's."""
    row = session.scalar(
        select(Job)
        .where(Job.id == job_id, Job.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound
    return row


def own_locked(session: Session, user_id: uuid.UUID, job_id: uuid.UUID) -> Job:
    """Return the person's job, locked until this transaction ends; NotFound as `own`."""
    own(session, user_id, job_id)
    return session.get_one(Job, job_id, with_for_update=True, populate_existing=True)


def queue_again(session: Session, job: Job) -> None:
    """Let a locked job go on with what of it failed, as if nothing had ended it."""
    if job.state is not JobState.RUNNING:
        job.state = JobState.QUEUED
    job.error_code = job.retry_at = job.finished_at = None
    record(session, job.id, "job.retried")
