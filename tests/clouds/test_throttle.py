"""A provider behind its account's gate."""

import pytest

from balancecloud.clouds.gate import Gate
from balancecloud.clouds.limits import Learned
from balancecloud.clouds.pause import Pause
from balancecloud.clouds.provider import Provider
from balancecloud.clouds.throttle import Throttle
from balancecloud.errors import Throttled, Unreachable
from tests.clouds.around_memory import WrapperSuite
from tests.clouds.provider_suite import new_id, new_name, new_shard, store
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_provider import MemoryProvider


def behind_gate(inner: MemoryProvider, in_flight: int = 4) -> tuple[Throttle, Gate]:
    clock = ManualClock()
    gate = Gate(clock, Pause(clock, lambda: 0.0), lambda: 1.0, Learned(in_flight, None))
    return Throttle(inner, gate), gate


class TestThrottle(WrapperSuite):
    wrappers = (Throttle,)

    @pytest.fixture
    def provider(self) -> Provider:
        return behind_gate(MemoryProvider())[0]


class TestThrottleOfOneAtATime(WrapperSuite):
    wrappers = (Throttle,)

    @pytest.fixture
    def provider(self) -> Provider:
        return behind_gate(MemoryProvider(), in_flight=1)[0]


@pytest.fixture
def inner() -> MemoryProvider:
    return MemoryProvider()


def test_f20_in_a_pause_no_call_of_any_kind_reaches_the_account(inner: MemoryProvider) -> None:
    account, _ = behind_gate(inner)
    name, stored = store(account, new_shard(10))
    inner.fail_next("room", Throttled(retry_after=60))
    with pytest.raises(Throttled):
        account.room()
    inner.calls.clear()
    calls = (
        account.identity,
        lambda: account.reserve(1),
        lambda: account.put(new_name(), new_shard(1), None),
        lambda: account.get(stored.object_id, 0, 1),
        lambda: account.stat(stored.object_id),
        lambda: account.find(name),
        lambda: account.delete(stored.object_id),
        lambda: list(account.listing()),
        account.room,
    )
    for call in calls:
        with pytest.raises(Throttled):
            call()
    assert inner.calls == []


def test_a_listing_holds_no_place_between_its_steps(inner: MemoryProvider) -> None:
    account, gate = behind_gate(inner, in_flight=1)
    for _ in range(3):
        store(account, new_shard(1))
    listing = account.listing()
    next(listing)
    account.room()
    assert len(list(listing)) == 2
    assert gate._in_flight == 0


def test_a_listing_ends_where_a_pause_begins(inner: MemoryProvider) -> None:
    account, _ = behind_gate(inner)
    for _ in range(3):
        store(account, new_shard(1))
    listing = account.listing()
    next(listing)
    inner.fail_next("room", Throttled(retry_after=60))
    with pytest.raises(Throttled):
        account.room()
    with pytest.raises(Throttled):
        next(listing)


def test_a_page_that_is_here_already_is_no_sign_of_the_account(inner: MemoryProvider) -> None:
    account, _ = behind_gate(inner)
    for _ in range(3):
        store(account, new_shard(1))
    listing = account.listing()
    next(listing)
    inner.is_down = True
    for _ in range(4):
        with pytest.raises(Unreachable):
            account.room()
    assert len(list(listing)) == 2
    with pytest.raises(Unreachable) as last:
        account.room()
    assert last.value.retry_after == 2


def test_only_a_put_counts_as_a_creation(inner: MemoryProvider) -> None:
    account, gate = behind_gate(inner)
    object_id = new_id(account)
    for _ in range(2):
        inner.fail_next("reserve", Throttled(retry_after=1))
        with pytest.raises(Throttled):
            account.reserve(1)
    assert gate.learned().creations_per_second is None
    for _ in range(2):
        inner.fail_next("put", Throttled(retry_after=1))
        with pytest.raises(Throttled):
            account.put(new_name(), new_shard(1), object_id)
    assert gate.learned().creations_per_second is not None
