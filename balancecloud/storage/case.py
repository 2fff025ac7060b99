"""One pack that is being mended, and what putting its shards has in common."""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.crypto.keys import UserKey
from balancecloud.errors import (
    DamagedInTransit,
    LeaseLost,
    ObjectDiffers,
    ProviderError,
    SignInAgain,
)
from balancecloud.models.clouds import CloudAccount, ShardRow
from balancecloud.models.jobs import Job
from balancecloud.models.states import AccountState, ShardState
from balancecloud.storage import health, strays
from balancecloud.storage.hold import hold
from balancecloud.storage.packing import Parcel
from balancecloud.storage.salvage import KnownPack, KnownShard
from balancecloud.storage.strays import Stray
from balancecloud.storage.tools import Tools
from balancecloud.storage.upkeep import Fault
from balancecloud.storage.work import Claim

OF_THE_OBJECT: Final = (ObjectDiffers, DamagedInTransit)


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """A pack, what is wrong with it, and the key that seals its shards."""

    tools: Tools
    claim: Claim
    pack: KnownPack
    user_key: UserKey
    fault: Fault

    @property
    def good(self) -> tuple[KnownShard, ...]:
        """The shards that count."""
        return tuple(shard for shard in self.pack.shards if shard.is_good)

    @property
    def lacking(self) -> tuple[KnownShard, ...]:
        """The shards that are to be built again."""
        return tuple(shard for shard in self.pack.shards if not shard.is_good)


class Refusal(Exception):
    """Some accounts did not take their shards: which to leave out, and what one of them said."""

    def __init__(self, accounts: Collection[uuid.UUID], reason: ProviderError) -> None:
        self.accounts = accounts
        self.reason = reason
        super().__init__()


Put = Callable[[Parcel], ProviderError | None]


def put_all(parcels: Sequence[Parcel], put: Put) -> None:
    """Put shards in parallel; Refusal, once each had its try, names who did not take theirs."""
    with ThreadPoolExecutor(len(parcels) or 1, thread_name_prefix="mend") as pool:
        outcomes = list(pool.map(put, parcels))
    refused = [(p.account, why) for p, why in zip(parcels, outcomes, strict=True) if why]
    if refused:
        # Where other bytes lie under a name or id the account is well.
        unwell = [account for account, why in refused if not isinstance(why, OF_THE_OBJECT)]
        raise Refusal(unwell, min((why for _, why in refused), key=_order))


def _order(refusal: ProviderError) -> bool:
    """Say first what concerns an object: only another name helps there."""
    return not isinstance(refusal, ObjectDiffers)


def note_failure(case: Case, account_id: uuid.UUID, refusal: ProviderError) -> ProviderError:
    """Write down what a refusal says of the account; return it."""
    with case.tools.sessions.begin() as session:
        health.note_failure(session, account_id, refusal)
    return refusal


def reserve(provider: Provider) -> ObjectId | None:
    """Return an id for a put, where there is such a thing."""
    return provider.reserve(1)[0] if provider.traits.reserves_ids else None


def stray_of(pack_id: uuid.UUID, parcel: Parcel, object_id: ObjectId | None) -> Stray:
    """Return what may lie at an account once this was sent."""
    return Stray(pack_id, parcel.index, parcel.account, parcel.name, object_id)


def confirm(case: Case, pack_id: uuid.UUID, parcel: Parcel, object_id: ObjectId) -> None:
    """Record that a shard is at its account.

    LeaseLost when it is not wanted there any more; what no row names is removed again.
    """
    try:
        with case.tools.sessions.begin() as session:
            hold(session, case.claim)
            _mark_stored(session, case, pack_id, parcel, object_id)
            health.note_success(session, parcel.account)
    except LeaseLost:
        stray = stray_of(pack_id, parcel, object_id)
        strays.take_back(case.tools, case.claim.user_id, [stray])
        raise


def _mark_stored(
    session: Session, case: Case, pack_id: uuid.UUID, parcel: Parcel, object_id: ObjectId
) -> None:
    lock_accounts(session, [parcel.account])
    marked = session.scalar(
        update(ShardRow)
        .where(
            ShardRow.pack_id == pack_id,
            ShardRow.index == parcel.index,
            ShardRow.account_id == parcel.account,
            ShardRow.state == ShardState.INTENT,
        )
        .values(state=ShardState.STORED, object_id=object_id, stored_at=func.now())
        .returning(ShardRow.index)
    )
    if marked is None:
        raise LeaseLost
    count_bytes(session, parcel.account, parcel.shard.length)
    if case.claim.job_id:
        session.execute(
            update(Job).where(Job.id == case.claim.job_id).values(shards_done=Job.shards_done + 1)
        )


def note_refused(case: Case, stray: Stray, refusal: ProviderError) -> ProviderError:
    """Write down what a put's refusal says of the account, and what may lie there; return it."""
    note_failure(case, stray.account_id, refusal)
    strays.leave(case.tools, case.claim.user_id, stray)
    return refusal


def lock_accounts(session: Session, account_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Lock accounts by id, before their shards, as everybody does; return those still linked."""
    rows = session.execute(
        select(CloudAccount.id, CloudAccount.state)
        .where(CloudAccount.id.in_(list(account_ids)))
        .order_by(CloudAccount.id)
        .with_for_update(key_share=True)
    ).all()
    return {row.id for row in rows if row.state is not AccountState.UNLINKED}


def demand_linked(session: Session, *accounts: uuid.UUID, also: uuid.UUID | None = None) -> None:
    """Lock accounts, and one that may be unlinked; Refusal when another one was unlinked."""
    linked = lock_accounts(session, {*accounts, *([also] if also else [])})
    gone = set(accounts) - linked
    if gone:
        raise Refusal(gone, SignInAgain())


def count_bytes(session: Session, account_id: uuid.UUID, length: int) -> None:
    """Add to what an account holds; a negative length takes away."""
    session.execute(
        update(CloudAccount)
        .where(CloudAccount.id == account_id)
        .values(
            used_bytes=func.greatest(0, CloudAccount.used_bytes + length),
            stored_bytes=func.greatest(0, CloudAccount.stored_bytes + length),
        )
    )
