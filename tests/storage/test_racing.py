"""Races between shards: who is asked, when another is, and what that may cost."""

import itertools
import uuid
from dataclasses import dataclass, field
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.clouds.provider import ObjectId
from balancecloud.crypto.shards import Layout
from balancecloud.storage import erasure, racing
from balancecloud.storage.pace import (
    FIRST_BYTES_PER_SECOND,
    FIRST_DELAY_SECONDS,
    FULL_BYTES,
    LONGEST_PATIENCE_SECONDS,
    MOST_FACTOR,
    SPARE_SECONDS,
    Pace,
    Paces,
    Sent,
)
from balancecloud.storage.racing import Ask, Race, Row, Track
from balancecloud.storage.stored_packs import StoredPack, StoredShard
from tests.fakes.manual_clock import ManualClock

LENGTH = 300
PIECE = 100


@dataclass
class Course:
    """A pack of k + m shards on accounts that answer when the test says so."""

    k: int = 3
    m: int = 1
    away: frozenset[int] = frozenset()
    clock: ManualClock = field(default_factory=ManualClock)
    paces: Paces = field(default_factory=Paces)
    asked: list[Ask] = field(default_factory=list)
    is_held_back: bool = False

    def __post_init__(self) -> None:
        self.body = bytes(range(256)) + bytes(range(LENGTH - 256))
        self.pieces = erasure.encode(self.body, self.k, self.m)
        self.accounts = [uuid.uuid4() for _ in range(self.k + self.m)]
        self.track = Track(self.clock.monotonic, self.paces, self.send)

    def send(self, ask: Ask) -> None:
        """Ask the account, at once unless the test holds that back."""
        self.asked.append(ask)
        if not self.is_held_back:
            self.begin(ask)

    def begin(self, ask: Ask) -> None:
        self.paces.of(ask.shard.account_id).begin(ask.sent, self.clock.monotonic())

    def race(self, *needed: int) -> Race:
        layout = Layout(bytes(16), LENGTH, self.k, self.m, bytes(32))
        shards = tuple(
            StoredShard(index, account, ObjectId(str(index)), index not in self.away)
            for index, account in enumerate(self.accounts)
        )
        pack = StoredPack(layout, uuid.uuid4(), 1, shards)
        race = Race(pack, Row(0, layout.piece_length, needed), self.track)
        race.start()
        return race

    def indexes(self) -> list[int]:
        return [ask.shard.index for ask in self.asked]

    def answer(self, race: Race, index: int) -> None:
        """One that was asked answers now; its account learns from it."""
        ask = race.asks[index]
        self.paces.of(ask.shard.account_id).answered(ask.sent, self.clock.monotonic())
        race.take(ask, bytes(self.pieces[index]))

    def refuse(self, race: Race, index: int) -> None:
        ask = race.asks[index]
        self.paces.of(ask.shard.account_id).ended(ask.sent)
        race.take(ask, None)

    def let_pass(self, race: Race, seconds: float) -> None:
        self.clock.advance(seconds)
        race.look()


def test_only_the_data_that_is_needed_is_asked_for() -> None:
    course = Course()
    race = course.race(1)

    assert course.indexes() == [1]
    course.answer(race, 1)
    assert race.is_won
    assert race.columns()[1] == course.pieces[1]


def test_data_is_preferred_where_all_accounts_are_alike() -> None:
    course = Course()
    course.race(0, 1, 2)

    assert course.indexes() == [0, 1, 2]


def test_who_is_away_is_not_asked_while_there_are_others() -> None:
    course = Course(away=frozenset({1}))
    course.race(0, 1, 2)

    assert sorted(course.indexes()) == [0, 2, 3]


def test_who_is_away_is_asked_when_nobody_else_is_left() -> None:
    course = Course(away=frozenset({1, 3}))
    race = course.race(0, 1, 2)
    assert set(course.indexes()) >= {0, 2}

    for index in list(race.asks):
        course.refuse(race, index)
    while not race.is_over:
        course.refuse(race, course.indexes()[-1])

    assert sorted(course.indexes()) == [0, 1, 2, 3]
    assert not race.is_won


