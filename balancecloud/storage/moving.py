"""Making a pack anew elsewhere: the same sealed chunks, another layout, without any plaintext.

The new pack is written down, put and confirmed while readers use the old one. Then one transaction
makes every chunk lie in the new pack and gives the old one to clean-up. Chunks that are gone are
left out, which closes the holes that deletions left.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId
from balancecloud.crypto import packs
from balancecloud.errors import IntegrityError, LeaseLost, ObjectDiffers, ProviderError
from balancecloud.models.clouds import Chunk, Pack, ShardRow
from balancecloud.models.library import Version
from balancecloud.models.states import ShardState
from balancecloud.storage import cleanup
from balancecloud.storage.case import (
    Case,
    Refusal,
    confirm,
    demand_linked,
    note_failure,
    note_refused,
    put_all,
    reserve,
    stray_of,
)
from balancecloud.storage.hold import hold, lock_versions
from balancecloud.storage.packing import Parcel, SealedPack, layout_of, parcels
from balancecloud.storage.placement import Placed, Plan
from balancecloud.storage.salvage import fetch_body
from balancecloud.storage.standing import HELD, reassess_packs


@dataclass(frozen=True, slots=True)
class Next:
    """The pack that is to replace another: where its shards go, and what is there already."""

    pack_id: uuid.UUID
    plan: Plan
    digest: bytes | None = None  # None: nothing is written down yet
    object_ids: Mapping[int, ObjectId | None] = field(default_factory=dict)
    stored: frozenset[int] = frozenset()

    def can_go_on(self, wanted: int, ready: Collection[uuid.UUID]) -> bool:
        """Return whether it is still what is asked for, and its missing shards can be put."""
        missing = [shard for shard in self.plan.shards if shard.index not in self.stored]
        return self.plan.m == wanted and all(shard.account in ready for shard in missing)


@dataclass(frozen=True, slots=True, repr=False)
class Remade:
    """The chunks that are still wanted, back to back, and where each of them went."""

    pack: SealedPack
    offsets: Mapping[int, int]  # from the old pack to the new


def find_begun(session: Session, case: Case) -> Next | None:
    """Return the replacement that an earlier run began."""
    pack = session.scalar(_begun(case).order_by(Pack.created_at.desc()).limit(1))
    if pack is None:
        return None
    rows = session.scalars(
        select(ShardRow).where(ShardRow.pack_id == pack.id).order_by(ShardRow.index)
    ).all()
    placed = tuple(Placed(row.index, row.account_id, "intended") for row in rows)
    return Next(
        pack.id,
        Plan(pack.k, pack.m, placed),
        pack.digest,
        {row.index: ObjectId(row.object_id) if row.object_id else None for row in rows},
        frozenset(row.index for row in rows if row.state in HELD),
    )


def move(case: Case, following: Next, stop: Callable[[], None]) -> None:
    """Make the pack anew and let its chunks lie there."""
    wanted = {chunk.offset for chunk in case.pack.chunks}
    remade = remake(fetch_body(case.tools, case.pack, case.user_key), wanted)
    stop()
    if following.digest not in {None, remade.pack.digest}:
        # A chunk was deleted since it was begun: what was put holds one too many.
        _give_up(case)
        following = Next(uuid.uuid4(), following.plan)
    layout = layout_of(following.pack_id, remade.pack, following.plan.k, following.plan.m)
    made = parcels(case.user_key, layout, remade.pack, following.plan)
    object_ids = following.object_ids
    if following.digest is None or following.digest != remade.pack.digest:
        object_ids = _begin(case, following, remade, made)
    missing = [parcel for parcel in made if parcel.index not in following.stored]
    try:
        put_all(missing, lambda parcel: _put(case, following.pack_id, parcel, object_ids))
    except Refusal as refusal:
        if isinstance(refusal.reason, ObjectDiffers):
            _give_up(case)  # a new pack has new names and ids
        raise
    stop()
    _flip(case, following.pack_id, remade)


def remake(body: bytes, wanted: Collection[int]) -> Remade:
    """Take the chunks at these offsets of a pack, in order; the digest is of what they are now."""
    extents = [extent for extent in packs.walk(body) if extent.offset in wanted]
    if len(extents) != len(wanted):
        raise IntegrityError("offset")
    view = memoryview(body)
    remade, offsets, headers = bytearray(), {}, []
    for offset, length in extents:
        offsets[offset] = len(remade)
        headers.append(packs.header_of(view[offset : offset + length]))
        remade += view[offset : offset + length]
    return Remade(SealedPack(remade, packs.digest(headers), ()), offsets)


def _begun(case: Case) -> Select[Pack]:
    return select(Pack).where(Pack.replaces_id == case.pack.id, Pack.cleanup_job_id.is_(None))


def _begin(
    case: Case, following: Next, remade: Remade, made: tuple[Parcel, ...]
) -> dict[int, ObjectId | None]:
    """Reserve ids and commit the intent, in place of what an earlier run may have begun."""
    object_ids = {parcel.index: _reserve(case, parcel.account) for parcel in made}
    with case.tools.sessions.begin() as session:
        hold(session, case.claim)
        cleanup_begun(session, case)
        session.add(_pack(case, following, remade))
        session.flush()
        demand_linked(session, *(parcel.account for parcel in made))
        session.add_all(_intent(following, parcel, object_ids) for parcel in made)
    return object_ids


def _reserve(case: Case, account_id: uuid.UUID) -> ObjectId | None:
    try:
        return reserve(case.tools.open_provider(account_id))
    except ProviderError as refusal:
        raise Refusal([account_id], note_failure(case, account_id, refusal)) from refusal


def _pack(case: Case, following: Next, remade: Remade) -> Pack:
    return Pack(
        id=following.pack_id,
        user_id=case.pack.user_id,
        epoch=case.pack.epoch,
        length=len(remade.pack.body),
        digest=remade.pack.digest,
        k=following.plan.k,
        m=following.plan.m,
        replaces_id=case.pack.id,
    )


def _intent(following: Next, parcel: Parcel, object_ids: Mapping[int, ObjectId | None]) -> ShardRow:
    return ShardRow(
        pack_id=following.pack_id,
        index=parcel.index,
        account_id=parcel.account,
        name=parcel.name,
        object_id=object_ids.get(parcel.index),
        length=parcel.shard.length,
        sha256=parcel.shard.sha256,
        state=ShardState.INTENT,
        tries=1,
    )


def _give_up(case: Case) -> None:
    with case.tools.sessions.begin() as session:
        hold(session, case.claim)
        cleanup_begun(session, case)


def cleanup_begun(session: Session, case: Case) -> None:
    """Have what was put of earlier replacements of this pack cleaned up."""
    begun = [pack.id for pack in session.scalars(_begun(case))]
    if begun:
        cleanup.clean_packs(session, case.pack.user_id, begun)


def _put(
    case: Case, pack_id: uuid.UUID, parcel: Parcel, object_ids: Mapping[int, ObjectId | None]
) -> ProviderError | None:
    """Put one shard and record it; return what its provider said against it."""
    object_id = object_ids.get(parcel.index)
    try:
        provider = case.tools.open_provider(parcel.account)
        stored = provider.put(parcel.name, parcel.shard, object_id)
    except ProviderError as refusal:
        return note_refused(case, stray_of(pack_id, parcel, object_id), refusal)
    confirm(case, pack_id, parcel, stored.object_id)
    return None


def _flip(case: Case, pack_id: uuid.UUID, remade: Remade) -> None:
    """Let every chunk lie in the new pack, and give the old one to clean-up, in one transaction.

    The order of locks is versions, chunks, packs, as where files are deleted. LeaseLost when the
    new pack is not whole any more.
    """
    with case.tools.sessions.begin() as session:
        hold(session, case.claim)
        in_pack = Chunk.pack_id == case.pack.id
        lock_versions(session, Version.id.in_(select(Chunk.version_id).where(in_pack)))
        chunks = cleanup.lock_chunks(session, in_pack)
        locked = {pack.id: pack for pack in cleanup.lock_packs(session, [case.pack.id, pack_id])}
        new = _demand_whole(session, locked.get(pack_id))
        if not chunks:
            # Its last file was deleted meanwhile, and the old pack with it.
            cleanup.clean_packs(session, case.pack.user_id, [pack_id])
            return
        for chunk in chunks:
            chunk.pack_id, chunk.offset = pack_id, remade.offsets[chunk.offset]
        new.replaces_id = None
        session.flush()
        reassess_packs(session, [pack_id])
        cleanup.clean_packs(session, case.pack.user_id, [case.pack.id])


def _demand_whole(session: Session, new: Pack | None) -> Pack:
    if new is None or new.cleanup_job_id is not None:
        raise LeaseLost
    there = session.scalar(
        select(func.count())
        .select_from(ShardRow)
        .where(ShardRow.pack_id == new.id, ShardRow.state.in_(HELD))
    )
    if there != new.k + new.m:
        raise LeaseLost
    return new
