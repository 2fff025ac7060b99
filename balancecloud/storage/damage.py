"""What reading finds out about shards and accounts, written down at once, and repair as work.

A shard that is missing or damaged is marked, and its pack is to be repaired, in one transaction.
Whoever reads is told the work's id after the commit, to ring for it.
"""

import uuid
from collections.abc import Callable, Collection

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from balancecloud.errors import (
    BadRange,
    BalanceCloudError,
    IntegrityError,
    ObjectMissing,
    ProviderError,
    Unavailable,
)
from balancecloud.models.clouds import CloudAccount, ShardRow
from balancecloud.models.states import AccountState, ShardState, WorkKind
from balancecloud.storage import health, work
from balancecloud.storage.stored_packs import MARKED, READABLE, StoredPack, StoredShard
from balancecloud.storage.tools import Tools

Ring = Callable[[uuid.UUID], object]  # what it returns is nobody's concern


def ring_nobody(_work_id: uuid.UUID) -> None:
    """Leave it to the next look at what is due."""


def note_refusal(
    tools: Tools, pack: StoredPack, shard: StoredShard, refusal: ProviderError, ring: Ring
) -> None:
    """Write down why a shard was not given: it is missing, cut short, or its account is unwell."""
    if isinstance(refusal, ObjectMissing):
        mark(tools, pack, [shard], ShardState.MISSING, ring)
    elif isinstance(refusal, BadRange):
        # What lies there is shorter than what was stored.
        mark(tools, pack, [shard], ShardState.DAMAGED, ring)
    else:
        with tools.sessions.begin() as session:
            health.note_failure(session, shard.account_id, refusal)


def note_answer(tools: Tools, shard: StoredShard) -> None:
    """Write down that an account answered, where it was said to be away."""
    if not shard.is_at_hand:
        with tools.sessions.begin() as session:
            health.note_success(session, shard.account_id)


def mark(
    tools: Tools,
    pack: StoredPack,
    found: Collection[StoredShard],
    state: ShardState,
    ring: Ring,
) -> None:
    """Mark shards as missing or damaged, and have their pack repaired if that is news.

    A shard that lies elsewhere by now, as it was moved meanwhile, is left alone.
    """
    with tools.sessions.begin() as session:
        marked = [shard for shard in found if _mark(session, pack, shard, state)]
        if not marked:
            return
        new = work.NewWork(WorkKind.REPAIR, pack.pack_id, pack.user_id, None, work.REPAIR_PRIORITY)
        work_id = work.insert_work(session, new)
    ring(work_id)


def unmark(tools: Tools, pack: StoredPack, indexes: Collection[int]) -> None:
    """Trust shards again that were missing or damaged and now proved themselves."""
    with tools.sessions.begin() as session:
        session.execute(
            update(ShardRow)
            .where(
                ShardRow.pack_id == pack.pack_id,
                ShardRow.index.in_(list(indexes)),
                ShardRow.state.in_(MARKED),
            )
            .values(state=ShardState.VERIFIED, verified_at=func.now())
        )


def too_few(tools: Tools, pack: StoredPack) -> BalanceCloudError:
    """Say why k shards are not to be had: damaged beyond mending, or away for now."""
    with tools.sessions() as session:
        lost = session.scalars(
            select(func.count())
            .select_from(ShardRow)
            .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
            .where(
                ShardRow.pack_id == pack.pack_id,
                ShardRow.state.in_(MARKED),
                CloudAccount.state != AccountState.UNLINKED,
            )
        ).one()
    return IntegrityError("shards") if lost > pack.layout.m else Unavailable()


def _mark(session: Session, pack: StoredPack, shard: StoredShard, state: ShardState) -> bool:
    changed = session.scalar(
        update(ShardRow)
        .where(
            ShardRow.pack_id == pack.pack_id,
            ShardRow.index == shard.index,
            ShardRow.account_id == shard.account_id,
            ShardRow.object_id == shard.object_id,
            ShardRow.state.in_(READABLE),
        )
        .values(state=state)
        .returning(ShardRow.index)
    )
    return changed is not None
