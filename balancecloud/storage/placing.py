"""Bringing one chunk to its accounts: plan, write the intent, put, confirm; replan when refused."""

import logging
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.errors import (
    AccountFull,
    DamagedInTransit,
    IntegrityError,
    LeaseLost,
    NeedsUser,
    ObjectDiffers,
    ProviderError,
    Temporary,
)
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.library import Version
from balancecloud.models.people import User
from balancecloud.models.states import AccountState
from balancecloud.storage import health, intents
from balancecloud.storage.intents import Intended, NewPack, Sent
from balancecloud.storage.packing import (
    Parcel,
    SealedPack,
    VersionKeys,
    layout_of,
    parcels,
    place_of,
    seal_pack,
)
from balancecloud.storage.patience import Needs, candidate, reason_to_wait
from balancecloud.storage.placement import NoPlace, plan
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim

logger = logging.getLogger(__name__)

# A chunk is planned anew at most this often in one run; then the work waits and starts again.
REPLANS = 4
OF_THE_OBJECT = (ObjectDiffers, DamagedInTransit)


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """One chunk of a version that is being stored."""

    tools: Tools
    claim: Claim
    version: Version
    keys: VersionKeys
    index: int


class PutFailed(Exception):
    """Some shards of a pack could not be stored: which accounts to leave out, the gravest reason.

    Where other bytes lie under a name or id, or bytes were damaged on their way, the account is
    well: a new pack has new names and ids.
    """

    def __init__(self, accounts: Collection[uuid.UUID], reason: ProviderError) -> None:
        self.accounts = accounts
        self.reason = reason
        super().__init__()


def place_chunk(
    target: Target, plaintext: Callable[[], bytes], sealed: Callable[[int], None]
) -> None:
    """Store one chunk on k + m accounts and record it; what was confirmed before is not sent again.

    An account that refuses is left out and the pack planned anew, as long as enough others remain.
    """
    with target.tools.sessions() as session:
        intended = intents.find(session, target.version.id, target.index)
        if intended is not None and intended.is_complete:
            return
        _refuse_early(session, target)
    pack = seal_pack(place_of(target.version, target.index), target.keys, plaintext())
    if intended is not None and pack.salt != intended.salt:
        raise IntegrityError("salt")
    sealed(target.index)
    _try_plans(target, pack, intended)


def _try_plans(target: Target, pack: SealedPack, intended: Intended | None) -> None:
    refused: set[uuid.UUID] = set()
    reason: ProviderError | None = None
    attempt = _resume(target, pack, intended) if intended else None
    for _ in range(REPLANS):
        try:
            attempt = attempt or _plan_anew(target, pack, refused)
            _put_all(target, attempt)
        except NoPlace:
            # An account that refused for now is the better reason than the lack of another one.
            if reason is not None:
                raise reason from None
            raise
        except PutFailed as failure:
            refused |= set(failure.accounts)
            reason, attempt = failure.reason, None
        else:
            return
    if reason is not None:
        raise reason


@dataclass(frozen=True, slots=True, repr=False)
class Attempt:
    """A pack whose intent is committed, with the shards that are still to be put."""

    pack_id: uuid.UUID
    parcels: tuple[Parcel, ...]
    object_ids: Mapping[int, ObjectId | None]
    is_again: bool


def _resume(target: Target, pack: SealedPack, intended: Intended) -> Attempt:
    """Take up a pack that an earlier run planned; sealing again gives the same bytes."""
    layout = layout_of(intended.pack_id, pack, intended.plan.k, intended.plan.m)
    made = parcels(target.keys.user_key, layout, pack, intended.plan)
    missing = tuple(parcel for parcel in made if parcel.index not in intended.stored)
    return Attempt(intended.pack_id, missing, intended.object_ids, is_again=True)


def _plan_anew(target: Target, pack: SealedPack, refused: Collection[uuid.UUID]) -> Attempt:
    """Plan a pack, reserve its ids at the providers, and commit the intent."""
    pack_id = uuid.uuid4()
    with target.tools.sessions() as session:
        needs = _needs(session, target.version, pack_id, len(pack.body))
        accounts = [
            candidate(row)
            for row in health.usable(session, target.version.user_id)
            if row.id not in refused
        ]
        try:
            chosen = plan(pack_id, needs.length, needs.protection, accounts)
        except NoPlace:
            _refuse(session, needs)
    layout = layout_of(pack_id, pack, chosen.k, chosen.m)
    made = parcels(target.keys.user_key, layout, pack, chosen)
    object_ids = _reserve_all(target, made)
    new = NewPack(pack_id, target.version.epoch, pack, chosen, made, object_ids)
    with target.tools.sessions.begin() as session:
        intents.write(session, target.claim, target.version, target.index, new)
    return Attempt(pack_id, made, object_ids, is_again=False)


