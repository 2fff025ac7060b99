"""The ends of resumable uploads that do not become files: nothing of them stays."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from balancecloud.errors import Cancelled
from balancecloud.library import abandoned, batches
from balancecloud.library.resumable_views import look
from balancecloud.library.upload_errors import UploadExpired
from balancecloud.models.jobs import Job, JobEvent
from balancecloud.models.library import Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import JobState, VersionState
from balancecloud.storage import completion, outcome
from balancecloud.storage.tools import Tools

# How long it is still known that an upload arrived, or was given up.
REMEMBERED: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Cancelling:
    """What is left to do, once it is committed, for what a person cancelled."""

    work_ids: tuple[uuid.UUID, ...]  # to ring for
    upload_ids: tuple[uuid.UUID, ...] = ()  # `empty` empties their spool


def give_up(tools: Tools, user_id: uuid.UUID, upload_id: uuid.UUID) -> None:
    """End an upload at its sender's wish: nothing of it stays. What arrived whole is a file."""
    with tools.sessions.begin() as session:
        standing = look(session, user_id, upload_id)
        gone = [] if standing.is_whole else _remove(session, upload_id, Cancelled.code)
        session.execute(delete(Resumable).where(Resumable.id == upload_id))
    empty(tools, gone)


def take_back(tools: Tools, upload_id: uuid.UUID) -> None:
    """Leave nothing of an upload whose sender never heard of it, nor of a job that it alone was in.

    One that arrived whole stays, and so does one that another request goes on with by now.
    """
    gone: list[uuid.UUID] = []
    with tools.sessions.begin() as session:
        job = _lock_job(session, upload_id)
        version = _lock_arriving(session, upload_id)
        if job is None or version is None:
            return
        if session.scalar(_idle().where(Resumable.id == upload_id)) is None:
            return
        gone = abandoned.remove_versions(session, version.user_id, [version])
        session.execute(delete(Resumable).where(Resumable.id == upload_id))
        of_job = select(Version.id).where(Version.job_id == job.id)
        if session.scalar(of_job.limit(1)) is None:
            session.delete(job)
        else:
            _leave(session, job, Cancelled.code)
    empty(tools, gone)


def sweep(tools: Tools) -> int:
    """Give up what nobody went on with in time or whose job is cancelled; return how many."""
    with tools.sessions() as session:
        late = session.scalars(_idle().where(Resumable.expires_at < func.now())).all()
        unwanted = session.scalars(_idle().where(Job.state == JobState.CANCELLING)).all()
    for upload_id in late:
        with tools.sessions.begin() as session:
            gone = _expire(session, upload_id)
        empty(tools, gone)
    for upload_id in unwanted:
        end_cancelled(tools, upload_id)
    with tools.sessions.begin() as session:
        over = Resumable.expires_at < func.now() - REMEMBERED
        session.execute(delete(Resumable).where(over))
    return len(late) + len(unwanted)


def end_cancelled(tools: Tools, upload_id: uuid.UUID) -> None:
    """End the cancelled job of an upload unless another request, or a worker, has it in hand."""
    with tools.sessions.begin() as session:
        job = _lock_job(session, upload_id)
        if job is None or job.state is not JobState.CANCELLING:
            return
        held = select(Resumable.id).where(
            Resumable.version_id == Version.id,
            Version.job_id == job.id,
            Resumable.id != upload_id,
            Resumable.lease_until >= func.now(),
        )
        gone = [] if session.scalar(held.limit(1)) else outcome.cancel_job(session, job.id)
    empty(tools, gone)


def _idle() -> Select[uuid.UUID]:
    """Return a query of the uploads that are unfinished and that no request sends just now."""
    return (
        select(Resumable.id)
        .join(Version, Version.id == Resumable.version_id)
        .join(Job, Job.id == Version.job_id)
        .where(
            Version.state == VersionState.RECEIVING,
            or_(Resumable.lease_until.is_(None), Resumable.lease_until < func.now()),
        )
    )


def _lock_job(session: Session, upload_id: uuid.UUID) -> Job | None:
    """Lock the job of an upload, as everybody locks jobs first."""
    job_id = session.scalar(
        select(Version.job_id)
        .join(Resumable, Resumable.version_id == Version.id)
        .where(Resumable.id == upload_id)
    )
    if job_id is None:
        return None
    return session.get(Job, job_id, with_for_update=True, populate_existing=True)


def _lock_arriving(session: Session, upload_id: uuid.UUID) -> Version | None:
    """Lock the version of an upload, after its job; None when it is not arriving any more."""
    return session.scalar(
        select(Version)
        .join(Resumable, Resumable.version_id == Version.id)
        .where(Resumable.id == upload_id, Version.state == VersionState.RECEIVING)
        .with_for_update(of=Version)
        .execution_options(populate_existing=True)
    )


def _expire(session: Session, upload_id: uuid.UUID) -> list[uuid.UUID]:
    """Give an upload up as `_remove` does, unless somebody went on with it a moment ago."""
    _lock_job(session, upload_id)
    _lock_arriving(session, upload_id)  # as whoever goes on with it does
    late = _idle().where(Resumable.id == upload_id, Resumable.expires_at < func.now())
    return _remove(session, upload_id, UploadExpired.code) if session.scalar(late) else []


def _remove(session: Session, upload_id: uuid.UUID, reason: str) -> list[uuid.UUID]:
    """Remove an unfinished upload, and what it reserved; return what the spool is to forget."""
    job = _lock_job(session, upload_id)
    version = _lock_arriving(session, upload_id)
    if job is None or version is None:
        return []
    gone = abandoned.remove_versions(session, version.user_id, [version])
    _leave(session, job, reason)
    return gone


def _leave(session: Session, job: Job, reason: str) -> None:
    """Let a job go on, or end, without one of its files."""
    if reason == Cancelled.code:
        job.files_total = max(1, job.files_total - 1)
    else:
        job.files_failed += 1
        job.error_code = reason
        values = {"reason": reason}
        session.add(JobEvent(job_id=job.id, level="warn", code="upload.aborted", args=values))
    session.flush()
    if job.files_stored or job.files_failed:
        completion.close_if_over(session, job)
    elif not batches.is_on_its_way(session, job.id):
        job.state, job.finished_at = JobState.CANCELLED, session.scalar(func.now().select())
        session.add(JobEvent(job_id=job.id, code="job.cancelled", args={"stored": 0}))


def empty(tools: Tools, upload_ids: Iterable[uuid.UUID]) -> None:
    """Forget the bytes of uploads that are gone; call it after the commit."""
    for upload_id in upload_ids:
        tools.hashes.forget(upload_id)
        tools.spool.remove(upload_id)
