"""Which job an upload belongs to: that of its batch, else a fresh one of the same sign-in."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from balancecloud.errors import Cancelled
from balancecloud.library import uploads
from balancecloud.library.uploads import Wanted
from balancecloud.models.jobs import Job
from balancecloud.models.library import Version
from balancecloud.models.states import JobKind, JobState
from balancecloud.storage.completion import UNFINISHED

FRESH: Final = timedelta(minutes=1)
CANCELLED: Final = (JobState.CANCELLING, JobState.CANCELLED)
OVER: Final = (JobState.DONE, JobState.FAILED)


@dataclass(frozen=True, slots=True)
class Group:
    """What an upload has in common with others: the sender's word for them, or its sign-in."""

    session_id: uuid.UUID
    batch: uuid.UUID | None = None


def join(session: Session, wanted: Wanted, group: Group, name: str) -> Job:
    """Return the job that an upload belongs to, locked; one that was over goes on.

    Cancelled when its batch was: what is still to come of it is not wanted.
    """
    turn = func.pg_advisory_xact_lock(func.hashtextextended(f"upload:{wanted.user_id}", 0))
    session.execute(select(turn))
    found = session.scalar(
        select(Job)
        .where(Job.user_id == wanted.user_id, Job.kind == JobKind.STORE, _is_same(wanted, group))
        .order_by(Job.created_at.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        return _open(session, wanted, group, name)
    if found.state in CANCELLED:
        raise Cancelled
    found.files_total += 1
    if found.state in OVER:
        found.state, found.finished_at = JobState.RUNNING, None
    return found


def _is_same(wanted: Wanted, group: Group) -> ColumnElement[bool]:
    if group.batch is not None:
        return Job.batch == group.batch
    return and_(
        Job.session_id == group.session_id,
        Job.batch.is_(None),
        Job.folder_id.is_not_distinct_from(wanted.parent_id),
        Job.created_at > func.now() - FRESH,
        Job.state.not_in(CANCELLED),
    )


def _open(session: Session, wanted: Wanted, group: Group, name: str) -> Job:
    job = session.get_one(Job, uploads.open_job(session, wanted, name), with_for_update=True)
    job.batch, job.session_id = group.batch, group.session_id
    return job


def is_on_its_way(session: Session, job_id: uuid.UUID, *but: uuid.UUID) -> bool:
    """Say whether a job has versions, others than these, that are neither stored nor given up."""
    found = select(Version.id).where(
        Version.job_id == job_id, Version.state.in_(UNFINISHED), Version.id.not_in(but)
    )
    return session.scalar(found.limit(1)) is not None
