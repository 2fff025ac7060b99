"""Ending what is on its way, from a page or a program: committed before its spool is emptied."""

import uuid

from balancecloud.library import giving_up, jobs
from balancecloud.library.jobs import Cancelling
from balancecloud.web import context


def cancel(job_id: uuid.UUID) -> None:
    """Cancel a job of the person who asks."""
    _carry_out(jobs.cancel(context.session(), context.person().id, job_id))


def _carry_out(cancelling: Cancelling) -> None:
    for work_id in cancelling.work_ids:
        context.ring_after_commit(work_id)
    context.commit()
    giving_up.empty(context.gateway(), cancelling.upload_ids)
