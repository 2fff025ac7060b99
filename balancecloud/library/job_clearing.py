"""Clearing the list of jobs of what is over. Failures stay until they are dealt with."""

import uuid
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from balancecloud.models.jobs import Job
from balancecloud.models.states import JobState

_IS_OVER: Final[ColumnElement[bool]] = or_(
    Job.state == JobState.CANCELLED, and_(Job.state == JobState.DONE, Job.files_failed == 0)
)


def is_listed() -> ColumnElement[bool]:
    """Say whether a job is in the list: one that went on since it was cleared is there again."""
    return or_(Job.cleared_at.is_(None), ~_IS_OVER, Job.finished_at > Job.cleared_at)


def count_clearable(session: Session, user_id: uuid.UUID) -> int:
    """Return how many of a person's jobs `clear` would take from the list."""
    return session.scalars(select(func.count()).where(_is_clearable(user_id))).one()


def clear(session: Session, user_id: uuid.UUID) -> None:
    """Take from the list what was done or cancelled; a job with a failed file stays.

    Each keeps its page and its log.
    """
    session.execute(
        update(Job)
        .where(_is_clearable(user_id))
        .values(cleared_at=func.now())
        .execution_options(synchronize_session=False)
    )


def _is_clearable(user_id: uuid.UUID) -> ColumnElement[bool]:
    return and_(Job.user_id == user_id, is_listed(), _IS_OVER)
