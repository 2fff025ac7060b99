"""Storing a file while it still arrives: what of it is whole already becomes work.

Only where the length was declared at the start, as every chunk is sealed with it. The version stays
`receiving` until its last byte; only work written down after that byte can show it. Its parts stay
in the spool until then: a chunk may have to be sealed again, for another account.
"""

import uuid
from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Upload, Version
from balancecloud.models.states import JobState, VersionState, WorkKind
from balancecloud.storage import cleanup, runs
from balancecloud.storage.tools import Tools

UNWANTED = (JobState.CANCELLING, JobState.CANCELLED)


def note_durable(tools: Tools, upload_id: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Have stored what of an upload is whole by now, in a transaction of its own.

    Called after each commit that recorded bytes; returns the work to ring for. It goes by
    `received_bytes` alone, so a call that was lost is made up for by the next one, or by the
    last byte, which has all stored that is not written down yet (`runs.queue`).
    """
    with tools.sessions() as session:
        version_id = _large(session, tools.config.early_bytes, upload_id)
    if version_id is None:
        return ()
    with tools.sessions.begin() as session:
        version = _lock_wanted(session, version_id)
        if version is None:
            return ()
        return tuple(runs.queue_whole(session, tools.config, version))


def take_back(session: Session, user_id: uuid.UUID, version_ids: Collection[uuid.UUID]) -> None:
    """Have removed what was stored of versions that are given up; their job is locked.

    A worker that is at it finds its work gone, and takes back what is on its way.
    """
    session.execute(delete(Work).where(Work.kind == WorkKind.STORE, Work.key.in_(version_ids)))
    packs = cleanup.drop_chunks(session, list(version_ids))
    if packs:
        cleanup.clean_packs(session, user_id, packs)


def _large(session: Session, limit: int, upload_id: uuid.UUID) -> uuid.UUID | None:
    """Return the version of an upload that is large enough, without locking anything."""
    return session.scalar(
        select(Version.id)
        .join(Upload, Upload.version_id == Version.id)
        .where(
            Upload.id == upload_id,
            Version.state == VersionState.RECEIVING,
            Version.size > limit,
            Version.received_bytes >= limit // Version.chunk_size * Version.chunk_size,
        )
    )


def _lock_wanted(session: Session, version_id: uuid.UUID) -> Version | None:
    """Lock the job, then the version; None when it is whole by now or nobody wants it."""
    job_id = select(Version.job_id).where(Version.id == version_id).scalar_subquery()
    state = session.scalar(select(Job.state).where(Job.id == job_id).with_for_update())
    if state is None or state in UNWANTED:
        return None
    return session.scalar(
        select(Version)
        .where(Version.id == version_id, Version.state == VersionState.RECEIVING)
        .with_for_update()
    )
