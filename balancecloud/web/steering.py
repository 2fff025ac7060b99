"""Ending what is on its way, from a page or a program: committed before its spool is emptied."""

import uuid

from balancecloud.library import giving_up, job_file_steering, jobs
from balancecloud.library.giving_up import Cancelling
from balancecloud.web import context


def cancel(job_id: uuid.UUID) -> None:
    """Cancel a job of the person who asks."""
    _carry_out(jobs.cancel(context.session(), context.person().id, job_id))


def cancel_file(job_id: uuid.UUID, version_id: uuid.UUID) -> None:
    """Cancel one file of such a job."""
    person = context.person()
    _carry_out(job_file_steering.cancel(context.session(), person.id, job_id, version_id))


def retry_file(job_id: uuid.UUID, version_id: uuid.UUID) -> None:
    """Take up again one file of such a job."""
    person = context.person()
    for work_id in job_file_steering.retry(context.session(), person.id, job_id, version_id):
        context.ring_after_commit(work_id)


def _carry_out(cancelling: Cancelling) -> None:
    for work_id in cancelling.work_ids:
        context.ring_after_commit(work_id)
    context.commit()
    giving_up.empty(context.gateway(), cancelling.upload_ids)
