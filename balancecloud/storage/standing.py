"""Which state versions deserve by what is left of their packs: counted by the database."""

import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, select, true, update
from sqlalchemy.orm import Session

from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.library import Version
from balancecloud.models.states import AccountState, ShardState, VersionState
from balancecloud.storage.hold import lock_shards

HELD = (ShardState.STORED, ShardState.VERIFIED)
_COMMITTED = (
    VersionState.STORED,
    VersionState.DEGRADED,
    VersionState.UNREADABLE,
    VersionState.LOST,
)


def reassess(session: Session, account_id: uuid.UUID) -> None:
    """Give every committed version with a shard on this account the state that is true now."""
    _reassess(session, on_account(account_id))


def reassess_packs(session: Session, pack_ids: Collection[uuid.UUID]) -> None:
    """Give every committed version with a chunk in these packs the state that is true now."""
    _reassess(session, select(Chunk.version_id).where(Chunk.pack_id.in_(pack_ids)).distinct())


def lock_content(session: Session, account_id: uuid.UUID) -> None:
    """Lock all that an account holds, however much: committed versions first, then shards.

    As who deletes files and who moves packs does; the account itself is locked already.
    """
    shown = (
        select(Version.id)
        .where(Version.id.in_(on_account(account_id)), Version.state.in_(_COMMITTED))
        .order_by(Version.id)
        .with_for_update(key_share=True)
    )
    session.scalar(select(func.count()).select_from(shown.subquery()))
    lock_shards(session, ShardRow.account_id == account_id)


def on_account(account_id: uuid.UUID) -> Select[uuid.UUID]:
    """Select the versions with a shard on this account."""
    return (
        select(Chunk.version_id)
        .join(ShardRow, ShardRow.pack_id == Chunk.pack_id)
        .where(ShardRow.account_id == account_id)
        .distinct()
    )


def standing(versions: Select[uuid.UUID], counts: ColumnElement[bool]) -> Subquery:
    """Say of each of these versions whether `counts` shards still carry it."""
    touched = versions.subquery()
    is_held = and_(ShardRow.state.in_(HELD), CloudAccount.state != AccountState.UNLINKED, counts)
    held = func.count().filter(is_held)
    packs = (
        select(
            Chunk.version_id,
            (held < Pack.k).label("is_lost"),
            (held < Pack.k + Pack.m).label("is_less"),
        )
        .select_from(Chunk)
        .join(touched, touched.c.version_id == Chunk.version_id)
        .join(Pack, Pack.id == Chunk.pack_id)
        .join(ShardRow, ShardRow.pack_id == Pack.id)
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .group_by(Chunk.version_id, Chunk.index, Pack.id)
        .subquery()
    )
    return (
        select(
            packs.c.version_id,
            func.bool_or(packs.c.is_lost).label("is_lost"),
            func.bool_or(packs.c.is_less).label("is_less"),
        )
        .group_by(packs.c.version_id)
        .subquery()
    )


def _reassess(session: Session, versions: Select[uuid.UUID]) -> None:
    found = standing(versions, true())
    state: ColumnElement[Any] = case(
        (found.c.is_lost, VersionState.LOST.value),
        (found.c.is_less, VersionState.DEGRADED.value),
        else_=VersionState.STORED.value,
    )
    # Locked by id: two who find that packs share versions do not wait for each other.
    changing = (
        select(Version.id, state.label("state"))
        .join(found, found.c.version_id == Version.id)
        .where(Version.state.in_(_COMMITTED), Version.state != state)
        .order_by(Version.id)
        .with_for_update(of=Version, key_share=True)
        .cte("changing")
    )
    session.execute(
        update(Version)
        .where(Version.id == changing.c.id)
        .values(state=changing.c.state)
        .execution_options(synchronize_session=False)
    )
