"""Uploads that may break off and go on, as their senders see them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.errors import NotFound
from balancecloud.library.upload_errors import UploadExpired, UploadGone
from balancecloud.models.library import Node, Upload, Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import UploadState, VersionState

MOST_LISTED: Final = 2000  # as many as one may have


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an upload is; `is_whole` once every byte is durable and it is being stored."""

    id: uuid.UUID
    offset: int
    length: int
    told: str
    expires_at: datetime
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload that can go on, for the list of its owner; `path` as it was sent."""

    id: uuid.UUID
    name: str
    path: str
    folder_id: uuid.UUID | None
    size: int
    offset: int
    modified_at: datetime | None
    created_at: datetime
    expires_at: datetime
    job_id: uuid.UUID | None


def look(session: Session, user_id: uuid.UUID, upload_id: uuid.UUID) -> Standing:
    """Return how far an upload is; NotFound where it is another's, UploadGone once given up."""
    found = session.execute(
        select(Resumable, Version.state, Version.received_bytes, Resumable.expires_at < func.now())
        .join(Version, Version.id == Resumable.version_id, isouter=True)
        .where(Resumable.id == upload_id, Resumable.user_id == user_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    row, state, received, is_late = found
    if state in {None, VersionState.CANCELLED, VersionState.RECEIVING} and is_late:
        raise UploadExpired
    if state in {None, VersionState.CANCELLED}:
        raise UploadGone
    if state is VersionState.RECEIVING:
        return standing_of(row, received, is_whole=False)
    return standing_of(row, row.length, is_whole=True)


def standing_of(row: Resumable, offset: int, *, is_whole: bool) -> Standing:
    """Return what is said of an upload that is known to be this far."""
    return Standing(row.id, offset, row.length, row.told, row.expires_at, is_whole)


def list_unfinished(session: Session, user_id: uuid.UUID) -> tuple[Unfinished, ...]:
    """Return the person's uploads that can go on, the newest first."""
    rows = session.execute(
        select(Resumable, Version, Node.parent_id)
        .join(Version, Version.id == Resumable.version_id)
        .join(Upload, Upload.version_id == Version.id)
        .join(Node, Node.id == Version.file_id, isouter=True)
        .where(
            Upload.user_id == user_id,
            Upload.state == UploadState.RECEIVING,
            Resumable.expires_at >= func.now(),
        )
        .order_by(Resumable.created_at.desc(), Resumable.id)
        .limit(MOST_LISTED)
    )
    return tuple(_unfinished(row, version, folder_id) for row, version, folder_id in rows)


def _unfinished(row: Resumable, version: Version, folder_id: uuid.UUID | None) -> Unfinished:
    return Unfinished(
        id=row.id,
        name=row.path.rpartition("/")[2],
        path=row.path,
        folder_id=folder_id,
        size=row.length,
        offset=version.received_bytes,
        modified_at=version.modified_at,
        created_at=row.created_at,
        expires_at=row.expires_at,
        job_id=version.job_id,
    )