def _refuse_early(session: Session, target: Target) -> None:
    """Raise before anything is sealed when no account at all may be asked."""
    version = target.version
    if not health.usable(session, version.user_id):
        length = place_of(version, target.index).plain_len
        _refuse(session, _needs(session, version, uuid.uuid4(), length))


def _refuse(session: Session, needs: Needs) -> NoReturn:
    """Raise when to come again where patience is enough, else NoPlace: a person is needed."""
    raise reason_to_wait(session, needs) or NoPlace


def _needs(session: Session, version: Version, pack_id: uuid.UUID, length: int) -> Needs:
    return Needs(version.user_id, pack_id, length, _protection(session, version))


def _reserve_all(target: Target, made: Sequence[Parcel]) -> dict[int, ObjectId | None]:
    """Reserve an id for each shard where there is such a thing; PutFailed names who refused."""
    object_ids: dict[int, ObjectId | None] = {}
    for parcel in made:
        try:
            object_ids[parcel.index] = _reserve(target.tools, parcel.account)
        except ProviderError as refusal:
            _note_failure(target, parcel.account, refusal)
            raise PutFailed([parcel.account], refusal) from refusal
    return object_ids


def _protection(session: Session, version: Version) -> int:
    """Return m: what was asked for, as far as there are linked failure domains for it.

    Accounts that are away for now count: a pack waits for them rather than being protected less.
    """
    domains = session.scalar(
        select(func.count(func.distinct(CloudAccount.domain))).where(
            CloudAccount.user_id == version.user_id,
            CloudAccount.state != AccountState.UNLINKED,
        )
    )
    asked = select(User.protection).where(User.id == version.user_id)
    return max(0, min(session.scalars(asked).one(), (domains or 0) - 1))


def _reserve(tools: Tools, account_id: uuid.UUID) -> ObjectId | None:
    provider = tools.open_provider(account_id)
    if not provider.traits.reserves_ids:
        return None
    return provider.reserve(1)[0]


def _put_all(target: Target, attempt: Attempt) -> None:
    """Put every shard that is not confirmed yet, in parallel; PutFailed names who refused."""
    waiting = attempt.parcels
    with ThreadPoolExecutor(len(waiting) or 1, thread_name_prefix="put") as pool:
        outcomes = list(pool.map(lambda parcel: _put(target, attempt, parcel), waiting))
    failures = {p.account: o for p, o in zip(waiting, outcomes, strict=True) if o is not None}
    if failures:
        unwell = [a for a, why in failures.items() if not isinstance(why, OF_THE_OBJECT)]
        raise PutFailed(unwell, max(failures.values(), key=_gravity))


def _put(target: Target, attempt: Attempt, parcel: Parcel) -> ProviderError | None:
    """Put one shard and record it; return what its provider said against it."""
    if attempt.is_again:
        with target.tools.sessions.begin() as session:
            intents.note_retry(session, target.claim, attempt.pack_id, parcel.index)
    try:
        provider = target.tools.open_provider(parcel.account)
        object_id = attempt.object_ids.get(parcel.index)
        stored = provider.put(parcel.name, parcel.shard, object_id)
    except ProviderError as refusal:
        _note_failure(target, parcel.account, refusal)
        return refusal
    chunk_bytes = place_of(target.version, target.index).plain_len
    sent = Sent(attempt.pack_id, parcel.index, stored.object_id, parcel.shard.length, chunk_bytes)
    try:
        with target.tools.sessions.begin() as session:
            intents.mark_stored(session, target.claim, target.version.id, sent)
            health.note_success(session, parcel.account)
    except LeaseLost:
        _take_back_unwanted(target, parcel.account, provider, sent)
        raise
    return None


def _take_back_unwanted(
    target: Target, account_id: uuid.UUID, provider: Provider, sent: Sent
) -> None:
    """Remove an object whose file was deleted while it was on its way: no row will ever name it."""
    with target.tools.sessions() as session:
        if intents.is_wanted(session, sent.pack_id, sent.index):
            return
    try:
        provider.delete(sent.object_id)
    except ProviderError as refusal:
        logger.warning("An unwanted shard could not be removed: %s.", refusal.code)
        _note_failure(target, account_id, refusal)


def _note_failure(target: Target, account_id: uuid.UUID, refusal: ProviderError) -> None:
    with target.tools.sessions.begin() as session:
        health.note_failure(session, account_id, refusal)


def _gravity(refusal: ProviderError) -> int:
    """Order reasons: what only a person can mend is said before what passes by itself."""
    for weight, kind in enumerate((Temporary, ObjectDiffers, AccountFull, NeedsUser)):
        if isinstance(refusal, kind):
            return weight
    return 0
