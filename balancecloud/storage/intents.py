"""What is written down before shards are stored, and read again by whoever goes on.

Intent before effect: names, lengths, hashes and reserved ids are committed before the first
request, so that after any crash it is known what may exist at a provider (docs/data-model.md).
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Insert, Select, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId
from balancecloud.models.clouds import Chunk, Pack, ShardRow
from balancecloud.models.jobs import Job
from balancecloud.models.library import Version
from balancecloud.models.states import ShardState
from balancecloud.storage import cleanup
from balancecloud.storage.figures import StoreProgress, add_bytes, add_shards
from balancecloud.storage.hold import hold_jobs, still_due
from balancecloud.storage.packing import Parcel, SealedChunk, SealedPack
from balancecloud.storage.placement import Placed, Plan
from balancecloud.storage.stored_packs import MARKED
from balancecloud.storage.work import Claim

ON_THE_CLOUD = (ShardState.STORED, ShardState.VERIFIED)
ChunkKey = tuple[uuid.UUID, int]


@dataclass(frozen=True, slots=True)
class Intended:
    """A pack that was planned before: its plan, the salts of its chunks, and what is stored."""

    pack_id: uuid.UUID
    length: int
    salts: Mapping[ChunkKey, bytes]  # in the order in which they lie in the pack
    plan: Plan
    object_ids: Mapping[int, ObjectId | None]
    stored: frozenset[int]
    lost: frozenset[int] = frozenset()  # were there, or may have been, and are not any more

    @property
    def can_go_on(self) -> bool:
        """Whether what is not there yet may still be put where it was planned."""
        return not self.lost

    @property
    def is_complete(self) -> bool:
        """Whether every shard is confirmed."""
        return len(self.stored) == len(self.plan.shards)


def find(session: Session, pack_ids: Collection[uuid.UUID]) -> list[Intended]:
    """Return what was planned of these packs, those that are about to go left out."""
    packs = session.scalars(
        select(Pack).where(Pack.id.in_(pack_ids), Pack.cleanup_job_id.is_(None))
    ).all()
    shards: defaultdict[uuid.UUID, list[ShardRow]] = defaultdict(list)
    salts: defaultdict[uuid.UUID, dict[ChunkKey, bytes]] = defaultdict(dict)
    wanted = [pack.id for pack in packs]
    for row in session.scalars(
        select(ShardRow).where(ShardRow.pack_id.in_(wanted)).order_by(ShardRow.index)
    ):
        shards[row.pack_id].append(row)
    for chunk in session.scalars(
        select(Chunk).where(Chunk.pack_id.in_(wanted)).order_by(Chunk.offset)
    ):
        salts[chunk.pack_id][chunk.version_id, chunk.index] = chunk.salt
    return [_intended(pack, salts[pack.id], shards[pack.id]) for pack in packs]


def of_chunks(session: Session, version_id: uuid.UUID, indexes: range) -> dict[int, Intended]:
    """Return what was planned for a run of a version's chunks, each a pack of its own."""
    rows = session.execute(
        select(Chunk.index, Chunk.pack_id).where(
            Chunk.version_id == version_id, Chunk.index.in_(indexes)
        )
    )
    packs = {pack_id: index for index, pack_id in rows}
    return {packs[found.pack_id]: found for found in find(session, packs)} if packs else {}


def _intended(pack: Pack, salts: Mapping[ChunkKey, bytes], rows: Sequence[ShardRow]) -> Intended:
    return Intended(
        pack.id,
        pack.length,
        salts,
        Plan(pack.k, pack.m, tuple(Placed(r.index, r.account_id, "intended") for r in rows)),
        {r.index: ObjectId(r.object_id) if r.object_id else None for r in rows},
        frozenset(r.index for r in rows if r.state in ON_THE_CLOUD),
        frozenset(r.index for r in rows if r.state in MARKED),
    )


@dataclass(frozen=True, slots=True, repr=False)
class NewPack:
    """A pack about to be stored."""

    pack_id: uuid.UUID
    user_id: uuid.UUID
    epoch: int
    sealed: SealedPack
    plan: Plan
    parcels: tuple[Parcel, ...]
    object_ids: Mapping[int, ObjectId | None]

    @property
    def job_ids(self) -> set[uuid.UUID]:
        """The jobs that its chunks belong to."""
        return {chunk.version.job_id for chunk in self.sealed.chunks if chunk.version.job_id}


class MembersGone(Exception):
    """Chunks that were to share a pack are not wanted any more: which work took them along."""

    def __init__(self, work_ids: set[uuid.UUID]) -> None:
        self.work_ids = work_ids
        super().__init__()