def test_a_refusal_is_made_good_at_once() -> None:
    course = Course()
    race = course.race(0, 1, 2)
    course.refuse(race, 1)

    assert course.indexes() == [0, 1, 2, 3]
    for index in (0, 2, 3):
        course.answer(race, index)
    assert race.columns()[1] == course.pieces[1]


def test_a_late_answer_is_not_waited_for() -> None:
    course = Course()
    race = course.race(0, 1, 2)
    course.answer(race, 0)
    course.answer(race, 2)
    course.let_pass(race, race.next_look() - course.clock.monotonic() - 0.01)
    assert course.indexes() == [0, 1, 2]

    course.let_pass(race, 0.02)

    assert course.indexes() == [0, 1, 2, 3]
    course.answer(race, 3)
    assert race.is_won
    assert race.asks[1].is_over
    assert race.columns()[1] == course.pieces[1]


def test_the_late_one_may_still_win() -> None:
    course = Course()
    race = course.race(1)
    course.let_pass(race, 5)
    assert len(course.asked) == 4

    course.answer(race, 1)

    assert race.is_won
    assert all(ask.is_over for ask in course.asked)


def test_an_account_that_is_late_with_something_is_asked_last() -> None:
    course = Course()
    first = course.race(0)
    course.let_pass(first, 5)
    course.asked.clear()

    course.race(0, 1, 2)

    assert 0 not in course.indexes()


def test_an_account_is_asked_again_once_it_answered() -> None:
    course = Course()
    first = course.race(0)
    course.let_pass(first, 5)
    course.answer(first, 0)
    for index in (1, 2, 3):
        course.answer(first, index)
    course.asked.clear()

    course.race(0)

    assert course.indexes() == [0]


def test_lateness_costs_at_most_a_tenth_more_in_the_long_run() -> None:
    course = Course()
    asked = 0
    for _ in range(400):
        race = course.race(0, 1, 2)
        late_at = race.next_look()
        course.let_pass(race, late_at - course.clock.monotonic() + 0.001)
        asked += len(race.asks)
        for index in list(race.asks):
            course.answer(race, index)

    assert 1200 < asked <= 1200 * 1.1 + Paces.MOST_SAVED


def test_who_stalls_is_replaced_whatever_was_saved() -> None:
    course = Course()
    while course.paces.spend(1):
        pass
    race = course.race(0, 1, 2)
    course.let_pass(race, race.next_look() - course.clock.monotonic() + 0.001)
    # Three requests earned a third of one more.
    assert course.indexes() == [0, 1, 2]

    course.let_pass(race, 3 * LONGEST_PATIENCE_SECONDS + 1)

    assert course.indexes() == [0, 1, 2, 3]


def test_long_rows_go_to_the_accounts_that_are_soonest() -> None:
    course = Course()
    busy = course.paces.of(course.accounts[0])
    busy.send(50_000_000)
    layout = Layout(bytes(16), 3 << 20, 3, 1, bytes(32))
    pack = course.race(0, 1, 2).pack
    long = StoredPack(layout, pack.user_id, 1, pack.shards)
    course.asked.clear()

    Race(long, Row(0, 1 << 20, (0, 1, 2)), course.track).start()

    assert sorted(course.indexes()) == [1, 2, 3]


