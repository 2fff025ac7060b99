"""How a cloud account is: one guarded function moves its state, on the database's clock.

    healthy -> slowed         it asked for patience; over when `paused_until` is
    healthy -> silent         it did not answer for a while; asked again after `paused_until`
    healthy -> full           over when a reading of its room shows space again
    any     -> sign_in_again  over when the person links it again
    any     -> unlinked       for good, unless the person links it again

Nothing here commits.
"""

import math
import uuid
from collections.abc import Collection, Iterable
from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from balancecloud.clouds.limits import Learned
from balancecloud.clouds.provider import Room
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    BadReply,
    ProviderError,
    SignInAgain,
    Temporary,
    Throttled,
    Unreachable,
)
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.library import Version
from balancecloud.models.people import AuditEvent
from balancecloud.models.states import AccountState, VersionState
from balancecloud.storage import waking
from balancecloud.storage.hold import lock_versions

# A provider that asks for patience without saying how long gets this much.
PAUSE_SECONDS: Final = 30.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
LEAST_PAUSE: Final = timedelta(seconds=1)
# One lost connection is no outage: an account is silent after this long without an answer.
SILENT_AFTER = timedelta(seconds=20)
# How long a silent account is left alone before it is asked again.
SILENT_PAUSE = timedelta(seconds=60)
# A full account takes part again once this much is free: six shards of the largest size.
ROOM_AGAIN_BYTES: Final = 64 << 20

UNREACHABLE = Unreachable.code

_LINKED = (
    AccountState.HEALTHY,
    AccountState.SLOWED,
    AccountState.SILENT,
    AccountState.FULL,
    AccountState.DRAINING,
)
# Ends by itself, or when the account answers.
PASSING = (AccountState.HEALTHY, AccountState.SLOWED, AccountState.SILENT)
_SET_APART = (AccountState.FULL, AccountState.DRAINING)


class GrantKnownDead(SignInAgain):
    """The account's row said so itself: no news, and old by when it is told, perhaps."""


def note_failure(session: Session, account_id: uuid.UUID, error: ProviderError) -> None:
    """Write down what an account's failure says about the account as a whole.

    An error that concerns one object only (missing, damaged, differing) changes nothing, nor does
    one of our own gate: nobody was asked. What the row said itself may be old by now: the
    account may have been linked again since.
    """
    match error:
        case Temporary(is_own=True) | GrantKnownDead():
            pass
        case Throttled():
            _note_throttled(session, account_id, error.retry_after)
        case Unreachable() | BadReply():
            _note_unanswered(session, account_id, error.retry_after)
        case AccountFull():
            _move(session, account_id, (*PASSING, AccountState.DRAINING), AccountState.FULL, error)
        case SignInAgain() | AccessRefused():
            _note_refused(session, account_id, error)
        case _:
            pass


def note_successes(session: Session, account_ids: Collection[uuid.UUID]) -> None:
    """Write down that accounts did what was asked; nearly every time nothing is to be written."""
    for account_id in session.connection().scalars(_troubled(), {"ids": list(account_ids)}).all():
        note_success(session, account_id)


@cache
def _troubled() -> Select[uuid.UUID]:
    """Return a statement put together once: each shard's mark asks for it."""
    of_these = CloudAccount.id.in_(bindparam("ids", expanding=True))
    return select(CloudAccount.id).where(of_these, _was_troubled()).order_by(CloudAccount.id)


def _was_troubled() -> ColumnElement[bool]:
    return or_(
        CloudAccount.state == AccountState.SILENT,
        and_(CloudAccount.state == AccountState.SLOWED, _pause_over()),
        and_(CloudAccount.state == AccountState.HEALTHY, CloudAccount.state_reason.is_not(None)),
    )


def note_success(session: Session, account_id: uuid.UUID) -> None:
    """Write down that an account did what was asked: it is not silent, and no longer slowed."""
    was_troubled = _was_troubled()
    # Asked first without a lock: nearly every time there is nothing to write.
    before = session.scalar(
        select(CloudAccount.state).where(CloudAccount.id == account_id, was_troubled)
    )
    if before is None:
        return
    # A healthy account may have asked for patience on another lane: that goes on.
    goes_on = and_(CloudAccount.state == AccountState.HEALTHY, ~_pause_over())
    pause = case((goes_on, CloudAccount.paused_until), else_=None)
    user_id = _change(session, account_id, was_troubled, **(_healthy() | {"paused_until": pause}))
    if user_id is not None and before is AccountState.SILENT:
        wake_waiting(session, user_id)


