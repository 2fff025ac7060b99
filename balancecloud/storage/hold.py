"""Holding a claim while its rows are changed, always in one order, so that nobody waits in a ring.

The order of locks is: the job, its work, then versions, nodes, users, accounts (by id), shards.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.models.jobs import Job
from balancecloud.storage.work import Claim, guard


def hold(session: Session, claim: Claim) -> None:
    """Lock the claim's job and work until this transaction ends; LeaseLost when it is over."""
    if claim.job_id:
        session.scalar(select(Job.id).where(Job.id == claim.job_id).with_for_update())
    guard(session, claim)
