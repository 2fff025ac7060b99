"""Which versions an account's shards keep readable: counted by the database, over whole packs."""

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from balancecloud.models.clouds import CloudAccount, ShardRow
from balancecloud.models.library import Node, Version
from balancecloud.models.states import AccountState, VersionState
from balancecloud.storage.standing import on_account
from balancecloud.storage.standing import standing as standing_of

READABLE = (VersionState.STORED, VersionState.DEGRADED)
_AWAY = (AccountState.SILENT, AccountState.SIGN_IN_AGAIN)
PATHS_SHOWN = 20


def count_without(session: Session, account_id: uuid.UUID) -> tuple[int, int]:
    """Return how many files would be lost, and how many less protected, without this account."""
    files = _files_without(account_id, ShardRow.account_id != account_id).subquery()
    row = session.execute(
        select(
            func.count().filter(files.c.is_lost),
            func.count().filter(and_(files.c.is_less, ~files.c.is_lost)),
        ).select_from(files)
    ).one()
    return row[0], row[1]


def count_unreadable(session: Session, account_id: uuid.UUID) -> int:
    """Return how many files of this account cannot be read without it, as others are away too."""
    is_elsewhere = and_(ShardRow.account_id != account_id, CloudAccount.state.not_in(_AWAY))
    files = _files_without(account_id, is_elsewhere).subquery()
    return session.scalar(select(func.count()).where(files.c.is_lost)) or 0


def lost_paths(session: Session, account_id: uuid.UUID) -> tuple[str, ...]:
    """Return the paths of files that would be lost without this account, the first twenty."""
    files = _files_without(account_id, ShardRow.account_id != account_id).subquery()
    lost = (
        select(Node.id, Node.parent_id, Node.name.label("path"))
        .join(files, files.c.file_id == Node.file_id)
        .where(files.c.is_lost)
        .order_by(Node.name, Node.id)
        .limit(PATHS_SHOWN)
    )
    upward = lost.cte("upward", recursive=True)
    parent = aliased(Node)
    upward = upward.union_all(
        select(upward.c.id, parent.parent_id, parent.name + "/" + upward.c.path).join(
            parent, parent.id == upward.c.parent_id
        )
    )
    whole = select(upward.c.path).where(upward.c.parent_id.is_(None)).order_by(upward.c.path)
    return tuple(f"/{path}" for path in session.scalars(whole))


def _files_without(account_id: uuid.UUID, counts: ColumnElement[bool]) -> Select[Any]:
    """Select the files with a shard on this account, and what `counts` shards leave of them."""
    standing = standing_of(on_account(account_id), counts)
    return (
        select(
            Version.file_id,
            func.bool_or(standing.c.is_lost).label("is_lost"),
            func.bool_or(standing.c.is_less).label("is_less"),
        )
        .join(standing, standing.c.version_id == Version.id)
        .where(Version.state.in_(READABLE))
        .group_by(Version.file_id)
    )
