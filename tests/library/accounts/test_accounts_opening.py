"""Accounts that are open in several processes: their rows tell each of the others' pauses."""

import uuid
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import event, func, update

from balancecloud.clouds.around import Around
from balancecloud.clouds.gate import Gate
from balancecloud.clouds.limits import Learned
from balancecloud.clouds.throttle import Throttle
from balancecloud.errors import Throttled
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.open_accounts import KEEP_SECONDS, LOOK_AGAIN_SECONDS
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from balancecloud.storage import health
from tests.fakes.manual_clock import ManualClock
from tests.library.accounts.world import gateway_of, link, row_of

pytestmark = [pytest.mark.real, pytest.mark.sim]


@pytest.fixture
def account(gateway: Gateway, person: Linker) -> uuid.UUID:
    return link(gateway, person, "google_drive")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def other(gateway: Gateway, clock: ManualClock) -> Gateway:
    """Another process, whose time we move."""
    return gateway_of(gateway.config, gateway.sessions, clock)


def gate_of(gateway: Gateway, account_id: uuid.UUID) -> Gate:
    retry = cast("Around", gateway.open_provider(account_id))
    return cast("Throttle", retry._inner)._gate


def pause_row(gateway: Gateway, seconds: float, **values: object) -> None:
    until = func.now() + timedelta(seconds=seconds)
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(paused_until=until, **values))


def learn(gate: Gate, error: Throttled, *, is_creation: bool = False) -> None:
    with pytest.raises(Throttled), gate.passing(is_creation=is_creation):
        raise error


def test_f20_a_pause_told_to_one_process_holds_in_the_others_within_five_seconds(
    gateway: Gateway, other: Gateway, clock: ManualClock, account: uuid.UUID
) -> None:
    other.open_provider(account).room()
    with gateway.sessions.begin() as session:
        health.note_failure(session, account, Throttled(retry_after=120))
    clock.advance(LOOK_AGAIN_SECONDS)
    with pytest.raises(Throttled) as refusal:
        other.open_provider(account).room()
    assert refusal.value.is_own
    assert 110 < (refusal.value.retry_after or 0) <= 120


def test_f20_a_new_process_begins_in_the_pause(
    gateway: Gateway, other: Gateway, account: uuid.UUID
) -> None:
    with gateway.sessions.begin() as session:
        health.note_failure(session, account, Throttled(retry_after=120))
    with pytest.raises(Throttled):
        other.open_provider(account).room()


def test_a_pause_that_was_ended_in_the_row_ends_in_the_others(
    gateway: Gateway, other: Gateway, clock: ManualClock, account: uuid.UUID
) -> None:
    pause_row(gateway, 600, state="slowed")
    with pytest.raises(Throttled):
        other.open_provider(account).room()
    with gateway.sessions.begin() as session:
        health.note_restored(session, account)
    clock.advance(LOOK_AGAIN_SECONDS)
    assert other.open_provider(account).room().used == 0


def test_a_silent_account_can_be_asked_by_whoever_has_no_other_way(
    gateway: Gateway, other: Gateway, account: uuid.UUID
) -> None:
    pause_row(gateway, 60, state="silent")
    assert other.open_provider(account).room().used == 0


def test_a_pause_that_nobody_wrote_down_is_written_by_the_process_that_was_told(
    gateway: Gateway, other: Gateway, clock: ManualClock, account: uuid.UUID
) -> None:
    learn(gate_of(other, account), Throttled(retry_after=600))
    clock.advance(LOOK_AGAIN_SECONDS)
    other.open_provider(account)
    row = row_of(gateway, account)
    assert row.state is AccountState.SLOWED
    assert row.paused_until is not None


def test_a_new_process_starts_from_what_the_last_one_learned(
    gateway: Gateway, other: Gateway, clock: ManualClock, account: uuid.UUID
) -> None:
    gate = gate_of(other, account)
    for _ in range(2):
        learn(gate, Throttled(retry_after=1), is_creation=True)
    clock.advance(LOOK_AGAIN_SECONDS)
    other.open_provider(account)
    third = gateway_of(gateway.config, gateway.sessions)
    assert gate_of(third, account).learned() == gate.learned()
    assert gate.learned().creations_per_second is not None


def test_what_was_learned_is_written_when_it_changed_and_at_most_every_half_minute(
    gateway: Gateway, other: Gateway, clock: ManualClock, account: uuid.UUID
) -> None:
    written: list[Learned] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "learned_in_flight=" in statement:
            written.append(gate.learned())

    gate = gate_of(other, account)
    event.listen(gateway.sessions.kw["bind"], "before_cursor_execute", note)
    for _ in range(10):
        clock.advance(LOOK_AGAIN_SECONDS)
        other.open_provider(account)
    assert written == []
    for number in range(13):
        if number % 3 == 0:
            learn(gate, Throttled(retry_after=1))
            gate._requests.succeeded(was_full=True)
        clock.advance(LOOK_AGAIN_SECONDS)
        other.open_provider(account)
    assert 1 <= len(written) <= 1 + 13 * LOOK_AGAIN_SECONDS / KEEP_SECONDS
    assert row_of(gateway, account).learned_in_flight == written[-1].in_flight
