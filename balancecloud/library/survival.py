"""Which versions stay readable without some accounts: counted by the database, pack by pack."""

import uuid
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from balancecloud.library.version_names import names_of
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.library import Node, Version
from balancecloud.models.states import AccountState, VersionState
from balancecloud.storage.standing import HELD

READABLE: Final = (VersionState.STORED, VersionState.DEGRADED)
_AWAY: Final = (AccountState.SILENT, AccountState.SIGN_IN_AGAIN)
PATHS_SHOWN: Final = 20


def harmed_without(account_ids: Collection[uuid.UUID]) -> Select[Any]:
    """Select `version_id`, `is_lost` and `is_less` of what these accounts' loss would harm."""
    return _harmed(account_ids, ShardRow.account_id.not_in(account_ids))


def count_without(session: Session, account_id: uuid.UUID) -> tuple[int, int]:
    """Return how many files would be lost, and how many less protected, without this account."""
    files = _files(harmed_without([account_id])).subquery()
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
    files = _files(_harmed([account_id], is_elsewhere)).subquery()
    return session.scalar(select(func.count()).where(files.c.is_lost)) or 0


def lost_paths(session: Session, account_id: uuid.UUID) -> tuple[str, ...]:
    """Return the paths of files that would be lost without this account, the largest twenty.

    A file is named once, however many copies show it.
    """
    harmed = harmed_without([account_id]).subquery()
    of_files = (
        select(Version.id, Version.size)
        .join(harmed, harmed.c.version_id == Version.id)
        .where(harmed.c.is_lost)
        .order_by(Version.file_id, Version.number.desc())
        .ext(distinct_on(Version.file_id))
        .subquery()
    )
    lost = select(of_files.c.id).order_by(of_files.c.size.desc(), of_files.c.id).limit(PATHS_SHOWN)
    names = names_of(session, session.scalars(lost).all())
    return tuple(sorted(called.path for called in names.values()))


def count_lost_copies(session: Session, account_id: uuid.UUID) -> int:
    """Return how many nodes, beyond one of each file, show what would be lost."""
    harmed = harmed_without([account_id]).subquery()
    copies = (
        select(func.count() - func.count(func.distinct(Version.id)))
        .select_from(Version)
        .join(harmed, harmed.c.version_id == Version.id)
        .join(Node, and_(Node.file_id == Version.file_id, Node.version == Version.number))
        .where(harmed.c.is_lost, Node.trashed_at.is_(None))
    )
    return session.scalar(copies) or 0


def _files(harmed: Select[Any]) -> Select[Any]:
    """Select the files of harmed versions, with the worst that happens to any of them."""
    versions = harmed.subquery()
    return (
        select(
            Version.file_id,
            func.bool_or(versions.c.is_lost).label("is_lost"),
            func.bool_or(versions.c.is_less).label("is_less"),
        )
        .join(versions, versions.c.version_id == Version.id)
        .group_by(Version.file_id)
    )


def _harmed(gone: Collection[uuid.UUID], stays: ColumnElement[bool]) -> Select[Any]:
    """Select the readable versions with a pack on the accounts, and what `stays` leaves of them.

    A pack is lost with fewer than k shards left. It is less protected when its shards lie in fewer
    failure domains than before: two accounts on one disk fail as one. Packs are counted before
    they meet chunks, for many small files share one.
    """
    is_held = and_(ShardRow.state.in_(HELD), CloudAccount.state != AccountState.UNLINKED)
    touched = select(ShardRow.pack_id).where(
        ShardRow.account_id.in_(gone), ShardRow.state.in_(HELD)
    )
    domains = (
        select(
            ShardRow.pack_id,
            func.count().filter(is_held).label("held"),
            func.count().filter(is_held, stays).label("staying"),
        )
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(ShardRow.pack_id.in_(touched))
        .group_by(ShardRow.pack_id, CloudAccount.domain)
        .subquery()
    )
    is_gone = and_(domains.c.held > 0, domains.c.staying == 0)
    packs = (
        select(
            domains.c.pack_id,
            (func.sum(domains.c.staying) < Pack.k).label("is_lost"),
            func.bool_or(is_gone).label("is_less"),
        )
        .join(Pack, Pack.id == domains.c.pack_id)
        .group_by(domains.c.pack_id, Pack.k)
        .subquery()
    )
    return (
        select(
            Chunk.version_id,
            func.bool_or(packs.c.is_lost).label("is_lost"),
            func.bool_or(packs.c.is_less).label("is_less"),
        )
        .join(packs, packs.c.pack_id == Chunk.pack_id)
        .join(Version, Version.id == Chunk.version_id)
        .where(Version.state.in_(READABLE))
        .group_by(Chunk.version_id)
    )