@given(
    layout=st.sampled_from([(1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (4, 2)]),
    data=st.data(),
)
def test_any_order_of_answers_refusals_and_delays_gives_the_right_bytes_or_none(
    layout: tuple[int, int], data: st.DataObject
) -> None:
    k, m = layout
    course = Course(k, m)
    needed = data.draw(st.lists(st.integers(0, k - 1), min_size=1, max_size=k, unique=True))
    refusing = data.draw(st.lists(st.integers(0, k + m - 1), unique=True))
    race = course.race(*sorted(needed))
    for _ in itertools.count():
        if race.is_over:
            break
        if data.draw(st.booleans()):
            course.let_pass(race, data.draw(st.floats(0, 5)))
        waiting = [index for index, ask in race.asks.items() if not ask.is_over]
        index = data.draw(st.sampled_from(sorted(waiting)))
        (course.refuse if index in refusing else course.answer)(race, index)

    if len(refusing) <= m:
        assert race.is_won
    if race.is_won:
        assert all(race.columns()[index] == course.pieces[index] for index in needed)


def test_a_race_that_was_let_go_holds_nothing_and_asks_nobody() -> None:
    course = Course()
    race = course.race(0, 1, 2)
    course.answer(race, 0)

    race.let_go()
    course.refuse(race, 1)
    course.answer(race, 2)
    course.let_pass(race, 100)

    assert race.is_over
    assert race.pieces == {}
    assert course.indexes() == [0, 1, 2]


def test_a_race_that_is_won_holds_what_is_needed_and_nothing_beside_it() -> None:
    course = Course()
    race = course.race(1)
    course.let_pass(race, 5)
    for index in (0, 2, 3):
        course.answer(race, index)
    course.answer(race, 1)

    assert race.pieces == {}
    assert dict(race.columns()) == {1: course.pieces[1]}
    assert race.answered == {0, 2, 3}


def test_driving_ends_with_the_first_race_and_takes_what_came_for_others() -> None:
    course = Course()
    inbox: racing.Inbox = SimpleQueue()
    first, second = course.race(0), course.race(1)
    inbox.put((second.asks[1], bytes(course.pieces[1])))
    inbox.put((first.asks[0], bytes(course.pieces[0])))

    racing.drive([first, second], inbox, [first])

    assert first.is_won
    assert second.is_won


def test_a_pace_is_learned_from_short_answers_and_long_ones() -> None:
    pace, clock = Pace(), ManualClock()
    for _ in range(60):
        sent = begun(pace, 1000, clock.monotonic())
        clock.advance(0.08)
        pace.answered(sent, clock.monotonic())
    for _ in range(60):
        sent = begun(pace, 2_000_000, clock.monotonic())
        clock.advance(0.18)
        pace.answered(sent, clock.monotonic())

    assert pace.expected(0, clock.monotonic())[1] == pytest.approx(0.08, rel=0.05)
    assert pace.expected(2_000_000, clock.monotonic())[1] == pytest.approx(0.18, rel=0.05)
    sent = begun(pace, 2_000_000, clock.monotonic())
    assert pace.late_at(sent) - sent.at == pytest.approx(0.18 * 1.5 + SPARE_SECONDS, rel=0.1)


def test_what_is_under_way_before_a_request_is_part_of_its_expected_time() -> None:
    pace, clock = Pace(), ManualClock()
    alone = begun(pace, 4_000_000, clock.monotonic())
    behind = begun(pace, 4_000_000, clock.monotonic())

    assert behind.expected - FIRST_DELAY_SECONDS == 2 * (alone.expected - FIRST_DELAY_SECONDS)


def test_what_begins_beside_a_request_gives_it_more_time_but_not_without_end() -> None:
    pace = Pace()
    first = begun(pace, 1_000_000, 0.0)
    alone = pace.late_at(first)
    begun(pace, 1_000_000, 0.0)
    beside = pace.late_at(first)
    for _ in range(10):
        begun(pace, FULL_BYTES, 0.0)

    assert alone < beside < pace.late_at(first)
    full = FIRST_DELAY_SECONDS + FULL_BYTES / FIRST_BYTES_PER_SECOND
    assert pace.late_at(first) <= full * MOST_FACTOR + SPARE_SECONDS


def test_who_waits_for_its_turn_is_not_late_while_others_are_answered() -> None:
    course = Course(is_held_back=True)
    first, second = course.race(1), course.race(1)
    course.begin(first.asks[1])
    course.let_pass(second, 0.5)
    assert course.indexes() == [1, 1]

    course.answer(first, 1)
    course.let_pass(second, 100)

    assert course.indexes() == [1, 1]


def test_who_waits_behind_a_late_answer_is_late_with_it() -> None:
    course = Course(is_held_back=True)
    first, second = course.race(1), course.race(1)
    course.begin(first.asks[1])

    course.let_pass(second, LONGEST_PATIENCE_SECONDS + 1)

    assert course.indexes() == [1, 1, 0, 2, 3]


def begun(pace: Pace, length: int, now: float) -> Sent:
    """Return a request whose turn comes at once."""
    sent = pace.send(length)
    pace.begin(sent, now)
    return sent


def test_nobody_is_waited_for_longer_than_the_longest_patience() -> None:
    pace = Pace()
    sent = begun(pace, 10**9, 0.0)

    assert pace.late_at(sent) <= LONGEST_PATIENCE_SECONDS + SPARE_SECONDS