def note_room(session: Session, account_id: uuid.UUID, room: Room) -> None:
    """Keep what the provider said of the account's space; a full account with space is healthy."""
    values = {
        "used_bytes": room.used,
        "total_bytes": room.total,
        "room_read_at": _now(),
        "updated_at": _now(),
    }
    _change(session, account_id, CloudAccount.state != AccountState.UNLINKED, **values)
    if room.total is None or room.total - room.used >= ROOM_AGAIN_BYTES:
        is_full = CloudAccount.state == AccountState.FULL
        user_id = _change(session, account_id, is_full, **_healthy())
        if user_id is not None:
            wake_waiting(session, user_id)


def note_learned(session: Session, account_id: uuid.UUID, learned: Learned) -> None:
    """Keep what a process knows of the account's limits, for the next one to start from."""
    _change(
        session,
        account_id,
        true(),
        learned_in_flight=learned.in_flight,
        learned_creations_per_second=learned.creations_per_second,
    )


def note_dead_grant(session: Session, account_id: uuid.UUID, token_version: int) -> bool:
    """Say that the grant of this token version is dead; False when the row holds another one."""
    is_current = CloudAccount.token_version == token_version
    changed = _change(
        session,
        account_id,
        and_(is_current, CloudAccount.state.in_(_LINKED)),
        refresh_owner=None,
        refresh_until=None,
        **_state(AccountState.SIGN_IN_AGAIN, SignInAgain.code),
    )
    if changed is not None:
        _audit(session, changed, "account.sign_in_again", account_id)
        return True
    still_current = select(CloudAccount.id).where(
        CloudAccount.id == account_id, is_current, CloudAccount.state.not_in(_LINKED)
    )
    return session.scalar(still_current) is not None


def note_restored(session: Session, account_id: uuid.UUID) -> list[uuid.UUID]:
    """Say that a probe went through after the person acted: healthy whatever it was before.

    Returns the work to ring for.
    """
    was_linked = CloudAccount.state != AccountState.UNLINKED
    user_id = _change(session, account_id, was_linked, **_healthy())
    return [] if user_id is None else wake_waiting(session, user_id)


def usable(session: Session, user_id: uuid.UUID) -> list[CloudAccount]:
    """Return the accounts that may take new shards now.

    A silent account is offered again, last, each time its pause is over: else nobody would notice
    that it came back.
    """
    rows = session.scalars(_asking_usable(), {"user": user_id}).all()
    return sorted(rows, key=lambda row: row.state is AccountState.SILENT)


@cache
def _asking_usable() -> Select[CloudAccount]:
    """Return a statement put together once: each pack asks for it."""
    of_this_person = CloudAccount.user_id == bindparam("user")
    return (
        select(CloudAccount)
        .where(of_this_person, CloudAccount.state.in_(PASSING), _pause_over())
        .order_by(CloudAccount.created_at, CloudAccount.id)
    )


def is_away() -> ColumnElement[bool]:
    """Say, in a query, whether an account is better not asked while there are others."""
    away = CloudAccount.state.in_((AccountState.SIGN_IN_AGAIN, AccountState.SILENT))
    return or_(away, ~_pause_over())


def wake_waiting(session: Session, user_id: uuid.UUID) -> list[uuid.UUID]:
    """Make this person's waiting work due, as an account has come (back); return what to ring."""
    # Work is locked before versions, as by whoever begins to form packs of what waits.
    due = waking.wake(session, user_id)
    waits = (Version.user_id == user_id, Version.state == VersionState.WAITING)
    session.execute(
        update(Version)
        .where(Version.id.in_(lock_versions(session, *waits)))
        .values(state=VersionState.QUEUED, error_code=None)
        .execution_options(synchronize_session=False)
    )
    return due


def _note_throttled(session: Session, account_id: uuid.UUID, retry_after: float | None) -> None:
    """Let the account rest; what it asked for before, or on another lane, is no news."""
    wanted = PAUSE_SECONDS if retry_after is None or math.isnan(retry_after) else retry_after
    until = _now() + _seconds(wanted)
    is_news = or_(
        CloudAccount.paused_until.is_(None),
        CloudAccount.paused_until < until - LEAST_PAUSE,
        CloudAccount.state != AccountState.SLOWED,
    )
    later = func.greatest(func.coalesce(CloudAccount.paused_until, until), until)
    slowed = {"paused_until": later, **_state(AccountState.SLOWED, Throttled.code)}
    _change(session, account_id, and_(CloudAccount.state.in_(PASSING), is_news), **slowed)
    # It goes on being full, or drained; yet it is left alone meanwhile.
    _change(session, account_id, CloudAccount.state.in_(_SET_APART), paused_until=later)


