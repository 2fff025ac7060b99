"""The whole stack: asking again, around the gate, around the provider."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from balancecloud.clouds import registry
from balancecloud.clouds.http import HostRules, Request
from balancecloud.clouds.oauth import HeldTokens
from balancecloud.clouds.paced_http import PacedHttp
from balancecloud.clouds.pause import Pause
from balancecloud.clouds.provider import Provider
from balancecloud.clouds.registry import Account, Installation
from balancecloud.clouds.retry import Retry
from balancecloud.clouds.stack import PATIENCE, Known, Stacked, open_stacked, stacked
from balancecloud.clouds.throttle import Throttle
from balancecloud.errors import Throttled, Unreachable
from cloudsim.app import Running
from tests.clouds.around_memory import WrapperSuite
from tests.clouds.provider_suite import new_shard, store
from tests.clouds.simulated import (
    grant,
    grants_at,
    new_person,
    simulated_installation,
    with_faulty_way,
)
from tests.fakes.canned_way import CannedWay, canned
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_provider import MemoryProvider


def stack_around(inner: MemoryProvider, clock: ManualClock, known: Known | None = None) -> Stacked:
    pause = Pause(clock, lambda: 0.0)
    return stacked(inner, clock, pause, known or Known(), jitter=lambda: 0.5)


class TestTheWholeStack(WrapperSuite):
    wrappers = (Retry, Throttle)
    attempts = PATIENCE.attempts

    @pytest.fixture
    def provider(self) -> Provider:
        return stack_around(MemoryProvider(), ManualClock()).provider


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def inner() -> MemoryProvider:
    return MemoryProvider()


def test_what_an_account_bears_is_what_was_learned_else_its_trait(
    inner: MemoryProvider, clock: ManualClock
) -> None:
    fresh = stack_around(inner, clock).gate.learned()
    assert (fresh.in_flight, fresh.creations_per_second) == (inner.traits.requests_in_flight, None)
    known = stack_around(inner, clock, Known(7, 2.5)).gate.learned()
    assert (known.in_flight, known.creations_per_second) == (7, 2.5)


def test_f20_a_short_complaint_is_waited_for_and_learned_from(
    inner: MemoryProvider, clock: ManualClock
) -> None:
    account = stack_around(inner, clock)
    inner.fail_next("put", Throttled(retry_after=2))
    store(account.provider, new_shard(10))
    assert clock.slept[0] == 2
    assert account.gate.learned().in_flight == 2


def test_f20_a_long_complaint_reaches_the_caller_at_once(
    inner: MemoryProvider, clock: ManualClock
) -> None:
    account = stack_around(inner, clock).provider
    inner.fail_next("room", Throttled(retry_after=60))
    for _ in range(5):
        with pytest.raises(Throttled) as refusal:
            account.room()
        assert refusal.value.retry_after == 60
    assert inner.calls == ["room"]
    assert clock.slept == []


def test_every_try_counts_for_the_breaker_and_what_it_refuses_is_not_repeated(
    inner: MemoryProvider, clock: ManualClock
) -> None:
    account = stack_around(inner, clock).provider
    inner.is_down = True
    for _ in range(6):
        with pytest.raises(Unreachable):
            account.room()
    asked, slept = len(inner.calls), len(clock.slept)
    with pytest.raises(Unreachable):
        account.room()
    assert (len(inner.calls), len(clock.slept)) == (asked, slept)
    clock.advance(60)
    inner.is_down = False
    account.room()


def test_a_call_that_waits_to_be_repeated_holds_no_place(
    inner: MemoryProvider, clock: ManualClock
) -> None:
    account = stack_around(inner, clock, Known(in_flight=1))
    others: list[int] = []
    sleep = clock.sleep

    def look_while_sleeping(seconds: float) -> None:
        others.append(account.gate._in_flight)
        sleep(seconds)

    clock.sleep = look_while_sleeping  # type: ignore[method-assign]
    inner.fail_next("room", Unreachable(), times=2)
    account.provider.room()
    assert others == [0, 0]


# --- over HTTP --------------------------------------------------------------------------------


def test_f20_what_one_call_has_still_to_send_waits_for_the_pause_too(clock: ManualClock) -> None:
    way = CannedWay(HostRules.of(("https://cloud.example",), ()), canned(200))
    pause = Pause(clock, lambda: 0.0)
    paced = PacedHttp(way, pause)
    paced.send(Request("GET", "https://cloud.example/1"))
    pause.throttled(60, clock.monotonic())
    with pytest.raises(Throttled):
        paced.send(Request("GET", "https://cloud.example/2"))
    assert way.asked == ["GET /1"]
    clock.advance(58)
    paced.send(Request("GET", "https://cloud.example/3"))
    assert clock.slept == [2]


def test_closing_an_account_leaves_the_way_of_the_others_open(sim: Running) -> None:
    shared = simulated_installation(sim.url)
    one, other = open_at(shared), open_at(shared)
    one.provider.close()
    assert other.provider.room().used == 0


def open_at(shared: Installation, name: str = "onedrive") -> Stacked:
    """Return a new person's account with its stack."""
    grants = grants_at(name, shared)
    tokens = HeldTokens(grant(grants, new_person()), grants, shared.clock)
    place = registry.open_account(name, shared, Account(tokens, None)).ensure_place()
    return open_stacked(name, shared, Account(tokens, place), Known())


@pytest.mark.sim
@pytest.mark.parametrize("name", ["google_drive", "onedrive"])
def test_f20_after_a_complaint_no_thread_sends_anything(sim: Running, name: str) -> None:
    shared, way = with_faulty_way(simulated_installation(sim.url))
    account = open_at(shared, name)
    _, stored = store(account.provider, new_shard(5000))
    complained = threading.Event()

    def read(number: int) -> int:
        """Read until told to wait; return how often that went well."""
        for count in range(1000):
            if number == 0 and count == 5:
                way.planned.append(canned(429, headers={"retry-after": "60"}))
            try:
                account.provider.get(stored.object_id, 0, 100)
            except Throttled:
                complained.set()
                return count
        raise AssertionError("nobody was told to wait")

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(read, range(8))) >= 5
    assert complained.is_set()
    sent = len(way.sent)
    with ThreadPoolExecutor(8) as pool:
        rests = list(pool.map(lambda _: refused_for(account), range(8)))
    assert min(rests) > 50
    assert len(way.sent) == sent


def refused_for(account: Stacked) -> float:
    """Return how long the gate says that the account is not to be asked."""
    with pytest.raises(Throttled) as refusal:
        account.provider.room()
    assert refusal.value.is_own
    return refusal.value.retry_after or 0.0