def write(
    session: Session, claim: Claim, new: NewPack, taken_along: Collection[uuid.UUID]
) -> list[StoreProgress]:
    """Record a pack, its chunks and its shards as intents; LeaseLost when the claim is over.

    Where a pack was planned for a chunk before, that one is given up once it holds no other, and
    cleaned up. Raises MembersGone when some of the work `taken_along` was taken back.
    """
    hold_jobs(session, claim, new.job_ids)
    gone = set(taken_along) - still_due(session, taken_along) if taken_along else set()
    if gone:
        raise MembersGone(gone)
    connection = session.connection()
    connection.execute(_adding_to(Pack), _pack(new))
    connection.execute(_adding_to(ShardRow), [_intent(new, parcel) for parcel in new.parcels])
    before = _point_chunks(session, new)
    add_shards(session, new.job_ids, planned=len(new.parcels))
    fresh = [chunk for chunk in new.sealed.chunks if (chunk.version.id, chunk.index) not in before]
    told = add_bytes(session, {c.version.id: c.plain_bytes for c in fresh}, sealed=True)
    if before:
        _give_up(session, new, before)
    return told


def _point_chunks(session: Session, new: NewPack) -> dict[ChunkKey, uuid.UUID]:
    """Make the chunks lie in the new pack; return the packs they were to lie in before."""
    chunks = new.sealed.chunks
    of = {
        "versions": list({chunk.version.id for chunk in chunks}),
        "indexes": list({chunk.index for chunk in chunks}),
    }
    known = session.connection().execute(_finding_chunks(), of)
    before = {(version_id, index): pack_id for version_id, index, pack_id in known}
    wanted = {(chunk.version.id, chunk.index): chunk for chunk in chunks}
    before = {key: pack_id for key, pack_id in before.items() if key in wanted}
    for key, pack_id in before.items():
        session.execute(
            update(Chunk)
            .where(Chunk.version_id == key[0], Chunk.index == key[1], Chunk.pack_id == pack_id)
            .values(pack_id=new.pack_id, offset=wanted[key].offset, salt=wanted[key].salt)
        )
    fresh = [_chunk(new.pack_id, chunk) for key, chunk in wanted.items() if key not in before]
    if fresh:
        session.connection().execute(_adding_to(Chunk), fresh)
    return before


@cache
def _finding_chunks() -> Select[uuid.UUID, int, uuid.UUID]:
    return select(Chunk.version_id, Chunk.index, Chunk.pack_id).where(
        Chunk.version_id.in_(bindparam("versions", expanding=True)),
        Chunk.index.in_(bindparam("indexes", expanding=True)),
    )


@cache
def _adding_to(table: type[Pack | ShardRow | Chunk]) -> Insert:
    """Return a statement put together once, as every pack asks for it."""
    return insert(table)


def _pack(new: NewPack) -> dict[str, object]:
    return {
        "id": new.pack_id,
        "user_id": new.user_id,
        "epoch": new.epoch,
        "length": len(new.sealed.body),
        "digest": new.sealed.digest,
        "k": new.plan.k,
        "m": new.plan.m,
    }


def _chunk(pack_id: uuid.UUID, chunk: SealedChunk) -> dict[str, object]:
    return {
        "version_id": chunk.version.id,
        "index": chunk.index,
        "pack_id": pack_id,
        "offset": chunk.offset,
        "salt": chunk.salt,
    }


def _give_up(session: Session, new: NewPack, before: Mapping[ChunkKey, uuid.UUID]) -> None:
    """Have packs that hold nothing any more cleaned up, and count only what was confirmed of them.

    What was confirmed stays counted, as it is of the total, also where it was lost since: no
    counter goes backwards. A job that still has something in such a pack counts it as before.
    """
    packs = set(before.values())
    empty = cleanup.empty_packs(session, packs)
    jobs = {(c.version.id, c.index): c.version.job_id for c in new.sealed.chunks}
    left = session.execute(
        select(Chunk.pack_id, Version.job_id)
        .join(Version, Version.id == Chunk.version_id)
        .where(Chunk.pack_id.in_(packs))
    )
    moved = {(pack_id, jobs[key]) for key, pack_id in before.items()} - {tuple(r) for r in left}
    counts = session.execute(
        select(ShardRow.pack_id, func.count().filter(ShardRow.stored_at.is_(None)))
        .where(ShardRow.pack_id.in_(packs))
        .group_by(ShardRow.pack_id)
    )
    for pack_id, never_done in counts:
        of_pack = {job for pack, job in moved if pack == pack_id and job}
        add_shards(session, of_pack, planned=-never_done)
    if empty:
        cleanup.clean_packs(session, new.user_id, empty)


def _intent(new: NewPack, parcel: Parcel) -> dict[str, object]:
    return {
        "pack_id": new.pack_id,
        "index": parcel.index,
        "account_id": parcel.account,
        "name": parcel.name,
        "object_id": new.object_ids.get(parcel.index),
        "length": parcel.shard.length,
        "sha256": parcel.shard.sha256,
        "state": ShardState.INTENT,
        "tries": 1,
    }


def note_retries(session: Session, claim: Claim, pack: NewPack, indexes: Collection[int]) -> None:
    """Count one more try of these shards."""
    hold_jobs(session, claim, pack.job_ids)
    session.execute(
        update(ShardRow)
        .where(ShardRow.pack_id == pack.pack_id, ShardRow.index.in_(indexes))
        .values(tries=ShardRow.tries + 1)
    )
    session.execute(
        update(Job)
        .where(Job.id.in_(pack.job_ids))
        .values(shards_retried=Job.shards_retried + len(indexes))
    )