def _note_unanswered(session: Session, account_id: uuid.UUID, retry_after: float | None) -> None:
    """Remember the first time, with `state_since` as since when; later call it silent."""
    is_first = or_(
        and_(
            CloudAccount.state == AccountState.HEALTHY,
            CloudAccount.state_reason.is_distinct_from(UNREACHABLE),
        ),
        and_(CloudAccount.state == AccountState.SLOWED, CloudAccount.paused_until <= _now()),
    )
    first = _change(
        session,
        account_id,
        is_first,
        paused_until=_asked(retry_after),
        **_state(AccountState.HEALTHY, UNREACHABLE, afresh=True),
    )
    if first is None:
        _note_unanswered_again(session, account_id, retry_after)


def _note_unanswered_again(
    session: Session, account_id: uuid.UUID, retry_after: float | None
) -> None:
    is_shaky = and_(
        CloudAccount.state == AccountState.HEALTHY, CloudAccount.state_reason == UNREACHABLE
    )
    been_long = CloudAccount.state_since <= _now() - SILENT_AFTER
    silent = _change(
        session,
        account_id,
        # While a silent account rests, one more failure of those who ask it still is no news.
        or_(
            and_(CloudAccount.state == AccountState.SILENT, _pause_over()),
            and_(is_shaky, been_long),
        ),
        state=AccountState.SILENT,
        paused_until=_now() + max(SILENT_PAUSE, _seconds(retry_after or 0)),
        updated_at=_now(),
    )
    if silent is None and retry_after is not None:
        _change(session, account_id, is_shaky, paused_until=_asked(retry_after))


def _asked(retry_after: float | None) -> ColumnElement[Any]:
    """Return the later of the account's pause and the one that is asked for now."""
    if retry_after is None:
        return case((~_pause_over(), CloudAccount.paused_until), else_=None)
    return func.greatest(
        func.coalesce(CloudAccount.paused_until, _now()), _now() + _seconds(retry_after)
    )


def _seconds(asked: float) -> timedelta:
    return max(timedelta(seconds=min(asked, LONGEST_PAUSE_SECONDS)), LEAST_PAUSE)


def _note_refused(session: Session, account_id: uuid.UUID, error: ProviderError) -> None:
    user_id = _move(session, account_id, _LINKED, AccountState.SIGN_IN_AGAIN, error)
    if user_id is not None:
        _audit(session, user_id, "account.sign_in_again", account_id)


def _move(
    session: Session,
    account_id: uuid.UUID,
    before: Iterable[AccountState],
    after: AccountState,
    error: ProviderError,
) -> uuid.UUID | None:
    is_before = CloudAccount.state.in_(tuple(before))
    return _change(session, account_id, is_before, **_state(after, error.code))


def _change(
    session: Session, account_id: uuid.UUID, guard: ColumnElement[bool], **values: Any
) -> uuid.UUID | None:
    """Change the row where the guard holds; return whose account it is, None when it did not."""
    return session.scalar(
        update(CloudAccount)
        .where(CloudAccount.id == account_id, guard)
        .values(**values)
        .returning(CloudAccount.user_id)
        .execution_options(synchronize_session=False)
    )


def _healthy() -> dict[str, Any]:
    return {**_state(AccountState.HEALTHY, None), "paused_until": None}


def _state(state: AccountState, reason: str | None, *, afresh: bool = False) -> dict[str, Any]:
    """Return the columns of a state; `state_since` stays where the state stays."""
    since = case((CloudAccount.state == state, CloudAccount.state_since), else_=_now())
    return {
        "state": state,
        "state_reason": reason,
        "state_since": _now() if afresh else since,
        "updated_at": _now(),
    }


def _audit(session: Session, user_id: uuid.UUID, action: str, account_id: uuid.UUID) -> None:
    session.add(AuditEvent(user_id=user_id, action=action, target=str(account_id)))


def _pause_over() -> ColumnElement[bool]:
    return or_(CloudAccount.paused_until.is_(None), CloudAccount.paused_until <= _now())


def _now() -> ColumnElement[Any]:
    return func.statement_timestamp()
