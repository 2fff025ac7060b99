"""What the index knows of stored chunks: in which pack they lie, where, and on which accounts.

A pack may hold chunks of many files, versions and epochs of one person.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId
from balancecloud.crypto.shards import Layout
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.states import AccountState, ShardState
from balancecloud.storage import health

READABLE = (ShardState.STORED, ShardState.VERIFIED)
MARKED = (ShardState.MISSING, ShardState.DAMAGED)


@dataclass(frozen=True, slots=True)
class StoredShard:
    """Where one shard lies. `is_at_hand` is False when it is away, resting, missing or damaged.

    It is asked for then as a last resort: every shard proves itself, so what came back is used.
    """

    index: int
    account_id: uuid.UUID
    object_id: ObjectId
    is_at_hand: bool


@dataclass(frozen=True, slots=True)
class StoredPack:
    """A pack's layout, whose it is, the epoch of its shards, and those that can be read."""

    layout: Layout
    user_id: uuid.UUID
    epoch: int
    shards: tuple[StoredShard, ...]

    @property
    def pack_id(self) -> uuid.UUID:
        """The pack's id."""
        return uuid.UUID(bytes=self.layout.pack_id)


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """One chunk of a version: where it begins in which pack, and the salt that pins it."""

    pack: StoredPack
    offset: int
    salt: bytes


def load_chunks(
    session: Session, version_id: uuid.UUID, indexes: Iterable[int]
) -> dict[int, StoredChunk]:
    """Return these chunks of a version as the index knows them; those it does not know lack."""
    rows = session.execute(
        select(Chunk, Pack)
        .join(Pack, Pack.id == Chunk.pack_id)
        .where(Chunk.version_id == version_id, Chunk.index.in_(list(indexes)))
    ).all()
    packs = {pack.id: pack for _, pack in rows}
    found = _load_shards(session, packs)
    known = {pack_id: _stored_pack(pack, found[pack_id]) for pack_id, pack in packs.items()}
    return {
        chunk.index: StoredChunk(known[chunk.pack_id], chunk.offset, chunk.salt)
        for chunk, _ in rows
    }


def _stored_pack(pack: Pack, shards: Sequence[StoredShard]) -> StoredPack:
    layout = Layout(pack.id.bytes, pack.length, pack.k, pack.m, pack.digest)
    return StoredPack(layout, pack.user_id, pack.epoch, tuple(shards))


def _load_shards(
    session: Session, pack_ids: Iterable[uuid.UUID]
) -> Mapping[uuid.UUID, list[StoredShard]]:
    found: dict[uuid.UUID, list[StoredShard]] = {pack_id: [] for pack_id in pack_ids}
    rows = session.execute(
        select(ShardRow, health.is_away())
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(
            ShardRow.pack_id.in_(list(found)),
            ShardRow.state.in_((*READABLE, *MARKED)),
            CloudAccount.state != AccountState.UNLINKED,
        )
        .order_by(ShardRow.pack_id, ShardRow.index)
    )
    for row, is_away in rows:
        if row.object_id:
            is_at_hand = row.state in READABLE and not is_away
            shard = StoredShard(row.index, row.account_id, ObjectId(row.object_id), is_at_hand)
            found[row.pack_id].append(shard)
    return found
