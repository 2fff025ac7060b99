"""The chunks of a file one by one, each with its shards: where they are, and when checked."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.library import Version
from balancecloud.models.states import AccountState
from balancecloud.storage.standing import HELD


@dataclass(frozen=True, slots=True)
class ShardLine:
    """One shard of a chunk as the table says it."""

    label: str
    color: int
    is_linked: bool
    state: str
    tries: int
    stored_at: datetime | None
    checked_at: datetime | None  # read or listed again since


@dataclass(frozen=True, slots=True)
class ChunkLine:
    """One chunk. `neighbours`: so many chunks of other files lie in the same pack."""

    index: int
    size: int  # plaintext bytes
    k: int
    m: int
    neighbours: int
    shards: tuple[ShardLine, ...]

    @property
    def spare(self) -> int:
        """How many shards there are beyond those that rebuild it; below 0: it cannot be read."""
        held = sum(one.is_linked and one.state in {s.value for s in HELD} for one in self.shards)
        return held - self.k


def lines(session: Session, version: Version, most: int, first: int = 0) -> tuple[ChunkLine, ...]:
    """Return so many chunks of a version, from the first one asked for on."""
    other = aliased(Chunk)
    sharing = select(func.count()).select_from(other).where(other.pack_id == Pack.id)
    neighbours = sharing.correlate(Pack).scalar_subquery()
    chunks = session.execute(
        select(
            Chunk.index.label("number"),
            Pack.id,
            Pack.k,
            Pack.m,
            (neighbours - 1).label("neighbours"),
        )
        .join(Pack, Pack.id == Chunk.pack_id)
        .where(Chunk.version_id == version.id)
        .order_by(Chunk.index)
        .limit(most)
        .offset(first)
    ).all()
    shards = _shards(session, [row.id for row in chunks])
    return tuple(
        ChunkLine(
            row.number,
            max(0, min(version.size - row.number * version.chunk_size, version.chunk_size)),
            row.k,
            row.m,
            row.neighbours,
            tuple(shards.get(row.id, ())),
        )
        for row in chunks
    )


def _shards(session: Session, pack_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[ShardLine]]:
    is_linked: ColumnElement[bool] = CloudAccount.state != AccountState.UNLINKED
    rows = session.execute(
        select(
            ShardRow.pack_id,
            CloudAccount.label,
            CloudAccount.color,
            is_linked,
            ShardRow.state,
            ShardRow.tries,
            ShardRow.stored_at,
            ShardRow.verified_at,
        )
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(ShardRow.pack_id.in_(pack_ids))
        .order_by(CloudAccount.created_at, CloudAccount.id, ShardRow.index)
    )
    found: dict[uuid.UUID, list[ShardLine]] = {}
    for pack_id, label, color, linked, state, tries, stored_at, verified_at in rows:
        line = ShardLine(label, color, linked, state.value, tries, stored_at, verified_at)
        found.setdefault(pack_id, []).append(line)
    return found
