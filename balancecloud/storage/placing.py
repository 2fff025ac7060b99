"""Finding accounts for a sealed pack: plan, reserve ids, commit the intent; or take it up again."""

import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from sqlalchemy import Select, Uuid, bindparam, func, select
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId
from balancecloud.errors import (
    AccountFull,
    DamagedInTransit,
    NeedsUser,
    ObjectDiffers,
    ProviderError,
    Temporary,
)
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.library import Version
from balancecloud.models.people import User
from balancecloud.models.states import AccountState
from balancecloud.storage import health, intents, strays
from balancecloud.storage.budget import Budget
from balancecloud.storage.figures import StoreProgress
from balancecloud.storage.intents import Intended, NewPack
from balancecloud.storage.loads import Load
from balancecloud.storage.packing import Parcel, SealedChunk, SealedPack, layout_of, parcels
from balancecloud.storage.patience import Needs, candidate, reason_to_wait
from balancecloud.storage.placement import Candidate, NoPlace, Plan, plan
from balancecloud.storage.strays import Stray
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim

# An id is a round trip; those that are not used cost nothing.
RESERVED_AT_ONCE = 16
OF_THE_OBJECT = (ObjectDiffers, DamagedInTransit)


class PutFailed(Exception):
    """Some shards of a pack could not be stored: which accounts to leave out, the gravest reason.

    Where other bytes lie under a name or id, or bytes were damaged on their way, the account is
    well: a new pack has new names and ids.
    """

    def __init__(self, failures: Mapping[uuid.UUID, ProviderError]) -> None:
        self.accounts = {a for a, why in failures.items() if not isinstance(why, OF_THE_OBJECT)}
        self.reason = max(failures.values(), key=_gravity)
        super().__init__()


def _gravity(refusal: ProviderError) -> int:
    """Order reasons: what only a person can mend is said before what passes by itself."""
    for weight, kind in enumerate((Temporary, ObjectDiffers, AccountFull, NeedsUser)):
        if isinstance(refusal, kind):
            return weight
    return 0


@dataclass(frozen=True, slots=True, repr=False)
class Attempt:
    """A pack whose intent is committed, with the shards that are still to be put."""

    pack_id: uuid.UUID
    chunks: tuple[SealedChunk, ...]
    object_ids: Mapping[int, ObjectId | None]
    parcels: tuple[Parcel, ...]
    told: Sequence[StoreProgress]


