"""How much a person uses, of what and where, and how much their accounts hold."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.library import account_views, usage_counts
from balancecloud.library.usage_views import FoldersUse, FolderUse, KindsUse, KindUse, Usage
from balancecloud.library.views import AccountView
from balancecloud.models.library import Node
from balancecloud.models.people import User
from balancecloud.models.usage import FolderUsage, UsageSummary
from balancecloud.storage import upkeep

FOLDERS_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Gauge:
    """What every page shows of a person's use; `total_bytes` null: unlimited."""

    used_bytes: int
    reserved_bytes: int
    total_bytes: int | None
    accounts: tuple[AccountView, ...]


@dataclass(frozen=True, slots=True)
class _Looked:
    """Whether a library is large, and what the schedule counted in it then."""

    is_large: bool
    counted_at: datetime | None
    kinds: list[Any]
    less_protected: int | None

    @property
    def files(self) -> int | None:
        """How many there were; none if they were never counted."""
        return sum(files for _, files, _ in self.kinds) if self.counted_at else None

    @property
    def size(self) -> int:
        """The bytes of those."""
        return sum(size for *_, size in self.kinds)


def gauge(session: Session, config: Config, user_id: uuid.UUID) -> Gauge:
    """Return what is used and of how much: kept with the person, so no file is looked at."""
    used, reserved, quota = session.execute(
        select(User.used_bytes, User.reserved_bytes, User.quota_bytes).where(User.id == user_id)
    ).one()
    return Gauge(used, reserved, quota, account_views.list_accounts(session, config, user_id))


def usage(session: Session, config: Config, user_id: uuid.UUID) -> Usage:
    """Return a person's use; plaintext bytes of all kept versions, each counted once.

    A large library that was not counted for long is asked to be.
    """
    columns = (User.used_bytes, User.reserved_bytes, User.quota_bytes)
    more = (upkeep.possible_losses(user_id), upkeep.open_job(user_id), usage_counts.is_stale())
    *known, used, reserved, quota, survives, job_id, is_stale = session.execute(
        _looking(user_id).add_columns(*columns, *more)
    ).one()
    looked = _Looked(*known)
    accounts = account_views.list_accounts(session, config, user_id)
    if looked.is_large:
        if is_stale:
            usage_counts.ask(session, user_id)
        files, less = looked.files, looked.less_protected
    else:
        files, less = session.execute(usage_counts.of_files(user_id)).one()
    counted_at = looked.counted_at if looked.is_large else None
    return Usage(used, reserved, quota, files, accounts, less, survives, job_id, counted_at)


def by_kind(session: Session, user_id: uuid.UUID) -> KindsUse:
    """Return what a library holds of each kind of file, the largest first."""
    looked = _look(session, user_id)
    if not looked.is_large:
        return _kinds(session.execute(usage_counts.of_kinds(user_id)).all(), None)
    return _kinds(looked.kinds, looked.counted_at) if looked.counted_at else KindsUse(None)


def by_folder(
    session: Session, user_id: uuid.UUID, folder_id: uuid.UUID | None = None
) -> FoldersUse:
    """Return the largest folders in a folder, null for the root, and how much is in it in all."""
    looked = _look(session, user_id)
    if looked.is_large and looked.counted_at is None:
        return FoldersUse(None)
    counts = _folders_counted(user_id) if looked.is_large else usage_counts.of_folders(user_id)
    of = counts.cte("counted")
    here = of.c.parent_id.is_(None) if folder_id is None else of.c.parent_id == folder_id
    largest = session.execute(
        select(Node.id, Node.name, of.c.files, of.c.bytes)
        .join(of, of.c.folder_id == Node.id)
        .where(here, Node.user_id == user_id, Node.trashed_at.is_(None))
        .order_by(of.c.bytes.desc())
        .limit(FOLDERS_SHOWN)
    )
    folders = tuple(FolderUse(key, name, int(n), int(size)) for key, name, n, size in largest)
    if folder_id is not None:
        total = select(of.c.files, of.c.bytes).where(of.c.folder_id == folder_id)
        files, size = session.execute(total).one_or_none() or (0, 0)
    elif looked.is_large:
        files, size = looked.files, looked.size
    else:
        files, size = session.execute(usage_counts.of_all(user_id)).one()
    return FoldersUse(folders, int(files or 0), int(size), looked.counted_at)


def _kinds(rows: Sequence[Any], counted_at: datetime | None) -> KindsUse:
    kinds = (KindUse(kind, files, int(size)) for kind, files, size in rows)
    return KindsUse(tuple(sorted(kinds, key=lambda one: (-one.bytes, one.kind))), counted_at)


def _look(session: Session, user_id: uuid.UUID) -> _Looked:
    return _Looked(*session.execute(_looking(user_id)).one())


def _looking(user_id: uuid.UUID) -> Select[bool, datetime | None, Any, int]:
    summary = UsageSummary
    return (
        select(
            usage_counts.is_large(user_id),
            summary.counted_at,
            func.coalesce(summary.kinds, text("'[]'::jsonb")),
            summary.less_protected,
        )
        .select_from(User)
        .outerjoin(summary, summary.user_id == User.id)
        .where(User.id == user_id)
    )


def _folders_counted(user_id: uuid.UUID) -> Select[uuid.UUID, uuid.UUID | None, int, int]:
    columns = (FolderUsage.folder_id, FolderUsage.parent_id, FolderUsage.files, FolderUsage.bytes)
    return select(*columns).where(FolderUsage.user_id == user_id)
