"""Beginning uploads that may break off and go on, and having whole ones stored (docs/api.md)."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.errors import NoSpoolSpace, TooLarge, TooMany
from balancecloud.library import batches, mime_types, quota, tree, uploads
from balancecloud.library.batches import Group
from balancecloud.library.resumable_views import Standing, standing_of
from balancecloud.library.uploads import Wanted, Whole
from balancecloud.models.jobs import Job, JobEvent
from balancecloud.models.library import Upload, Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import JobState, UploadState, VersionState
from balancecloud.storage import runs
from balancecloud.storage.running_hashes import Prefix
from balancecloud.storage.tools import Tools

# How long nobody may go on with an upload before it is given up.
LIFE: Final = timedelta(hours=24)
MOST_OPEN: Final = 2000  # of one person: more are a mistake, or mischief
TRY_LATER_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Sent:
    """An upload as its sender announced it; `told` is Upload-Metadata as it came."""

    wanted: Wanted
    path: tuple[str, ...]
    group: Group
    told: str
    content_type: str | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload that was begun; one of no bytes is whole at once and has work to ring for."""

    standing: Standing
    job_id: uuid.UUID | None
    work_ids: tuple[uuid.UUID, ...] = ()


def begin(tools: Tools, sent: Sent) -> Begun:
    """Take the name, reserve the bytes and join a job, all or nothing.

    Raises TooLarge, OverQuota, NoSpoolSpace, NameTaken, TooMany, or Cancelled with its batch.
    """
    length = sent.wanted.declared_bytes
    if length > tools.config.largest_file_bytes:
        raise TooLarge
    if tools.spool.free_bytes() < length:
        raise NoSpoolSpace
    with tools.sessions.begin() as session:
        _refuse_too_many(session, sent.wanted.user_id)
        version = _add_version(session, tools, sent)
        envelope = uploads.add_upload(session, tools.keys, version, length, None)
        row = _add_row(session, sent, version)
        # Last but for work, as everybody locks people's rows after all others.
        quota.reserve(session, sent.wanted.user_id, length)
        work_ids: tuple[uuid.UUID, ...] = ()
        if not length:
            nothing = Whole(version.id, envelope.upload_id, 0, Prefix.none().digest.digest())
            work_ids = take_in(session, tools, nothing)
        session.refresh(row)
        return Begun(standing_of(row, 0, is_whole=not length), version.job_id, work_ids)


def take_in(session: Session, tools: Tools, whole: Whole) -> tuple[uuid.UUID, ...]:
    """Have an upload stored whose every byte is recorded; return the work to ring for.

    The job is locked first, by whoever calls this.
    """
    version = uploads.take_in(session, whole)
    work_ids = runs.queue(session, tools.config, [version])
    uploads.note_sizes(session, {version.id: whole.length})
    if version.job_id is None:
        raise AssertionError("An upload belongs to a job.")
    job = session.get_one(Job, version.job_id, with_for_update=True, populate_existing=True)
    if not _is_receiving(session, job.id):
        session.add(JobEvent(job_id=job.id, code="upload.received", args=_arrived(session, job.id)))
    is_at_rest = version.state is VersionState.QUEUED  # nothing of it is being stored just now
    if (
        job.state is JobState.RUNNING
        and is_at_rest
        and not batches.is_on_its_way(session, job.id, version.id)
    ):
        job.state = JobState.QUEUED
    return tuple(work_ids)


def _refuse_too_many(session: Session, user_id: uuid.UUID) -> None:
    open_ones = select(func.count()).where(
        Upload.user_id == user_id, Upload.state == UploadState.RECEIVING
    )
    if (session.scalar(open_ones) or 0) >= MOST_OPEN:
        raise TooMany(TRY_LATER_SECONDS, "Too many uploads are unfinished. Finish some first.")


def _add_version(session: Session, tools: Tools, sent: Sent) -> Version:
    wanted, name = sent.wanted, sent.path[-1]
    job = batches.join(session, wanted, sent.group, name)
    if not wanted.declared_bytes:
        # It is whole at once: its work comes before the nodes and the person.
        runs.queue_forming(session, tools.config, wanted.user_id)
    tree.find_folder(session, wanted.user_id, wanted.parent_id)
    folder_id, _ = tree.ensure_folders(session, wanted.user_id, wanted.parent_id, sent.path[:-1])
    taken = tree.take_file(session, wanted.user_id, folder_id, name, wanted.conflict)
    version = uploads.new_version(session, tools.config, tools.keys, taken)
    version.mime_type = mime_types.of(name, sent.content_type)
    version.job_id, version.size = job.id, wanted.declared_bytes
    version.modified_at = sent.modified_at
    session.add(version)
    session.flush()
    return version


def _add_row(session: Session, sent: Sent, version: Version) -> Resumable:
    row = Resumable(
        user_id=version.user_id,
        version_id=version.id,
        length=version.size,
        told=sent.told,
        path="/".join(sent.path),
        expires_at=func.now() + LIFE,
    )
    session.add(row)
    session.flush()
    return row


def _is_receiving(session: Session, job_id: uuid.UUID) -> bool:
    arriving = select(Version.id).where(
        Version.job_id == job_id, Version.state == VersionState.RECEIVING
    )
    return session.scalar(arriving.limit(1)) is not None


def _arrived(session: Session, job_id: uuid.UUID) -> dict[str, int]:
    """Return how many files and bytes of a job have arrived."""
    files, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Version.size), 0)).where(
            Version.job_id == job_id, Version.state != VersionState.CANCELLED
        )
    ).one()
    return {"files": files, "bytes": int(size)}
