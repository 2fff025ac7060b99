"""Recording what accounts confirmed: many shards of several packs in one transaction."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    ARRAY,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate, Update

from balancecloud.clouds.provider import ObjectId, ShardName
from balancecloud.models.clouds import CloudAccount, ShardRow
from balancecloud.models.states import ShardState
from balancecloud.storage import health
from balancecloud.storage.figures import (
    StoreProgress,
    add_bytes,
    add_done_shards,
    numbers,
    numbers_table,
)
from balancecloud.storage.hold import hold_jobs
from balancecloud.storage.intents import ON_THE_CLOUD
from balancecloud.storage.packing import SealedChunk
from balancecloud.storage.work import Claim


@dataclass(frozen=True, slots=True)
class Sent:
    """A shard that its account confirmed, and the chunks of its pack."""

    pack_id: uuid.UUID
    index: int
    account_id: uuid.UUID
    object_id: ObjectId
    name: ShardName
    chunks: tuple[SealedChunk, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """What became of confirmed shards: where versions stand now, and what nobody wants."""

    told: Sequence[StoreProgress]
    unwanted: Sequence[Sent]


def mark_stored(session: Session, claim: Claim, sent: Sequence[Sent]) -> Marked:
    """Record that shards are at their accounts, their hashes compared; repeated, each counts once.

    With a pack's last shard its chunks count as stored. LeaseLost when the claim is over.
    """
    hold_jobs(session, claim, {job for one in sent for job in _jobs(one)})
    _lock_accounts(session, {one.account_id for one in sent})
    news = _confirm(session, sent)
    if len(news) < len(sent):
        known = {(one.pack_id, one.index) for one in sent} - set(news)
        unwanted = known - _wanted(session, known)
    else:
        unwanted = set()
    _add_used(session, news)
    health.note_successes(session, {one.account_id for one in sent})
    packs = {one.pack_id: one.chunks for one in sent}
    add_done_shards(session, _done_by_job(news, {one.pack_id: _jobs(one) for one in sent}))
    complete = _complete(session, {pack_id for pack_id, _ in news})
    stored: Counter[uuid.UUID] = Counter()
    for pack_id in complete:
        stored.update({c.version.id: c.plain_bytes for c in packs[pack_id]})
    told = add_bytes(session, stored, sealed=False)
    return Marked(told, [one for one in sent if (one.pack_id, one.index) in unwanted])


def _jobs(sent: Sent) -> set[uuid.UUID]:
    return {chunk.version.job_id for chunk in sent.chunks if chunk.version.job_id}


def _lock_accounts(session: Session, account_ids: Collection[uuid.UUID]) -> None:
    """Lock accounts by id, and before their shards, as unlinking does."""
    session.connection().execute(_locking_accounts(), {"ids": list(account_ids)}).all()


@cache
def _locking_accounts() -> Select[uuid.UUID]:
    """Return a statement put together once, as the others here: each shard's mark asks for them."""
    these = CloudAccount.id.in_(bindparam("ids", expanding=True))
    return (
        select(CloudAccount.id)
        .where(these)
        .order_by(CloudAccount.id)
        .with_for_update(key_share=True)
    )


def _confirm(
    session: Session, sent: Sequence[Sent]
) -> dict[tuple[uuid.UUID, int], tuple[uuid.UUID, int]]:
    """Return what was not confirmed before, as account and length by pack and index."""
    of = {
        "packs": [one.pack_id for one in sent],
        "indexes": [one.index for one in sent],
        "objects": [str(one.object_id) for one in sent],
    }
    rows = session.connection().execute(_confirming(), of)
    return {(pack_id, index): (account, length) for pack_id, index, account, length in rows}


@cache
def _confirming() -> ReturningUpdate[uuid.UUID, int, uuid.UUID, int]:
    of = (
        func.unnest(
            cast(bindparam("packs"), ARRAY(Uuid)),
            cast(bindparam("indexes"), ARRAY(Integer)),
            cast(bindparam("objects"), ARRAY(Text)),
        )
        .table_valued("pack_id", "number", "object_id", name="sent")
        .render_derived()
    )
    return (
        update(ShardRow)
        .where(
            ShardRow.pack_id == of.c.pack_id,
            ShardRow.index == of.c.number,
            ShardRow.state == ShardState.INTENT,
        )
        .values(state=ShardState.STORED, object_id=of.c.object_id, stored_at=func.now())
        .returning(ShardRow.pack_id, ShardRow.index, ShardRow.account_id, ShardRow.length)
    )


def _wanted(
    session: Session, known: Collection[tuple[uuid.UUID, int]]
) -> set[tuple[uuid.UUID, int]]:
    """Return those shards that are in the index and not about to go."""
    rows = session.execute(
        select(ShardRow.pack_id, ShardRow.index).where(
            ShardRow.pack_id.in_({pack_id for pack_id, _ in known}),
            ShardRow.state != ShardState.DELETING,
        )
    )
    return {(pack_id, index) for pack_id, index in rows}


def _add_used(
    session: Session, news: Mapping[tuple[uuid.UUID, int], tuple[uuid.UUID, int]]
) -> None:
    lengths: Counter[uuid.UUID] = Counter()
    for account_id, length in news.values():
        lengths[account_id] += length
    if lengths:
        session.connection().execute(_adding_used(), numbers(lengths))


@cache
def _adding_used() -> Update:
    of = numbers_table()
    return (
        update(CloudAccount)
        .where(CloudAccount.id == of.c.id)
        .values(
            used_bytes=CloudAccount.used_bytes + of.c.n,
            stored_bytes=CloudAccount.stored_bytes + of.c.n,
        )
    )


def _done_by_job(
    news: Collection[tuple[uuid.UUID, int]], jobs: Mapping[uuid.UUID, set[uuid.UUID]]
) -> dict[uuid.UUID, int]:
    done: defaultdict[uuid.UUID, int] = defaultdict(int)
    for pack_id, _ in news:
        for job_id in jobs[pack_id]:
            done[job_id] += 1
    return done


def _complete(session: Session, pack_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Return those of these packs of which every shard is confirmed."""
    if not pack_ids:
        return []
    return list(session.connection().scalars(_completing(), {"ids": list(pack_ids)}))


@cache
def _completing() -> Select[uuid.UUID]:
    return (
        select(ShardRow.pack_id)
        .where(ShardRow.pack_id.in_(bindparam("ids", expanding=True)))
        .group_by(ShardRow.pack_id)
        .having(func.bool_and(ShardRow.state.in_(ON_THE_CLOUD)))
    )
