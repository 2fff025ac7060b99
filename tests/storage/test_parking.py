"""Work that waits for accounts: the right state, the right time, nobody else held up."""

import secrets
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from balancecloud.clouds.provider import Provider
from balancecloud.errors import (
    AccountFull,
    ProviderError,
    SignInAgain,
    Temporary,
    Throttled,
    Unreachable,
)
from balancecloud.library import jobs
from balancecloud.models.clouds import CloudAccount, Pack
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Version
from balancecloud.models.states import AccountState, JobState, VersionState, WorkKind
from balancecloud.storage import cleaner, health, work
from balancecloud.storage.figures import StoreProgress
from balancecloud.storage.placement import NoPlace
from balancecloud.storage.tools import Tools
from balancecloud.storage.writer import store_run
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]


def set_account(person: Person, number: int, **values: object) -> None:
    chosen = CloudAccount.id == person.account_ids[number]
    with person.tools.sessions.begin() as session:
        session.execute(update(CloudAccount).where(chosen).values(**values))


def rest(person: Person, number: int, seconds: float, state: str = "slowed") -> None:
    until = func.now() + timedelta(seconds=seconds)
    reason = "unreachable" if state == "silent" else "throttled"
    set_account(person, number, state=state, state_reason=reason, paused_until=until)


def seconds_until(
    person: Person, column: InstrumentedAttribute[object], where: ColumnElement[bool]
) -> list[float]:
    with person.tools.sessions() as session:
        left = func.extract("epoch", column - func.now())
        return [float(one) for one in session.scalars(select(left).where(where).order_by(left))]


def due_in(person: Person) -> list[float]:
    return seconds_until(
        person,
        Work.due_at,
        (Work.user_id == person.user_id) & (Work.state == "due"),
    )


def asked(person: Person) -> int:
    return sum(len(account.calls) for account in person.memory)


# --- which state, until when ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "kind"), [("slowed", Throttled), ("silent", Unreachable), ("healthy", Throttled)]
)
def test_where_patience_is_enough_work_waits_as_long_as_the_account_rests(
    hands: Hands, state: str, kind: type[Temporary]
) -> None:
    person = Person.new(*hands, accounts=2)
    rest(person, 1, 200, state)
    arrived = person.upload(b"x")
    (problem,) = person.work()

    assert isinstance(problem, kind)
    assert person.version(arrived).state is VersionState.QUEUED
    job = person.job(arrived.job_id)
    assert (job.state, job.error_code) == (JobState.RETRYING, kind.code)
    assert 190 < due_in(person)[0] <= 200
    assert asked(person) == 0


def test_nothing_is_sealed_while_nobody_can_take_it(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    rest(person, 0, 100)
    rest(person, 1, 100)
    person.upload(b"x")
    told: list[StoreProgress] = []
    with pytest.raises(Throttled):
        store_run(person.tools, person.claim(), told.extend, lambda: None)
    assert told == []


def test_a_long_pause_is_waited_for_in_one_go(hands: Hands) -> None:
    person = Person.new(*hands, accounts=1)
    rest(person, 0, 3000)
    person.upload(b"x")
    person.work()
    assert 2900 < due_in(person)[0] <= 3000


def test_of_two_that_rest_the_one_that_makes_it_enough_sets_the_time(hands: Hands) -> None:
    person = Person.new(*hands, accounts=3)
    rest(person, 0, 100)
    rest(person, 1, 200)
    set_account(person, 2, state="full")
    person.upload(b"x")
    person.work()
    assert 190 < due_in(person)[0] <= 200


@pytest.mark.parametrize("state", ["full", "sign_in_again"])
def test_where_patience_is_not_enough_a_person_is_asked(hands: Hands, state: str) -> None:
    person = Person.new(*hands, accounts=2)
    rest(person, 0, 100)
    set_account(person, 1, state=state)
    arrived = person.upload(b"x")
    (problem,) = person.work()

    assert isinstance(problem, NoPlace)
    assert person.version(arrived).state is VersionState.WAITING
    assert person.job(arrived.job_id).state is JobState.NEEDS_YOU


def test_what_waits_goes_on_by_itself_when_the_time_has_come(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    rest(person, 0, 60)
    content = secrets.token_bytes(CHUNK)
    arrived = person.upload(content)
    person.work()
    assert person.try_claim() is None
    with person.tools.sessions.begin() as session:
        session.execute(update(Work).values(due_at=func.now()))
        session.execute(update(CloudAccount).values(paused_until=func.now()))

    assert person.work() == []
    assert person.read(person.version(arrived).id) == content
    assert person.job(arrived.job_id).state is JobState.DONE


COMING_BACK: dict[str, Callable[[Person], None]] = {
    "answers": lambda person: note(person, health.note_success),
    "linked again": lambda person: note(person, health.note_restored),
}


def note(person: Person, what: Callable[..., object]) -> None:
    with person.tools.sessions.begin() as session:
        what(session, person.account_ids[0])


@pytest.mark.parametrize("way", COMING_BACK)
def test_what_waits_goes_on_at_once_when_the_account_is_back(hands: Hands, way: str) -> None:
    person = Person.new(*hands, accounts=1)
    rest(person, 0, 600, "silent")
    arrived = person.upload(b"one", b"two")
    person.work()
    assert person.try_claim() is None

    COMING_BACK[way](person)

    assert person.work() == []
    assert person.version(arrived, 1).state is VersionState.STORED


# --- in the middle of a pack ------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [Unreachable(), Throttled(retry_after=60), AccountFull(), SignInAgain()]
)
def test_f20_an_account_that_fails_in_mid_pack_is_left_out_where_others_are_free(
    hands: Hands, error: ProviderError
) -> None:
    person = Person.new(*hands, accounts=4)
    person.memory[2].fail_next("put", error, times=100)
    content = secrets.token_bytes(3 * CHUNK)
    arrived = person.upload(content)

    assert person.work() == []
    assert person.read(person.version(arrived).id) == content
    assert person.memory[2].objects == {}
    person.check_settled()


def test_f20_a_pack_that_waited_goes_on_with_what_is_missing(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    person.memory[0].fail_next("put", Throttled(retry_after=60))
    person.upload(secrets.token_bytes(CHUNK))
    person.work()
    person.make_due()
    assert person.work() == []

    assert [account.calls.count("put") for account in person.memory] == [2, 1]
    with person.tools.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Pack)) == 1


