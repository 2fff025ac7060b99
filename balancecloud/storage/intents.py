"""What is written down before and after a shard is stored, each step in a transaction of its own.

Intent before effect: names, lengths, hashes and reserved ids are committed before the first
request, so that after any crash it is known what may exist at a provider (docs/data-model.md).
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId
from balancecloud.errors import LeaseLost
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.jobs import Job
from balancecloud.models.library import Version
from balancecloud.models.states import ShardState
from balancecloud.storage import cleanup
from balancecloud.storage.hold import hold
from balancecloud.storage.packing import Parcel, SealedPack, place_of
from balancecloud.storage.placement import Placed, Plan
from balancecloud.storage.work import Claim

ON_THE_CLOUD = (ShardState.STORED, ShardState.VERIFIED)


@dataclass(frozen=True, slots=True)
class Intended:
    """A pack that was planned before: its plan, the salt of its chunk, and what is stored."""

    pack_id: uuid.UUID
    salt: bytes
    plan: Plan
    object_ids: dict[int, ObjectId | None]
    stored: frozenset[int]

    @property
    def is_complete(self) -> bool:
        """Whether every shard is confirmed."""
        return len(self.stored) == len(self.plan.shards)


def find(session: Session, version_id: uuid.UUID, index: int) -> Intended | None:
    """Return what was planned for a chunk, None when nothing was."""
    chunk = session.get(Chunk, (version_id, index))
    if chunk is None:
        return None
    pack = session.get_one(Pack, chunk.pack_id)
    rows = session.scalars(
        select(ShardRow).where(ShardRow.pack_id == pack.id).order_by(ShardRow.index)
    ).all()
    return Intended(
        pack.id,
        chunk.salt,
        Plan(pack.k, pack.m, tuple(Placed(r.index, r.account_id, "intended") for r in rows)),
        {r.index: ObjectId(r.object_id) if r.object_id else None for r in rows},
        frozenset(r.index for r in rows if r.state in ON_THE_CLOUD),
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """A shard that its account confirmed."""

    pack_id: uuid.UUID
    index: int
    object_id: ObjectId
    length: int
    chunk_bytes: int  # plaintext of the pack's chunk


@dataclass(frozen=True, slots=True, repr=False)
class NewPack:
    """A pack about to be stored."""

    pack_id: uuid.UUID
    epoch: int
    sealed: SealedPack
    plan: Plan
    parcels: tuple[Parcel, ...]
    object_ids: dict[int, ObjectId | None]


def write(session: Session, claim: Claim, version: Version, index: int, new: NewPack) -> None:
    """Record a pack, its chunk and its shards as intents; LeaseLost when the claim is over.

    Where a pack was planned for this chunk before, that one is given up and cleaned up.
    """
    hold(session, claim)
    session.add(
        Pack(
            id=new.pack_id,
            user_id=version.user_id,
            epoch=new.epoch,
            length=len(new.sealed.body),
            digest=new.sealed.digest,
            k=new.plan.k,
            m=new.plan.m,
        )
    )
    session.flush()
    session.add_all(_intent(new, parcel) for parcel in new.parcels)
    before = _point_chunk(session, version, index, new)
    if before is not None:
        _give_up(session, claim, before)
    _count_shards(session, claim, len(new.parcels))


def _point_chunk(session: Session, version: Version, index: int, new: NewPack) -> uuid.UUID | None:
    """Make the chunk lie in the new pack; return the pack it was to lie in before."""
    chunk = session.get(Chunk, (version.id, index))
    if chunk is not None:
        before, chunk.pack_id, chunk.salt = chunk.pack_id, new.pack_id, new.sealed.salt
        session.flush()
        return before
    session.add(
        Chunk(
            version_id=version.id, index=index, pack_id=new.pack_id, offset=0, salt=new.sealed.salt
        )
    )
    session.flush()
    length = place_of(version, index).plain_len
    session.execute(
        update(Version)
        .where(Version.id == version.id)
        .values(sealed_bytes=Version.sealed_bytes + length)
    )
    return None


def _give_up(session: Session, claim: Claim, pack_id: uuid.UUID) -> None:
    """Have a pack that will not be completed cleaned up, and count only what was confirmed of it.

    What was confirmed stays counted, as it is of the total: no counter goes backwards.
    """
    of_pack = select(func.count()).select_from(ShardRow).where(ShardRow.pack_id == pack_id)
    planned = session.scalars(of_pack).one()
    done = session.scalars(of_pack.where(ShardRow.state.in_(ON_THE_CLOUD))).one()
    _count_shards(session, claim, done - planned)
    cleanup.clean_packs(session, claim.user_id, [pack_id])


def _intent(new: NewPack, parcel: Parcel) -> ShardRow:
    return ShardRow(
        pack_id=new.pack_id,
        index=parcel.index,
        account_id=parcel.account,
        name=parcel.name,
        object_id=new.object_ids.get(parcel.index),
        length=parcel.shard.length,
        sha256=parcel.shard.sha256,
        state=ShardState.INTENT,
        tries=1,
    )


def note_retry(session: Session, claim: Claim, pack_id: uuid.UUID, index: int) -> None:
    """Count one more try of a shard."""
    hold(session, claim)
    session.execute(
        update(ShardRow)
        .where(ShardRow.pack_id == pack_id, ShardRow.index == index)
        .values(tries=ShardRow.tries + 1)
    )
    if claim.job_id:
        session.execute(
            update(Job).where(Job.id == claim.job_id).values(shards_retried=Job.shards_retried + 1)
        )


def mark_stored(session: Session, claim: Claim, version_id: uuid.UUID, parcel: Sent) -> None:
    """Record that a shard is at its account, its hash compared; repeated, it counts once.

    With a pack's last shard its chunk counts as stored. LeaseLost when the shard is not wanted any
    more: what took its pack away took the claim away too.
    """
    hold(session, claim)
    _lock_account(session, parcel)
    account_id = session.scalar(
        update(ShardRow)
        .where(
            ShardRow.pack_id == parcel.pack_id,
            ShardRow.index == parcel.index,
            ShardRow.state == ShardState.INTENT,
        )
        .values(state=ShardState.STORED, object_id=parcel.object_id, stored_at=func.now())
        .returning(ShardRow.account_id)
    )
    if account_id is None:
        if not is_wanted(session, parcel.pack_id, parcel.index):
            raise LeaseLost
        return
    session.execute(
        update(CloudAccount)
        .where(CloudAccount.id == account_id)
        .values(
            used_bytes=CloudAccount.used_bytes + parcel.length,
            stored_bytes=CloudAccount.stored_bytes + parcel.length,
        )
    )
    _count_shards(session, claim, 0, 1)
    open_shards = select(ShardRow.index).where(
        ShardRow.pack_id == parcel.pack_id, ShardRow.state.not_in(ON_THE_CLOUD)
    )
    if session.scalar(open_shards.limit(1)) is None:
        session.execute(
            update(Version)
            .where(Version.id == version_id)
            .values(stored_bytes=Version.stored_bytes + parcel.chunk_bytes)
        )


def _lock_account(session: Session, parcel: Sent) -> None:
    """Lock the account before its shards, as unlinking does."""
    of_shard = select(ShardRow.account_id).where(
        ShardRow.pack_id == parcel.pack_id, ShardRow.index == parcel.index
    )
    session.scalar(
        select(CloudAccount.id).where(CloudAccount.id.in_(of_shard)).with_for_update(key_share=True)
    )


def is_wanted(session: Session, pack_id: uuid.UUID, index: int) -> bool:
    """Return whether a shard is still in the index and not about to go."""
    row = session.get(ShardRow, (pack_id, index))
    return row is not None and row.state is not ShardState.DELETING


def _count_shards(session: Session, claim: Claim, planned: int, done: int = 0) -> None:
    if claim.job_id:
        session.execute(
            update(Job)
            .where(Job.id == claim.job_id)
            .values(shards_total=Job.shards_total + planned, shards_done=Job.shards_done + done)
        )
