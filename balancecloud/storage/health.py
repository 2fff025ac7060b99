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
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import Room
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    BadReply,
    ProviderError,
    SignInAgain,
    Throttled,
    Unreachable,
)
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.library import Version
from balancecloud.models.people import AuditEvent
from balancecloud.models.states import AccountState, VersionState
from balancecloud.storage import work

# A provider that asks for patience without saying how long gets this much.
PAUSE_SECONDS: Final = 30.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
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
_PASSING = (AccountState.HEALTHY, AccountState.SLOWED, AccountState.SILENT)


def note_failure(session: Session, account_id: uuid.UUID, error: ProviderError) -> None:
    """Write down what an account's failure says about the account as a whole.

    An error that concerns one object only (missing, damaged, differing) changes nothing.
    """
    match error:
        case Throttled():
            _note_throttled(session, account_id, error.retry_after)
        case Unreachable() | BadReply():
            _note_unanswered(session, account_id)
        case AccountFull():
            _move(session, account_id, (*_PASSING, AccountState.DRAINING), AccountState.FULL, error)
        case SignInAgain() | AccessRefused():
            _note_refused(session, account_id, error)
        case _:
            pass


def note_success(session: Session, account_id: uuid.UUID) -> None:
    """Write down that an account did what was asked: it is not silent, and no longer slowed."""
    pause_over = or_(CloudAccount.paused_until.is_(None), CloudAccount.paused_until <= _now())
    was_troubled = or_(
        CloudAccount.state == AccountState.SILENT,
        and_(CloudAccount.state == AccountState.SLOWED, pause_over),
        and_(CloudAccount.state == AccountState.HEALTHY, CloudAccount.state_reason.is_not(None)),
    )
    # Asked first without a lock: nearly every time there is nothing to write.
    before = session.scalar(
        select(CloudAccount.state).where(CloudAccount.id == account_id, was_troubled)
    )
    if before is None:
        return
    user_id = _change(session, account_id, was_troubled, **_healthy())
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
    pause_over = or_(CloudAccount.paused_until.is_(None), CloudAccount.paused_until <= _now())
    rows = session.scalars(
        select(CloudAccount)
        .where(CloudAccount.user_id == user_id, CloudAccount.state.in_(_PASSING), pause_over)
        .order_by(CloudAccount.created_at, CloudAccount.id)
    ).all()
    return sorted(rows, key=lambda row: row.state is AccountState.SILENT)


def wake_waiting(session: Session, user_id: uuid.UUID) -> list[uuid.UUID]:
    """Make this person's waiting work due, as an account has come (back); return what to ring."""
    session.execute(
        update(Version)
        .where(Version.user_id == user_id, Version.state == VersionState.WAITING)
        .values(state=VersionState.QUEUED, error_code=None)
        .execution_options(synchronize_session=False)
    )
    return work.wake(session, user_id)


def _note_throttled(session: Session, account_id: uuid.UUID, retry_after: float | None) -> None:
    wanted = PAUSE_SECONDS if retry_after is None or math.isnan(retry_after) else retry_after
    seconds = min(max(wanted, 1.0), LONGEST_PAUSE_SECONDS)
    until = _now() + timedelta(seconds=seconds)
    later = func.greatest(func.coalesce(CloudAccount.paused_until, until), until)
    _change(
        session,
        account_id,
        CloudAccount.state.in_(_PASSING),
        paused_until=later,
        **_state(AccountState.SLOWED, Throttled.code),
    )


def _note_unanswered(session: Session, account_id: uuid.UUID) -> None:
    """Remember the first time, with `state_since` as since when; later call it silent."""
    is_first = or_(
        and_(
            CloudAccount.state == AccountState.HEALTHY,
            CloudAccount.state_reason.is_distinct_from(UNREACHABLE),
        ),
        and_(CloudAccount.state == AccountState.SLOWED, CloudAccount.paused_until <= _now()),
    )
    first = _change(
        session, account_id, is_first, **_state(AccountState.HEALTHY, UNREACHABLE, afresh=True)
    )
    if first is not None:
        return
    has_been_long = or_(
        CloudAccount.state == AccountState.SILENT,
        and_(
            CloudAccount.state == AccountState.HEALTHY,
            CloudAccount.state_reason == UNREACHABLE,
            CloudAccount.state_since <= _now() - SILENT_AFTER,
        ),
    )
    _change(
        session,
        account_id,
        has_been_long,
        state=AccountState.SILENT,
        paused_until=_now() + SILENT_PAUSE,
        updated_at=_now(),
    )


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


def _now() -> ColumnElement[Any]:
    return func.statement_timestamp()
