"""Mending a pack that does not lie as asked: its lost shards again, or else all of it anew.

`repair` and `move` work differ in urgency only. What is to be done is decided when it is done,
from what the index says then: a pack that is as asked by now, or gone, is left alone.
"""

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.errors import Temporary, Throttled
from balancecloud.models.clouds import CloudAccount, Pack, ShardRow
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobState
from balancecloud.storage import health, moving, repair, salvage, upkeep, version_keys
from balancecloud.storage.case import Case, Refusal
from balancecloud.storage.hold import hold
from balancecloud.storage.moving import Next
from balancecloud.storage.patience import Needs, candidate, reason_to_wait
from balancecloud.storage.placement import (
    Candidate,
    Lacking,
    NoPlace,
    NoSpare,
    Placed,
    plan,
    refill,
)
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim

# A pack is looked at anew at most this often in one run; then the work waits and starts again.
ROUNDS = 5
# A pack waits this long for an account that rests before it is asked for again.
REST_SECONDS = 30.0

Accounts = list[tuple[Candidate, bool]]  # with whether it may be asked just now


def mend(tools: Tools, claim: Claim, stop: Callable[[], None]) -> None:
    """Make a pack lie as asked, and finish the work.

    `stop` is asked between steps and raises to end early. Raises LeaseLost, NoPlace, IntegrityError
    where too few shards are whole, or the ProviderError that kept a shard from being read or put.
    """
    refused, resting, reason = set[uuid.UUID](), set[uuid.UUID](), None
    for _ in range(ROUNDS):
        stop()
        case = _open(tools, claim)
        if case is None:
            with tools.sessions.begin() as session:
                upkeep.end(session, claim)
            return
        try:
            _mend_once(case, _Out(refused, resting), stop)
        except Refusal as refusal:
            reason = refusal.reason
            (resting if isinstance(reason, Temporary) else refused).update(refusal.accounts)
        except (NoPlace, _Rests) as none:
            # What an account said is the better reason than the lack of another one.
            if reason is not None:
                raise reason from None
            if isinstance(none, NoPlace):
                raise
            raise Throttled(retry_after=REST_SECONDS, is_own=True) from None
    raise reason or NoSpare


@dataclass(frozen=True, slots=True)
class _Out:
    """Accounts that are left out in this run: for good, or because they rest."""

    refused: Collection[uuid.UUID]
    resting: Collection[uuid.UUID]


class _Rests(Exception):
    """A shard has a place, but its account rests just now: a pack is not made anew for that."""


def _open(tools: Tools, claim: Claim) -> Case | None:
    """Return what is to be mended; None when nothing is."""
    with tools.sessions.begin() as session:
        hold(session, claim)
        fault = upkeep.examine(session, claim.user_id, claim.key)
        pack = session.get(Pack, claim.key)
        if fault is None or pack is None:
            return None
        known = salvage.load(session, pack)
        if not known.chunks:
            # Its last file was deleted between these questions, and the pack with it.
            return None
        _show_running(session, claim)
        user_key = version_keys.user_key(session, tools.keys, pack.user_id, pack.epoch)
        return Case(tools, claim, known, user_key, fault)


def _show_running(session: Session, claim: Claim) -> None:
    job = session.get(Job, claim.job_id) if claim.job_id else None
    if job is not None and job.state in {JobState.QUEUED, JobState.RETRYING, JobState.NEEDS_YOU}:
        job.state = JobState.RUNNING
        job.started_at = job.started_at or session.scalar(func.now().select())
        job.retry_at = job.error_code = None


def _mend_once(case: Case, out: _Out, stop: Callable[[], None]) -> None:
    """Decide with values, then act: room is found before anything is fetched."""
    with case.tools.sessions() as session:
        accounts = _accounts(session, case, out)
        targets = _targets(session, case, accounts)
        following = None if targets else _next(session, case, accounts)
    if targets:
        repair.rebuild(case, targets, stop)
    elif following:
        moving.move(case, following, stop)


def _accounts(session: Session, case: Case, out: _Out) -> Accounts:
    """Return the accounts that take new shards, now or when they have rested."""
    now = {row.id for row in health.usable(session, case.pack.user_id)} - set(out.resting)
    rows = session.scalars(
        select(CloudAccount)
        .where(
            CloudAccount.user_id == case.pack.user_id,
            CloudAccount.state.in_(health.PASSING),
            ~upkeep.is_lost(),
        )
        .order_by(CloudAccount.created_at, CloudAccount.id)
    )
    return [(candidate(row), row.id in now) for row in rows if row.id not in out.refused]


def _targets(session: Session, case: Case, accounts: Accounts) -> tuple[Placed, ...]:
    """Return where lost shards go so that the pack is as asked; none where that can't be.

    _Rests when it can be as soon as an account has rested.
    """
    if case.fault.is_sparse or case.fault.has_wrong_parity:
        return ()
    usable = _usable_for(session, case, [one for one, _ in accounts])
    least = case.fault.wanted + case.pack.layout.k - len(case.good)
    if len(_refill(case, usable)) < least:
        return ()
    ready = {one.id for one, is_ready in accounts if is_ready}
    found = _refill(case, [one for one in usable if one.id in ready])
    if len(found) < least:
        raise _Rests
    return found


def _usable_for(session: Session, case: Case, accounts: list[Candidate]) -> list[Candidate]:
    """Leave out accounts where an older shard of the same name is still to be removed."""
    names = [shard.name for shard in case.lacking]
    ghosts = set(
        session.scalars(
            select(ShardRow.account_id).where(
                ShardRow.account_id.in_([one.id for one in accounts]),
                ShardRow.name.in_(names),
                ShardRow.pack_id != case.pack.id,
            )
        )
    )
    return [one for one in accounts if one.id not in ghosts]


def _refill(case: Case, accounts: list[Candidate]) -> tuple[Placed, ...]:
    lacking = [Lacking(shard.index, shard.account_id) for shard in case.lacking]
    taken = {shard.domain for shard in case.good}
    return refill(lacking, taken, case.pack.layout.object_length, accounts)


def _next(session: Session, case: Case, accounts: Accounts) -> Next:
    """Return the pack that is to replace this one: one that was begun, if it can be completed.

    Raises when to come again, or NoPlace.
    """
    ready = [one for one, is_ready in accounts if is_ready]
    begun = moving.find_begun(session, case)
    if begun is not None and begun.can_go_on(case.fault.wanted, {one.id for one in ready}):
        return begun
    pack_id = uuid.uuid4()
    length = case.pack.layout.pack_length
    try:
        return Next(pack_id, plan(pack_id, length, case.fault.wanted, ready))
    except NoPlace:
        needs = Needs(case.pack.user_id, pack_id, length, case.fault.wanted)
        raise reason_to_wait(session, needs) or NoSpare from None