class Desk:
    """Places the packs of one claim; called from several threads."""

    def __init__(self, tools: Tools, claim: Claim, budget: Budget) -> None:
        self._tools = tools
        self._claim = claim
        self._budget = budget
        self._ids: defaultdict[uuid.UUID, deque[ObjectId]] = defaultdict(deque)
        self._lock = threading.Lock()

    def place(self, load: Load, sealed: SealedPack) -> Attempt:
        """Commit what is to be stored where. NoPlace, PutFailed or MembersGone where it cannot."""
        found = load.intended
        if found is None:
            return self._plan_anew(load, sealed)
        return self._resume(load, sealed, found)

    def refuse_early(self, version: Version) -> None:
        """Raise before anything is sealed when no account at all may be asked."""
        with self._tools.sessions() as session:
            if not health.usable(session, version.user_id):
                length = min(version.size, version.chunk_size)
                _refuse(session, _needs(session, version, uuid.uuid4(), length))

    def note_refused(self, stray: Stray, refusal: ProviderError) -> None:
        """Write down what a refusal says of its account, and what may lie there all the same."""
        self._note_failure(stray.account_id, refusal)
        strays.leave(self._tools, self._claim.user_id, stray)

    def _note_failure(self, account_id: uuid.UUID, refusal: ProviderError) -> None:
        with self._tools.sessions.begin() as session:
            health.note_failure(session, account_id, refusal)

    def _resume(self, load: Load, sealed: SealedPack, found: Intended) -> Attempt:
        """Take up a pack that an earlier run planned; sealing again gave the same bytes."""
        pack = self._pack(load, sealed, found.pack_id, found.plan, found.object_ids)
        missing = tuple(one for one in pack.parcels if one.index not in found.stored)
        with self._tools.sessions.begin() as session:
            indexes = [parcel.index for parcel in missing]
            intents.note_retries(session, self._claim, pack, indexes)
        return Attempt(found.pack_id, sealed.chunks, found.object_ids, missing, ())

    def _plan_anew(self, load: Load, sealed: SealedPack) -> Attempt:
        """Plan a pack, reserve its ids at the providers, and commit the intent."""
        pack_id = uuid.uuid4()
        chosen = self._choose(load, pack_id, len(sealed.body))
        object_ids = self._reserve_all(chosen)
        pack = self._pack(load, sealed, pack_id, chosen, object_ids)
        taken_along = [member.work_id for member in load.members if member.work_id]
        with self._tools.sessions.begin() as session:
            told = intents.write(session, self._claim, pack, taken_along)
        return Attempt(pack_id, sealed.chunks, object_ids, pack.parcels, told)

    def _choose(self, load: Load, pack_id: uuid.UUID, length: int) -> Plan:
        """Plan around accounts that refused, and around those that lag behind where that can be."""
        version = load.versions[0]
        with self._tools.sessions() as session:
            needs = _needs(session, version, pack_id, length)
            usable = [
                candidate(row)
                for row in health.usable(session, version.user_id)
                if row.id not in load.refused
            ]
            behind = self._budget.behind([account.id for account in usable])
            ahead = [account for account in usable if account.id not in behind]
            chosen = _plan_or_none(needs, ahead) or _plan_or_none(needs, usable)
            if chosen is None:
                _refuse(session, needs)
            return chosen

    def _pack(
        self,
        load: Load,
        sealed: SealedPack,
        pack_id: uuid.UUID,
        chosen: Plan,
        object_ids: Mapping[int, ObjectId | None],
    ) -> NewPack:
        user_key = load.members[0].keys.user_key
        layout = layout_of(pack_id, sealed, chosen.k, chosen.m)
        made = parcels(user_key, layout, sealed, chosen, is_new=load.intended is None)
        user_id = load.versions[0].user_id
        return NewPack(pack_id, user_id, user_key.epoch, sealed, chosen, made, object_ids)

    def _reserve_all(self, chosen: Plan) -> dict[int, ObjectId | None]:
        """Reserve an id for each shard where there is such a thing; PutFailed says who refused."""
        object_ids: dict[int, ObjectId | None] = {}
        for placed in chosen.shards:
            try:
                object_ids[placed.index] = self._reserve(placed.account)
            except ProviderError as refusal:
                self._note_failure(placed.account, refusal)
                raise PutFailed({placed.account: refusal}) from refusal
        return object_ids

    def _reserve(self, account_id: uuid.UUID) -> ObjectId | None:
        provider = self._tools.open_provider(account_id)
        if not provider.traits.reserves_ids:
            return None
        with self._lock:
            if not self._ids[account_id]:
                self._ids[account_id].extend(provider.reserve(RESERVED_AT_ONCE))
            return self._ids[account_id].popleft()


def _plan_or_none(needs: Needs, accounts: Sequence[Candidate]) -> Plan | None:
    try:
        return plan(needs.pack_id, needs.length, needs.protection, accounts)
    except NoPlace:
        return None


def _refuse(session: Session, needs: Needs) -> NoReturn:
    """Raise when to come again where patience is enough, else NoPlace: a person is needed."""
    raise reason_to_wait(session, needs) or NoPlace


def _needs(session: Session, version: Version, pack_id: uuid.UUID, length: int) -> Needs:
    return Needs(version.user_id, pack_id, length, _protection(session, version))


def _protection(session: Session, version: Version) -> int:
    """Return m: what was asked for, as far as there are linked failure domains for it.

    Accounts that are away for now count: a pack waits for them rather than being protected less.
    """
    asked = session.connection().execute(_asking_protection(), {"user": version.user_id})
    protection, count = asked.one()
    return max(0, min(int(protection), int(count) - 1))


@cache
def _asking_protection() -> Select[int, int]:
    """Return a statement put together once: each pack asks for it."""
    user = bindparam("user", type_=Uuid)
    domains = (
        select(func.count(func.distinct(CloudAccount.domain)))
        .where(CloudAccount.user_id == user, CloudAccount.state != AccountState.UNLINKED)
        .scalar_subquery()
    )
    return select(User.protection, domains).where(User.id == user)
