"""What is kept of what was, as people see it: versions and the trash."""

import uuid
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a file, and what can be done with it."""

    number: int
    size: int
    state: str
    mime_type: str
    sha256: str | None
    created_at: datetime
    is_current: bool
    can_be_current: bool
    can_be_deleted: bool


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """What went to the trash at once: a file, or a folder with all that was in it."""

    id: uuid.UUID
    name: str
    is_folder: bool
    mime_type: str | None
    size: int  # bytes of the version it showed; of a folder: 0
    folder: str  # where it was: "/Photos/Travel", "/" for the root
    trashed_at: datetime
    removed_at: datetime


@dataclass(frozen=True, slots=True)
class TrashPage:
    """One page of the trash."""

    entries: tuple[TrashEntry, ...]
    total: int
    page: int
    per_page: int
