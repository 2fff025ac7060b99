"""The wrapper that asks again."""

import pytest

from balancecloud.clouds.provider import Provider, Room
from balancecloud.clouds.retry import Patience, Retry
from balancecloud.errors import (
    AccountFull,
    BadReply,
    DamagedInTransit,
    ObjectMissing,
    ProviderError,
    SignInAgain,
    Throttled,
    Unreachable,
)
from tests.clouds.around_memory import WrapperSuite
from tests.clouds.provider_suite import new_id, new_name, new_shard, store
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_provider import MemoryProvider


def patient(inner: Provider, clock: ManualClock, attempts: int = 4) -> Retry:
    return Retry(inner, clock, lambda: 0.5, Patience(attempts=attempts))


class TestRetryOfOneAttempt(WrapperSuite):
    """With a single attempt the wrapper adds nothing: every promise holds as it stands."""

    wrappers = (Retry,)

    @pytest.fixture
    def provider(self) -> Provider:
        return patient(MemoryProvider(), ManualClock(), attempts=1)


class TestRetryOfThreeAttempts(WrapperSuite):
    """With more, only a fault that goes on reaches the caller."""

    wrappers = (Retry,)
    attempts = 3

    @pytest.fixture
    def provider(self) -> Provider:
        return Retry(MemoryProvider(), ManualClock(), lambda: 0.5, Patience(3, total_seconds=10))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def inner() -> MemoryProvider:
    return MemoryProvider()


def test_f20_a_passing_fault_is_not_seen(inner: MemoryProvider, clock: ManualClock) -> None:
    inner.fail_next("put", Unreachable(), times=3)
    shard = new_shard(10)
    _, stored = store(patient(inner, clock), shard)
    assert inner.get(stored.object_id, 0, 10) == shard.body


def test_f06_a_lost_answer_leaves_one_object(inner: MemoryProvider, clock: ManualClock) -> None:
    inner.lose_next_answer("put")
    store(patient(inner, clock), new_shard(10))
    assert len(inner.objects) == 1


def test_f20_the_pause_is_the_one_that_was_told(inner: MemoryProvider, clock: ManualClock) -> None:
    inner.fail_next("room", Throttled(retry_after=17))
    patient(inner, clock).room()
    assert clock.slept == [17]


def test_f20_untold_pauses_grow_and_are_jittered(inner: MemoryProvider, clock: ManualClock) -> None:
    inner.fail_next("room", Unreachable(), times=3)
    patient(inner, clock).room()
    assert clock.slept == [0.5, 1.0, 2.0]


def test_f41_attempts_are_bounded(inner: MemoryProvider, clock: ManualClock) -> None:
    inner.fail_next("room", Unreachable(), times=10)
    with pytest.raises(Unreachable):
        patient(inner, clock).room()
    assert inner.calls == ["room"] * 4


def test_a_long_pause_is_left_to_the_row_that_waits(
    inner: MemoryProvider, clock: ManualClock
) -> None:
    inner.fail_next("room", Throttled(retry_after=3600))
    with pytest.raises(Throttled):
        patient(inner, clock).room()
    assert clock.slept == []


@pytest.mark.parametrize("error", [ObjectMissing(), SignInAgain(), AccountFull()])
def test_what_does_not_pass_is_not_repeated(
    inner: MemoryProvider, clock: ManualClock, error: ProviderError
) -> None:
    inner.fail_next("put", error)
    with pytest.raises(type(error)):
        patient(inner, clock).put(new_name(), new_shard(1), new_id(inner))
    assert inner.calls.count("put") == 1


@pytest.mark.parametrize("error", [Unreachable(), BadReply(), DamagedInTransit(), Throttled()])
def test_f20_what_passes_is_asked_again(
    inner: MemoryProvider, clock: ManualClock, error: ProviderError
) -> None:
    inner.fail_next("put", error)
    store(patient(inner, clock), new_shard(10))
    assert inner.calls.count("put") == 2


@pytest.mark.parametrize("kind", [Unreachable, Throttled])
def test_what_our_own_gate_refuses_is_left_to_the_row_that_waits(
    inner: MemoryProvider, clock: ManualClock, kind: type[Throttled]
) -> None:
    inner.fail_next("room", kind(retry_after=1, is_own=True))
    with pytest.raises(kind):
        patient(inner, clock).room()
    assert (inner.calls, clock.slept) == (["room"], [])


def test_no_try_begins_once_the_budget_is_spent(inner: MemoryProvider, clock: ManualClock) -> None:
    def slow_and_lost() -> Room:
        clock.advance(40)
        raise Unreachable

    inner.room = slow_and_lost  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        patient(inner, clock).room()
    assert clock.monotonic() == 80.5


def test_a_listing_is_not_repeated(inner: MemoryProvider, clock: ManualClock) -> None:
    store(inner, new_shard(1))
    inner.fail_next("listing", Unreachable())
    with pytest.raises(Unreachable):
        list(patient(inner, clock).listing())
    assert clock.slept == []


def test_every_call_but_the_listing_is_repeated(inner: MemoryProvider, clock: ManualClock) -> None:
    retry = patient(inner, clock)
    name, stored = store(retry, new_shard(10))
    for method in ("identity", "reserve", "get", "stat", "find", "room", "delete"):
        inner.fail_next(method, Unreachable())
    retry.identity()
    retry.reserve(1)
    retry.get(stored.object_id, 0, 1)
    retry.stat(stored.object_id)
    retry.find(name)
    retry.room()
    retry.delete(stored.object_id)
    assert len(clock.slept) == 7
