"""Work that waits for accounts: the right state, the right time, nobody else held up."""

import secrets
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text, update

from balancecloud.clouds.provider import Provider
from balancecloud.errors import (
    SignInAgain,
    Temporary,
    Throttled,
    Unreachable,
)
from balancecloud.library import jobs
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Node, Version
from balancecloud.models.states import JobState, VersionState, WorkKind
from balancecloud.storage import health, outcome, runs, work
from balancecloud.storage.figures import StoreProgress
from balancecloud.storage.hold import still_due
from balancecloud.storage.parking import Parking, park_beside
from balancecloud.storage.placement import NoPlace
from balancecloud.storage.tools import Tools
from balancecloud.storage.writer import store_run
from tests.services.locks import wait_until_somebody_waits
from tests.storage.resting import asked, due_in, rest, set_account
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]


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


# --- an account that comes back just as its work is given back --------------------------------


def test_work_that_is_given_back_just_as_its_account_returns_is_due_soon(hands: Hands) -> None:
    person = Person.new(*hands, accounts=1)
    rest(person, 0, 600, "silent")
    person.upload(b"one")
    claim = person.claim()
    with pytest.raises(Unreachable) as refusal:
        person.store(claim)
    note(person, health.note_success)

    outcome.settle(person.tools, claim, refusal.value)

    assert due_in(person)[0] <= 2


@pytest.mark.parametrize("kind", [WorkKind.REPAIR, WorkKind.MOVE, WorkKind.DELETE])
def test_mending_and_removing_see_an_account_that_returns_too(hands: Hands, kind: WorkKind) -> None:
    person = Person.new(*hands, accounts=1)
    rest(person, 0, 600, "silent")
    with person.tools.sessions.begin() as session:
        key = uuid.uuid4()
        new = work.NewWork(kind, key, person.user_id, None, work.REPAIR_PRIORITY)
        work.insert_work(session, new)
    claim = person.claim()
    note(person, health.note_success)

    outcome.settle(person.tools, claim, SignInAgain())

    assert due_in(person)[0] <= 2


def test_an_account_that_returns_while_work_is_being_parked_wakes_it(hands: Hands) -> None:
    person = Person.new(*hands, accounts=1)
    person.upload(b"one", b"two", b"three")
    claim = person.claim()
    rest(person, 0, 600, "silent")
    parking = Parking(JobState.RETRYING, VersionState.QUEUED, "unreachable", 600)
    with ThreadPoolExecutor(1) as pool:
        with person.tools.sessions.begin() as session:
            assert park_beside(session, claim, parking) == 2
            waking = pool.submit(note, person, health.note_success)
            wait_for_a_lock(person)
        waking.result(10)
    assert max(due_in(person)) <= 0


def wait_for_a_lock(person: Person) -> None:
    """Return once another session waits for one of ours."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(500):
        with person.tools.sessions() as session:
            if session.scalar(waiting):
                return
            session.execute(text("SELECT pg_sleep(0.01)"))
    raise AssertionError("nobody waits")


# --- nobody waits in a ring -------------------------------------------------------------------


def waiting_small_file(hands: Hands) -> Person:
    """Somebody whose one small file waits for an account."""
    tools, providers = hands
    shared = replace(tools, config=replace(tools.config, largest_shared_chunk=CHUNK))
    person = Person.new(shared, providers, accounts=2)
    set_account(person, 0, state="full")
    set_account(person, 1, state="full")
    person.upload(b"x")
    person.work()
    return person


def test_an_account_may_come_back_while_its_packs_begin_to_be_formed(hands: Hands) -> None:
    person = waiting_small_file(hands)

    def wake() -> None:
        with person.tools.sessions.begin() as other:
            health.wake_waiting(other, person.user_id)

    with ThreadPoolExecutor(1) as pool, person.tools.sessions() as session:
        small = session.scalars(select(Work.id).where(Work.kind == WorkKind.STORE)).all()
        still_due(session, small)
        woken = pool.submit(wake)
        wait_until_somebody_waits(session)
        session.execute(update(Version).values(state=VersionState.STORING))
        session.commit()
        woken.result(20)


def test_small_chunks_are_parked_while_an_upload_holds_their_job(hands: Hands) -> None:
    person = waiting_small_file(hands)
    person.make_due()
    claim = person.claim()
    assert claim.kind is WorkKind.FORM

    with ThreadPoolExecutor(1) as pool, person.tools.sessions() as session:
        session.scalars(select(Job.id).with_for_update()).all()
        pool.submit(outcome.settle, person.tools, claim, NoPlace()).result(5)
        # As the upload's last byte has: it waits for whoever forms packs, who waits for nobody.
        runs.queue_forming(session, person.tools.config, person.user_id)
        session.commit()
    assert min(due_in(person)) <= 0


def test_an_account_may_come_back_while_its_packs_could_not_be_formed(hands: Hands) -> None:
    person = waiting_small_file(hands)
    person.make_due()
    claim = person.claim()
    assert claim.kind is WorkKind.FORM

    with ThreadPoolExecutor(1) as pool, person.tools.sessions() as session:
        session.execute(
            update(CloudAccount).where(CloudAccount.id == person.account_ids[0]).values(label="A")
        )
        settled = pool.submit(outcome.settle, person.tools, claim, NoPlace())
        wait_until_somebody_waits(session)
        health.wake_waiting(session, person.user_id)
        session.commit()
        settled.result(20)


def test_a_newer_version_that_waits_for_whoever_forms_packs_does_not_hold_its_file(
    hands: Hands,
) -> None:
    person = waiting_small_file(hands)

    with ThreadPoolExecutor(1) as pool, person.tools.sessions() as session:
        forming = select(Work.id).where(Work.kind == WorkKind.FORM)
        assert session.scalars(forming.with_for_update()).all()
        newer = pool.submit(person.upload, b"y")
        wait_until_somebody_waits(session)
        # As they do who show the version before it.
        assert session.scalars(select(Node.id).with_for_update(nowait=True)).all()
        session.commit()
        newer.result(20)
