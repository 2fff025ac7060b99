"""Leaving an account alone that does not answer."""

from hypothesis import given
from hypothesis import strategies as st

from balancecloud.clouds.breaker import Breaker, Patience

FAILURES = Patience().failures


def opened(at: float = 0.0, jitter: float = 1.0) -> Breaker:
    breaker = Breaker(lambda: jitter)
    for _ in range(FAILURES):
        breaker.unanswered(at, was_probe=False)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(lambda: 1.0)
    for _ in range(FAILURES - 1):
        breaker.unanswered(0.0, was_probe=False)
        assert breaker.rest(0.0) == 0
    breaker.unanswered(0.0, was_probe=False)
    assert breaker.rest(0.0) == 2.0


def test_an_answer_between_begins_the_count_anew() -> None:
    breaker = Breaker(lambda: 1.0)
    for _ in range(10):
        for _ in range(FAILURES - 1):
            breaker.unanswered(0.0, was_probe=False)
        breaker.answered()
    assert breaker.rest(0.0) == 0


def test_failures_far_apart_do_not_add_up() -> None:
    breaker = Breaker(lambda: 1.0)
    for number in range(50):
        breaker.unanswered(number * 60.0, was_probe=False)
    assert breaker.rest(3000.0) == 0


def test_when_its_time_is_over_one_call_is_let_through() -> None:
    breaker = opened()
    assert breaker.rest(1.9) > 0
    assert breaker.rest(2.0) == 0
    assert breaker.begin()
    assert breaker.rest(2.0) > 0


def test_an_answer_to_that_call_closes_it() -> None:
    breaker = opened()
    breaker.begin()
    breaker.answered()
    assert breaker.rest(2.0) == 0
    assert not breaker.begin()


def test_no_answer_to_that_call_opens_it_for_twice_as_long_up_to_a_limit() -> None:
    breaker, now, rests = opened(), 0.0, []
    for _ in range(8):
        now += breaker.rest(now)
        breaker.begin()
        breaker.unanswered(now, was_probe=True)
        rests.append(breaker.rest(now))
    assert rests == [4, 8, 16, 32, 45, 45, 45, 45]


def test_the_jitter_takes_up_to_half_of_the_time() -> None:
    assert opened(jitter=0.0).rest(0.0) == 1.0


def test_late_failures_of_before_do_not_prolong_it() -> None:
    breaker = opened()
    for _ in range(20):
        breaker.unanswered(1.0, was_probe=False)
    assert breaker.rest(2.0) == 0


def test_a_call_that_ended_without_word_lets_the_next_one_see() -> None:
    breaker = opened()
    breaker.begin()
    breaker.given_up(was_probe=True)
    assert breaker.rest(2.0) == 0
    assert breaker.begin()


@given(st.lists(st.tuples(st.sampled_from(["yes", "no", "gone"]), st.floats(0, 90)), max_size=80))
def test_it_is_never_shut_for_longer_than_its_limit(events: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(lambda: 1.0), 0.0
    for kind, seconds in events:
        now += seconds
        is_probe = breaker.rest(now) == 0 and breaker.begin()
        if kind == "yes":
            breaker.answered()
        elif kind == "no":
            breaker.unanswered(now, was_probe=is_probe)
        else:
            breaker.given_up(was_probe=is_probe)
        assert breaker.rest(now) <= 45
        assert breaker.rest(now + 45) == 0
