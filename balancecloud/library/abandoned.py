"""Uploads that were given up: what they leave is removed, down to the folders they made."""

import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from balancecloud.errors import Cancelled
from balancecloud.library import early, quota, upload_ids
from balancecloud.models.jobs import Job, JobEvent
from balancecloud.models.library import Node, Upload, Version
from balancecloud.models.states import JobState, UploadState, VersionState
from balancecloud.storage import completion
from balancecloud.storage.tools import Tools

# A job in which something may still arrive.
RECEIVED_IN: Final = (JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING)


def abandon_job(session: Session, job_id: uuid.UUID, reason: str) -> list[uuid.UUID]:
    """Remove what a job was receiving: versions, new nodes, reservations. The job says why.

    Returns the uploads whose spool is to be emptied; none when the job was received or ended
    meanwhile, for then it is no longer this request's.
    """
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None or job.state not in RECEIVED_IN:
        return []
    gone = _remove_versions(session, job)
    if not gone:
        # All of it was received: the answer to that commit was lost on its way.
        return []
    was_cancelled = reason == Cancelled.code or job.state is JobState.CANCELLING
    job.state = JobState.CANCELLED if was_cancelled else JobState.FAILED
    job.error_code = None if was_cancelled else reason
    job.files_failed = 0 if was_cancelled else job.files_total
    job.finished_at = session.scalar(func.now().select())
    code = "job.cancelled" if was_cancelled else "upload.aborted"
    session.add(JobEvent(job_id=job.id, level="warn", code=code, args={"reason": reason}))
    return gone


def drop_empty_folders(session: Session, folder_ids: Sequence[uuid.UUID]) -> None:
    """Remove folders that were made for an upload, outer ones first in the list, if still empty."""
    for folder_id in folder_ids:
        # Locked before looking: a child that is being added is waited for.
        session.scalar(select(Node.id).where(Node.id == folder_id).with_for_update())
    for folder_id in reversed(folder_ids):
        holds = select(Node.id).where(Node.parent_id == folder_id)
        if session.scalar(holds.limit(1)) is None:
            session.execute(delete(Node).where(Node.id == folder_id))


def sweep(tools: Tools) -> int:
    """Remove uploads whose request died, and spooled bytes that no upload owns; return how many."""
    gone = []
    for job_id in _dead_jobs(tools):
        with tools.sessions.begin() as session:
            if _is_dead(session, job_id):
                gone += abandon_job(session, job_id, "broken_upload")
    for upload in gone:
        tools.spool.remove(upload)
    return len(gone) + _remove_orphans(tools)


def _dead_jobs(tools: Tools) -> set[uuid.UUID]:
    with tools.sessions() as session:
        found = session.scalars(
            select(Version.job_id)
            .join(Upload, Upload.version_id == Version.id)
            .where(Upload.state == UploadState.RECEIVING, Upload.lease_until < func.now())
        )
        return {job_id for job_id in found if job_id is not None}


def _is_dead(session: Session, job_id: uuid.UUID) -> bool:
    """Lock the job; say whether none of its uploads was heard of since."""
    session.scalar(select(Job.id).where(Job.id == job_id).with_for_update())
    living = (
        select(Upload.id)
        .join(Version, Version.id == Upload.version_id)
        .where(Version.job_id == job_id, Upload.lease_until >= func.now())
    )
    return session.scalar(living.limit(1)) is None


def _remove_versions(session: Session, job: Job) -> list[uuid.UUID]:
    versions = session.scalars(
        select(Version)
        .where(Version.job_id == job.id, Version.state == VersionState.RECEIVING)
        .order_by(Version.id)
        .with_for_update()
    ).all()
    return remove_versions(session, job.user_id, versions)


def remove_versions(
    session: Session, user_id: uuid.UUID, versions: Sequence[Version]
) -> list[uuid.UUID]:
    """Remove locked versions that were arriving: new nodes and reservations go with them.

    Returns the uploads whose spool is to be emptied.
    """
    ids = [version.id for version in versions]
    file_ids = {version.file_id for version in versions}
    completion.lock_nodes(session, file_ids)
    removed = session.execute(
        delete(Upload)
        .where(Upload.version_id.in_(ids))
        .returning(Upload.id, Upload.reserved_bytes)
        .execution_options(synchronize_session=False)
    ).all()
    early.take_back(session, user_id, ids)
    session.execute(delete(Version).where(Version.id.in_(ids)))
    # A cancelled version is only remembered by its job: no file is left for it.
    used = select(Version.file_id).where(
        Version.file_id.in_(file_ids), Version.state != VersionState.CANCELLED
    )
    unused = file_ids - set(session.scalars(used))
    session.execute(delete(Node).where(Node.file_id.in_(unused)))
    quota.give_back(session, user_id, sum(row.reserved_bytes for row in removed))
    return [row.id for row in removed]


def _remove_orphans(tools: Tools) -> int:
    """Remove spooled bytes without a row: a crash came between the two."""
    removed = 0
    for upload in list(tools.spool.uploads()):
        if upload_ids.may_get_a_row(upload, tools.clock.now()):
            continue
        with tools.sessions() as session:
            known = session.scalar(select(Upload.id).where(Upload.id == upload))
        if known is None:
            tools.spool.remove(upload)
            removed += 1
    return removed
