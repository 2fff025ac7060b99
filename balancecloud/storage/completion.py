"""The ends of versions that are not stored: failed or cancelled, each in one transaction."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from balancecloud.models.jobs import Job, JobEvent, Work
from balancecloud.models.library import Node, Upload, Version
from balancecloud.models.people import User
from balancecloud.models.states import (
    JobKind,
    JobState,
    UploadState,
    VersionState,
    WorkKind,
    WorkState,
)
from balancecloud.storage import cleanup

UNFINISHED = (
    VersionState.RECEIVING,
    VersionState.QUEUED,
    VersionState.STORING,
    VersionState.WAITING,
)
# Versions whose bytes count as used: they were stored once.
COUNTED = (
    VersionState.STORED,
    VersionState.DEGRADED,
    VersionState.UNREADABLE,
    VersionState.LOST,
)


def fail(session: Session, version: Version, error_code: str) -> None:
    """Give a version up with a reason. What is in the spool stays, so that a person can retry."""
    version.state = VersionState.FAILED
    version.error_code = error_code
    _give_up_work(session, version, error_code)
    if version.job_id:
        _count_failed(session, version.job_id)


def withdraw(session: Session, version: Version, state: VersionState) -> uuid.UUID | None:
    """Take an unfinished version back: quota, node and shards; return its upload for the spool.

    The node goes with it unless it shows or awaits another version, or one that can be retried.
    """
    if version.state not in UNFINISHED and version.state is not VersionState.FAILED:
        return None
    version.state = state
    _end_work(session, version)
    session.flush()
    _drop_empty_node(session, version)
    packs = cleanup.drop_chunks(session, [version.id])
    upload_id = _end_upload(session, version)
    if packs:
        cleanup.clean_packs(session, version.user_id, packs)
    return upload_id


def _end_work(session: Session, version: Version) -> None:
    """End the version's work, whoever holds it: a late step then finds its lease lost."""
    session.execute(
        update(Work)
        .where(Work.kind == WorkKind.STORE, Work.key == version.id)
        .values(state=WorkState.DONE, owner=None, lease_until=None)
    )


def _give_up_work(session: Session, version: Version, error_code: str) -> None:
    """Give up what else is to be done for the version, whoever holds it, until a retry."""
    session.execute(
        update(Work)
        .where(
            Work.kind == WorkKind.STORE,
            Work.key == version.id,
            Work.state.in_((WorkState.DUE, WorkState.LEASED)),
        )
        .values(state=WorkState.DEAD, reason=error_code, owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def _count_failed(session: Session, job_id: uuid.UUID) -> None:
    """Count a file that failed in its job; the job ends with its last file."""
    job = session.get_one(Job, job_id, with_for_update=True, populate_existing=True)
    job.files_failed += 1
    close_if_over(session, job)


def close_if_over(session: Session, job: Job) -> None:
    """End a store job once none of its versions is on its way.

    One that is being cancelled ends as well: nobody is left to obey.
    """
    if job.kind is not JobKind.STORE:
        return
    session.flush()
    on_its_way = select(Version.id).where(Version.job_id == job.id, Version.state.in_(UNFINISHED))
    if session.scalar(on_its_way.limit(1)) is not None:
        return
    job.state = end_of(job.state, job.files_stored, job.files_failed, job.files_total)
    job.finished_at = session.scalar(func.now().select())
    job.retry_at = None
    if job.state is JobState.DONE and not job.files_failed:
        job.error_code = None
    code = f"job.{job.state.value}"
    values = {"stored": job.files_stored, "failed": job.files_failed}
    session.add(JobEvent(job_id=job.id, code=code, args=values))


def end_of(state: JobState, stored: int, failed: int, total: int) -> JobState:
    """Return how a job ends of which no file is on its way any more."""
    if state is JobState.CANCELLING and stored < total:
        return JobState.CANCELLED
    return JobState.DONE if stored or not failed else JobState.FAILED


def _end_upload(session: Session, version: Version) -> uuid.UUID | None:
    """End the version's upload and give its reservation back; return the upload's id."""
    upload = session.scalar(select(Upload).where(Upload.version_id == version.id).with_for_update())
    if upload is None:
        return None
    session.execute(
        update(User)
        .where(User.id == version.user_id)
        .values(reserved_bytes=User.reserved_bytes - upload.reserved_bytes)
    )
    upload.state = UploadState.RECEIVED
    session.delete(upload)
    session.flush()
    return upload.id


def _drop_empty_node(session: Session, version: Version) -> None:
    lock_nodes(session, [version.file_id])
    living = select(Version.id).where(
        Version.file_id == version.file_id, Version.state != VersionState.CANCELLED
    )
    if session.scalar(living.limit(1)) is None:
        session.execute(delete(Node).where(Node.file_id == version.file_id))


def unstored_versions(session: Session, job_id: uuid.UUID) -> Sequence[Version]:
    """Return and lock a job's versions that are on their way or failed, and their nodes."""
    versions = session.scalars(
        select(Version)
        .where(Version.job_id == job_id, Version.state.in_((*UNFINISHED, VersionState.FAILED)))
        .order_by(Version.id)
        .with_for_update()
    ).all()
    lock_nodes(session, [version.file_id for version in versions])
    return versions


def lock_nodes(session: Session, file_ids: Collection[uuid.UUID]) -> None:
    """Lock the nodes that files began with, after versions and before people.

    Copies that show one of their versions are left alone. Whoever adds a version to one of them
    meanwhile is waited for, and is seen afterwards.
    """
    session.scalars(
        select(Node.id).where(Node.id.in_(file_ids)).order_by(Node.id).with_for_update()
    ).all()
