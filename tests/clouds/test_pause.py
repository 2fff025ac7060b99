"""The pause of an account: for every thread, as long as told, never slept through when long."""

import pytest

from balancecloud.clouds.pause import Pause
from balancecloud.errors import Throttled, Unreachable
from tests.fakes.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def pause(clock: ManualClock) -> Pause:
    return Pause(clock, lambda: 0.0)


def test_it_lasts_as_long_as_told(pause: Pause, clock: ManualClock) -> None:
    assert pause.throttled(17, clock.monotonic()) == 17
    clock.advance(16)
    assert pause.rest() == 1
    clock.advance(1)
    assert pause.rest() == 0


def test_a_shorter_one_does_not_shorten_it(pause: Pause) -> None:
    pause.throttled(17, 0)
    assert pause.throttled(2, 0) == 17


@pytest.mark.parametrize(("told", "seconds"), [(0, 1), (-5, 1), (86_400, 3600), (1e300, 3600)])
def test_it_is_neither_nothing_nor_endless(pause: Pause, told: float, seconds: float) -> None:
    assert pause.throttled(told, 0) == seconds


@pytest.mark.parametrize("told", [None, float("nan")])
def test_f20_untold_it_doubles_until_it_is_enough(
    pause: Pause, clock: ManualClock, told: float | None
) -> None:
    seconds = []
    for _ in range(9):
        seconds.append(pause.throttled(told, clock.monotonic()))
        clock.advance(pause.rest())
    assert seconds == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    pause.succeeded(clock.monotonic())
    assert pause.throttled(told, clock.monotonic()) == 1


def test_complaints_about_one_burst_do_not_add_up(pause: Pause, clock: ManualClock) -> None:
    clock.advance(10)
    assert [pause.throttled(None, 9.0) for _ in range(8)] == [1] * 8


def test_an_answer_to_what_was_sent_before_is_no_sign_that_it_was_enough(
    pause: Pause, clock: ManualClock
) -> None:
    clock.advance(10)
    pause.throttled(None, 9.0)
    pause.succeeded(8.0)
    clock.advance(1)
    assert pause.throttled(None, 11.0) == 2


def test_a_short_one_is_slept_through(pause: Pause, clock: ManualClock) -> None:
    pause.throttled(3, 0)
    pause.wait_out()
    assert clock.slept == [3]


def test_a_long_one_is_refused_at_once_with_what_remains(pause: Pause, clock: ManualClock) -> None:
    pause.throttled(60, 0)
    clock.advance(20)
    with pytest.raises(Throttled) as refusal:
        pause.wait_out()
    assert (refusal.value.retry_after, refusal.value.is_own) == (40, True)
    assert clock.slept == []


def test_a_provider_that_cannot_answer_is_unreachable_meanwhile(pause: Pause) -> None:
    pause.unavailable(60, 0)
    with pytest.raises(Unreachable):
        pause.wait_out()


def test_what_the_row_says_holds_too_and_may_end_early(pause: Pause) -> None:
    pause.read_row(600)
    assert pause.rest() == 600
    pause.read_row(0)
    assert pause.rest() == 0


def test_the_row_does_not_end_what_was_told_here(pause: Pause) -> None:
    pause.throttled(60, 0)
    pause.read_row(0)
    assert pause.rest() == 60
