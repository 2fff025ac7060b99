"""The gate before an account: few enough at once, in turn, none in a pause, none for nothing."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.clouds import gate as gate_module
from balancecloud.clouds.gate import Gate
from balancecloud.clouds.limits import MOST_IN_FLIGHT, Learned
from balancecloud.clouds.pause import Pause
from balancecloud.errors import (
    AccountFull,
    BadRange,
    BadReply,
    DamagedInTransit,
    ObjectMissing,
    ProviderError,
    SignInAgain,
    Temporary,
    Throttled,
    Unreachable,
)
from tests.fakes.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gate(clock: ManualClock) -> Gate:
    return gate_of(clock)


def gate_of(clock: Clock, in_flight: int = 4, creations: float | None = None) -> Gate:
    return Gate(clock, Pause(clock, lambda: 0.0), lambda: 1.0, Learned(in_flight, creations))


def fail(gate: Gate, error: ProviderError, *, is_creation: bool = False) -> None:
    with pytest.raises(type(error)) as caught, gate.passing(is_creation=is_creation):
        raise error
    assert caught.value is error


def passes(gate: Gate, *, is_creation: bool = False) -> bool:
    try:
        with gate.passing(is_creation=is_creation):
            return True
    except Temporary as refusal:
        if not refusal.is_own:
            raise
        return False


@dataclass
class Crowd:
    """Calls that stay inside until they are let go."""

    gate: Gate
    pool: ThreadPoolExecutor
    inside: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    leave: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    order: list[int] = field(default_factory=list)

    def enter(self, number: int) -> None:
        self.pool.submit(self._stay, number)

    def enter_one_after_another(self, numbers: range) -> None:
        """Let each wait in the queue before the next one comes."""
        for number in numbers:
            before = len(self.gate._waiting)
            self.enter(number)
            while len(self.gate._waiting) == before:
                SYSTEM_CLOCK.sleep(0.001)

    def _stay(self, number: int) -> None:
        with self.gate.passing():
            self.order.append(number)
            self.inside.release()
            self.leave.acquire(timeout=10)


def test_no_more_are_inside_than_the_limit_and_the_rest_follow_in_order(
    clock: ManualClock,
) -> None:
    most = MOST_IN_FLIGHT  # where it does not grow
    gate = gate_of(clock, in_flight=most)
    with ThreadPoolExecutor(most + 8) as pool:
        crowd = Crowd(gate, pool)
        for number in range(most):
            crowd.enter(number)
            assert crowd.inside.acquire(timeout=10)
        crowd.enter_one_after_another(range(most, most + 8))
        assert len(crowd.order) == most
        for _ in range(8):
            crowd.leave.release()
            assert crowd.inside.acquire(timeout=10)
        crowd.leave.release(most)
    assert crowd.order == list(range(most + 8))


def test_who_finds_no_place_in_time_is_told_to_come_again(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "PLACE_SECONDS", 0.05)
    with ThreadPoolExecutor(4) as pool:
        crowd = Crowd(gate, pool)
        for number in range(4):
            crowd.enter(number)
            assert crowd.inside.acquire(timeout=10)
        with pytest.raises(Throttled) as refusal, gate.passing():
            raise AssertionError("there was no place")
        crowd.leave.release(4)
    assert refusal.value.is_own
    assert passes(gate)


def test_a_full_account_does_not_hold_up_another(clock: ManualClock) -> None:
    full, other = gate_of(clock, in_flight=1), gate_of(clock, in_flight=1)
    with full.passing():
        assert passes(other)


def test_nobody_starves_among_many(clock: ManualClock) -> None:
    gate, lock = gate_of(clock, in_flight=3), threading.Lock()
    inside = most = 0

    def call(number: int) -> int:
        nonlocal inside, most
        with gate.passing(is_creation=number % 2 == 0):
            with lock:
                inside += 1
                most = max(most, inside)
            SYSTEM_CLOCK.sleep(0.0005)
            with lock:
                inside -= 1
        return number

    with ThreadPoolExecutor(24) as pool:
        assert sorted(pool.map(call, range(400))) == list(range(400))
    assert most <= gate.learned().in_flight
    assert gate._in_flight == 0


# --- patience ---------------------------------------------------------------------------------


def test_f20_a_complaint_pauses_every_call(gate: Gate) -> None:
    fail(gate, Throttled(retry_after=60))
    assert not passes(gate)
    assert not passes(gate, is_creation=True)


def test_f20_a_short_pause_is_waited_for(gate: Gate, clock: ManualClock) -> None:
    fail(gate, Throttled(retry_after=2))
    assert passes(gate)
    assert clock.monotonic() == 2


def test_f20_a_complaint_without_a_time_leaves_with_one(gate: Gate) -> None:
    error = Throttled()
    fail(gate, error)
    assert error.retry_after == 1


def test_503_with_a_time_pauses_the_account_too(gate: Gate) -> None:
    fail(gate, Unreachable(retry_after=60))
    with pytest.raises(Unreachable) as refusal, gate.passing():
        pass
    assert (refusal.value.is_own, refusal.value.retry_after) == (True, 60)


def test_who_waited_for_a_place_does_not_go_in_a_pause_that_began_meanwhile(
    clock: ManualClock,
) -> None:
    gate = gate_of(clock, in_flight=1)
    with ThreadPoolExecutor(1) as pool:
        with contextlib.suppress(Throttled), gate.passing():
            waiting = pool.submit(passes, gate)
            while not gate._waiting:
                SYSTEM_CLOCK.sleep(0.001)
            raise Throttled(retry_after=60)
        assert waiting.result(10) is False


def test_a_complaint_halves_what_may_be_under_way(gate: Gate) -> None:
    fail(gate, Throttled(retry_after=1))
    assert gate.learned() == Learned(2, None)


def test_only_refused_creations_teach_a_rate(gate: Gate, clock: ManualClock) -> None:
    for is_creation in (False, False, True, True):
        assert gate.learned().creations_per_second is None
        for _ in range(8):
            assert passes(gate, is_creation=True)
            clock.advance(0.25)
        fail(gate, Throttled(retry_after=1), is_creation=is_creation)
        clock.advance(1)
    assert gate.learned().creations_per_second == pytest.approx(4 * 0.7, abs=0.5)


def test_creations_wait_for_their_turn_and_reading_does_not(clock: ManualClock) -> None:
    gate = gate_of(clock, creations=2.0)
    for _ in range(3):
        assert passes(gate, is_creation=True)
    assert clock.slept == [0.5, 0.5]
    assert passes(gate)
    assert clock.slept == [0.5, 0.5]


def test_a_turn_too_far_away_is_not_waited_for(clock: ManualClock) -> None:
    gate = gate_of(clock, creations=2.0)
    for _ in range(8):
        gate._creations.take_turn(0.0)
    with pytest.raises(Throttled) as refusal, gate.passing(is_creation=True):
        pass
    assert (refusal.value.is_own, refusal.value.retry_after) == (True, 4.0)
    assert gate._creations.wait(0.0) == 4.0
    assert passes(gate)


# --- no answer --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Unreachable, BadReply])
def test_an_account_that_does_not_answer_is_left_alone(gate: Gate, kind: type[Unreachable]) -> None:
    for _ in range(4):
        error = kind()
        fail(gate, error)
        assert error.retry_after is None
    last = kind()
    fail(gate, last)
    assert last.retry_after == 2
    with pytest.raises(Unreachable) as refusal, gate.passing():
        pass
    assert (refusal.value.is_own, refusal.value.retry_after) == (True, 2)


@pytest.mark.parametrize(
    "answer", [ObjectMissing(), BadRange(), AccountFull(), SignInAgain(), DamagedInTransit()]
)
def test_what_concerns_an_object_or_a_person_is_an_answer(
    gate: Gate, answer: ProviderError
) -> None:
    for _ in range(3):
        for _ in range(4):
            fail(gate, Unreachable())
        fail(gate, answer)
    assert passes(gate)


def test_when_the_time_is_over_one_call_sees_and_the_others_are_refused(
    gate: Gate, clock: ManualClock
) -> None:
    for _ in range(5):
        fail(gate, Unreachable())
    clock.advance(2)
    with gate.passing():
        assert not passes(gate)
    assert passes(gate)


def test_a_call_that_ends_without_word_gives_its_place_and_its_turn_to_see_back(
    gate: Gate, clock: ManualClock
) -> None:
    for _ in range(5):
        fail(gate, Unreachable())
    clock.advance(2)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), gate.passing():
            raise error
    assert gate._in_flight == 0
    assert passes(gate)


def test_what_the_gate_itself_held_back_teaches_nothing(gate: Gate) -> None:
    for _ in range(10):
        fail(gate, Unreachable(is_own=True))
        fail(gate, Throttled(retry_after=60, is_own=True))
    assert passes(gate)
    assert gate.learned() == Learned(4, None)