def test_what_our_own_gate_holds_back_says_nothing_of_the_account(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    person.memory[0].fail_next("put", Throttled(retry_after=20, is_own=True))
    arrived = person.upload(b"x")
    (problem,) = person.work()

    assert isinstance(problem, Throttled)
    assert person.job(arrived.job_id).state is JobState.RETRYING
    with person.tools.sessions() as session:
        states = session.scalars(select(CloudAccount.state)).all()
    assert set(states) == {AccountState.HEALTHY}


# --- many -------------------------------------------------------------------------------------


def test_f42_many_files_that_wait_for_one_account_are_parked_by_the_first(hands: Hands) -> None:
    person = Person.new(*hands, accounts=1)
    many = [person.upload(b"x", name=f"file {number}") for number in range(30)]
    rest(person, 0, 120)

    assert len(person.work()) == 1

    assert asked(person) == 0
    assert len(due_in(person)) == 30
    assert due_in(person)[0] > 110
    with person.tools.sessions() as session:
        shown = session.execute(select(Job.state, Job.error_code).distinct()).all()
        versions = session.execute(select(Version.state, Version.error_code).distinct()).all()
    assert [tuple(row) for row in shown] == [(JobState.RETRYING, "throttled")]
    assert [tuple(row) for row in versions] == [(VersionState.QUEUED, "throttled")]

    person.make_due()
    assert person.work() == []
    assert {person.job(one.job_id).state for one in many} == {JobState.DONE}


def test_f42_files_without_an_account_are_parked_for_their_person(hands: Hands) -> None:
    person = Person.new(*hands)
    first, second = person.upload(b"x"), person.upload(b"y", name="other")
    assert len(person.work()) == 1
    for arrived in (first, second):
        assert person.version(arrived).state is VersionState.WAITING
        assert person.job(arrived.job_id).state is JobState.NEEDS_YOU


def test_f42_one_person_s_trouble_parks_nobody_else_s_work(hands: Hands) -> None:
    poor, rich = Person.new(*hands), Person.new(*hands, accounts=2)
    for number in range(3):
        poor.upload(b"x", name=f"file {number}")
    arrived = rich.upload(b"y")
    assert len(rich.work()) == 1
    assert rich.version(arrived).state is VersionState.STORED


def test_where_another_account_is_free_nothing_is_parked(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    arrived = person.upload(b"one", b"two")
    rest(person, 0, 100)
    assert len(person.work()) == 2
    assert person.version(arrived).error_code == "throttled"


def test_what_is_cancelled_is_not_parked(hands: Hands) -> None:
    person = Person.new(*hands)
    first, second = person.upload(b"x"), person.upload(b"y", name="other")
    claim = person.claim()
    cancelled = second if claim.job_id == first.job_id else first
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, cancelled.job_id)
    person.carry_out(claim)
    person.work()
    assert person.job(cancelled.job_id).state is JobState.CANCELLED


def test_f42_people_take_turns(hands: Hands) -> None:
    crowd = Person.new(*hands)
    for number in range(6):
        crowd.upload(b"x", name=f"file {number}")
    others = [Person.new(*hands) for _ in range(2)]
    for other in others:
        other.upload(b"y")
        other.upload(b"z", name="second")

    served: list[uuid.UUID] = []
    with crowd.tools.sessions.begin() as session:
        after = uuid.UUID(int=0)
        while (claim := work.claim(session, uuid.uuid4(), 60, after)) is not None:
            after = claim.user_id
            served.append(after)

    everybody = {crowd.user_id, *(other.user_id for other in others)}
    assert set(served[:3]) == set(served[3:6]) == everybody
    assert served[6:] == [crowd.user_id] * 4


def test_turns_do_not_go_before_urgency(hands: Hands) -> None:
    storing, deleting = Person.new(*hands), Person.new(*hands, accounts=1)
    gone = deleting.upload(b"x")
    assert deleting.work() == []
    deleting.delete(gone)
    storing.upload(b"y")
    with storing.tools.sessions.begin() as session:
        kinds = [
            claim.kind
            for _ in range(2)
            if (claim := work.claim(session, uuid.uuid4(), 60, storing.user_id))
        ]
    assert kinds == [WorkKind.STORE, WorkKind.DELETE]


# --- an account that comes and goes -----------------------------------------------------------


def test_an_account_that_flaps_loses_nothing_and_is_not_hammered(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    contents = [secrets.token_bytes(CHUNK) for _ in range(4)]
    arrived = person.upload(*contents)
    for _ in range(6):
        person.memory[0].is_down = True
        person.work()
        person.memory[0].is_down = False
        claim = person.try_claim()
        if claim is not None:
            person.carry_out(claim)
        person.make_due()
    person.make_due()
    assert person.work() == []
    for number, content in enumerate(contents):
        assert person.read(person.version(arrived, number).id) == content
    person.check_settled()


# --- cleaning and reading ---------------------------------------------------------------------


def test_a_clean_up_leaves_an_account_alone_that_refuses_and_goes_on_with_the_others(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaner, "BATCH", 4)
    person = Person.new(*hands, accounts=2)
    arrived = person.upload(secrets.token_bytes(8 * CHUNK))
    assert person.work() == []
    person.delete(arrived)
    for account in person.memory:
        account.calls.clear()
    person.memory[0].fail_next("delete", Throttled(retry_after=77), times=1000)

    (problem,) = person.work()

    assert isinstance(problem, Throttled)
    assert person.memory[1].objects == {}
    assert person.memory[0].calls.count("delete") <= 4
    assert 70 < due_in(person)[0] <= 77
    person.memory[0]._faults.clear()
    person.make_due()
    assert person.work() == []
    person.check_settled()


def test_a_clean_up_waits_for_what_passes_before_it_asks_a_person(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    arrived = person.upload(secrets.token_bytes(CHUNK))
    assert person.work() == []
    person.delete(arrived)
    person.memory[0].fail_next("delete", SignInAgain())
    person.memory[1].fail_next("delete", Throttled(retry_after=50))
    person.work()
    with person.tools.sessions() as session:
        job = session.scalars(select(Job).where(Job.kind == "delete")).one()
    assert (job.state, job.error_code) == (JobState.RETRYING, "throttled")


def test_readers_turn_to_an_account_that_does_not_rest(person: Person) -> None:
    content = secrets.token_bytes(CHUNK)
    arrived = person.upload(content)
    assert person.work() == []
    version = person.version(arrived)
    resting = person.shards(version.id)[0].account_id
    rest(person, person.account_ids.index(resting), 100)
    for account in person.memory:
        account.calls.clear()

    assert person.read(version.id) == content
    assert person.memory[person.account_ids.index(resting)].calls == []


def test_a_read_that_a_silent_account_answers_wakes_what_waits_for_it(hands: Hands) -> None:
    person = Person.new(*hands, accounts=1)
    content = secrets.token_bytes(CHUNK)
    version = person.version(person.upload(content))
    assert person.work() == []
    rest(person, 0, 600, "silent")
    waiting = person.upload(b"x", name="waiting")
    person.work()

    assert person.read(version.id) == content

    assert person.work() == []
    assert person.version(waiting).state is VersionState.STORED
