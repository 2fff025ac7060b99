"""What an account's answers teach: near the true limit, never below one, never without end."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.clouds.limits import (
    FASTEST_PER_SECOND,
    MOST_IN_FLIGHT,
    SLOWEST_PER_SECOND,
    CreationRate,
    RequestLimit,
)

HUGE = 10**9


@given(
    start=st.integers(-5, 100),
    answers=st.lists(st.tuples(st.sampled_from(["ok", "idle", "slow"]), st.floats(0, 5))),
)
def test_f20_the_limit_stays_between_one_and_the_ceiling(
    start: int, answers: list[tuple[str, float]]
) -> None:
    limit, now = RequestLimit(start), 0.0
    for kind, seconds in answers:
        now += seconds
        if kind == "slow":
            limit.throttled(now - seconds / 2, now)
        else:
            limit.succeeded(was_full=kind == "ok")
        assert 1 <= limit.limit <= MOST_IN_FLIGHT


def test_the_limit_grows_by_one_for_a_window_of_successes() -> None:
    limit = RequestLimit(4)
    for _ in range(4):
        assert limit.limit == 4
        limit.succeeded(was_full=True)
    assert limit.limit == 5


def test_a_limit_that_holds_nothing_back_does_not_grow() -> None:
    limit = RequestLimit(4)
    for _ in range(1000):
        limit.succeeded(was_full=False)
    assert limit.limit == 4


def test_f20_a_burst_of_complaints_halves_once() -> None:
    limit = RequestLimit(16)
    for at in range(16):
        limit.throttled(sent_at=0.0, now=1.0 + at)
    assert limit.limit == 8
    limit.throttled(sent_at=2.0, now=3.0)
    assert limit.limit == 4


def in_rounds(limit: RequestLimit, borne: int, rounds: range) -> tuple[int, int, set[int]]:
    """Ask an account that bears so many at once; return successes, complaints, limits seen."""
    successes = complaints = 0
    seen = set()
    for now in rounds:
        asked = limit.limit
        seen.add(asked)
        for _ in range(min(asked, borne)):
            limit.succeeded(was_full=True)
        successes += min(asked, borne)
        if asked > borne:
            complaints += 1
            for _ in range(asked - borne):
                limit.throttled(now, now + 0.5)
    return successes, complaints, seen


@pytest.mark.parametrize("start", [1, 4, 16])
@pytest.mark.parametrize("borne", [1, 2, 3, 5, 8, 12, 16])
def test_the_limit_comes_near_what_an_account_bears(borne: int, start: int) -> None:
    limit = RequestLimit(start)
    in_rounds(limit, borne, range(200))
    successes, complaints, seen = in_rounds(limit, borne, range(200, 1200))
    assert max(seen) <= borne + 1
    assert min(seen) >= max(1, borne // 2)
    assert successes >= 0.8 * borne * 1000
    assert complaints <= 60


# --- creations --------------------------------------------------------------------------------


@dataclass
class Account:
    """Allows so many creations a second, and as many at once; refuses what is more."""

    per_second: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.per_second

    def takes(self, now: float) -> bool:
        self.tokens = min(self.per_second, self.tokens + (now - self.at) * self.per_second)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def create_for(
    rate: CreationRate, account: Account, begin: float, seconds: float, pause: float = 2.0
) -> tuple[int, int]:
    """Create as fast as the rate allows, up to 20 a second; return successes and refusals."""
    now, made, refused = begin, 0, 0
    while now < begin + seconds:
        now += rate.take_turn(now)
        if account.takes(now):
            made += 1
            rate.succeeded()
        else:
            refused += 1
            rate.throttled(now, now)
            now += pause
        now += 0.05
    return made, refused


def test_creations_are_not_paced_until_one_is_refused() -> None:
    rate = CreationRate(None)
    assert create_for(rate, Account(HUGE), 0, 100) == (2001, 0)
    assert rate.per_second is None


@pytest.mark.parametrize("allowed", [1.0, 2.0, 3.0, 8.0])
def test_f20_creations_come_near_what_an_account_allows(allowed: float) -> None:
    rate, account = CreationRate(None), Account(allowed)
    create_for(rate, account, 0, 300)
    made, refused = create_for(rate, account, 400, 600)
    assert 0.75 * allowed * 600 <= made <= 1.01 * allowed * 600
    assert refused <= 0.04 * made
    assert rate.per_second is not None
    assert 0.6 * allowed <= rate.per_second <= 1.1 * allowed


def test_a_lone_complaint_is_not_taken_for_one_about_the_rate() -> None:
    rate = CreationRate(None)
    for at in (0.0, 100.0, 200.0):
        rate.throttled(at, at)
        assert rate.per_second is None
    rate.throttled(203.0, 203.0)
    assert rate.per_second is not None


def test_a_burst_of_refused_creations_cuts_once() -> None:
    rate = CreationRate(10.0)
    for at in range(5):
        rate.throttled(sent_at=0.0, now=1.0 + at)
    assert rate.per_second == pytest.approx(7.0)


def test_an_account_that_no_longer_minds_is_no_longer_paced() -> None:
    rate = CreationRate(2.0)
    create_for(rate, Account(HUGE), 0, 20_000)
    assert rate.per_second is None or rate.per_second > 15


@given(
    known=st.none() | st.floats(0.001, 1000),
    events=st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=60),
)
def test_a_paced_rate_stays_within_its_bounds(
    known: float | None, events: list[tuple[bool, float]]
) -> None:
    rate, now = CreationRate(known), 0.0
    for refused, seconds in events:
        now += seconds + rate.take_turn(now)
        if refused:
            rate.throttled(now, now)
        else:
            rate.succeeded()
        assert rate.per_second is None or rate.per_second >= SLOWEST_PER_SECOND
        assert rate.wait(now) <= 1 / SLOWEST_PER_SECOND + 1e-9
        assert rate.per_second is None or rate.per_second <= max(FASTEST_PER_SECOND, known or 0)
