"""Killed at any step and repeated: one object per shard, no orphan, every counter exact."""

import secrets
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import Provider, Traits
from balancecloud.config import Config
from balancecloud.errors import Cancelled, DamagedInTransit, LeaseLost, ObjectDiffers, Unavailable
from balancecloud.library import abandoned
from balancecloud.library.uploads import Arrived
from balancecloud.models.clouds import Chunk
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobState, ShardState, VersionState, WorkKind
from balancecloud.storage import work
from balancecloud.storage.tools import Tools
from tests.fakes.memory_provider import TRAITS
from tests.storage.crashing import Doom, DoomedProvider, Gate, Killed
from tests.storage.world import CHUNK, NOTHING, Person, make_tools

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]
WITHOUT_IDS = replace(TRAITS, reserves_ids=False)
TURNS = 40
# Every other step with ids that are made ahead, the steps between without them.
EACH_STEP = pytest.mark.parametrize(
    ("traits", "first"), [(TRAITS, 0), (WITHOUT_IDS, 1)], ids=["ids", "names"]
)


DUTIES = {
    WorkKind.STORE: Person.store,
    WorkKind.FORM: Person.form,
    WorkKind.DELETE: Person.clean,
}


class Mortal:
    """People whose worker can be killed."""

    def __init__(
        self, config: Config, sessions: sessionmaker[Session], shared: int = NOTHING
    ) -> None:
        self.hands = make_tools(config, sessions, shared=shared)
        self.doom = Doom()
        self.doom.watch(sessions)

    def person(self, traits: Traits = TRAITS) -> Person:
        person = Person.new(*self.hands)
        for _ in range(3):
            account = DoomedProvider(subject=uuid.uuid4().hex, traits=traits)
            account.doom = self.doom
            person.memory.append(account)
            person.link(account)
        return person

    def is_killed_at(self, person: Person, step: int) -> bool:
        """Do the next work, killed at this step; return False when it ended before that."""
        claim = person.claim()
        self.doom.kill_at(step)
        with suppress(Killed):
            DUTIES[claim.kind](person, claim)
        was_killed = self.doom.revive()
        if was_killed:
            person.lose_lease(claim)
            abandoned.sweep(person.tools)  # as the schedule does: the spool may be left behind
        return was_killed


@pytest.fixture
def mortal(config: Config, database: sessionmaker[Session]) -> Mortal:
    return Mortal(config, database)


def assert_stored_once(person: Person, arrived: Arrived, content: bytes) -> None:
    assert_stored(person, arrived, content)
    assert len(person.objects()) == len(person.shards(person.version(arrived).id))
    assert person.user().used_bytes == len(content)
    person.check_settled()


def assert_stored(person: Person, arrived: Arrived, content: bytes) -> None:
    version, job = person.version(arrived), person.job(arrived.job_id)
    rows = person.shards(version.id)
    assert version.state is VersionState.STORED
    assert (version.sealed_bytes, version.stored_bytes) == (len(content), len(content))
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 1, 0)
    assert job.shards_done == job.shards_total >= len(rows)
    assert person.read(version.id) == content


@EACH_STEP
def test_f_03_f_04_f_05_f_08_f_16_a_store_killed_at_each_step_ends_with_one_copy(
    mortal: Mortal, traits: Traits, first: int
) -> None:
    for step in range(first, TURNS, 2):
        person = mortal.person(traits)
        content = secrets.token_bytes(CHUNK - 1)
        arrived = person.upload(content)
        was_killed = mortal.is_killed_at(person, step)
        person.check_books()
        assert person.work() == []
        assert_stored_once(person, arrived, content)
        if not was_killed:
            break
    else:
        raise AssertionError("storing takes more steps than were tried")
    assert step > 15


@pytest.mark.parametrize("step", range(3, 60, 16))
def test_f_03_a_store_of_several_chunks_killed_three_times_ends_with_one_copy(
    mortal: Mortal, step: int
) -> None:
    person = mortal.person()
    content = secrets.token_bytes(3 * CHUNK + 1)
    arrived = person.upload(content)
    for again in range(3):
        if not mortal.is_killed_at(person, step + again):
            break
        person.check_books()
    assert person.work() == []

    assert_stored_once(person, arrived, content)


@pytest.fixture
def sharing(config: Config, database: sessionmaker[Session]) -> Mortal:
    return Mortal(config, database, CHUNK // 2)


@pytest.mark.long
@EACH_STEP
def test_a_pack_killed_at_each_step_ends_with_every_file_once(
    sharing: Mortal, traits: Traits, first: int
) -> None:
    for step in range(first, TURNS, 3):
        person = sharing.person(traits)
        written = [secrets.token_bytes(size) for size in (0, 300, 700)]
        arrived = [person.upload(content, name=content.hex()[:9]) for content in written]
        was_killed = sharing.is_killed_at(person, step)
        person.check_books()
        assert person.work() == []
        for one, content in zip(arrived, written, strict=True):
            assert_stored(person, one, content)
        assert len(person.objects()) == 3
        person.check_settled()
        if not was_killed:
            break
    else:
        raise AssertionError("storing takes more steps than were tried")
    assert step > 15


@pytest.mark.parametrize("step", range(3, 17, 4))  # the count of commits varies a little
def test_a_file_deleted_after_its_pack_was_begun_keeps_no_other(sharing: Mortal, step: int) -> None:
    person = sharing.person()
    gone, kept = (person.upload(name.encode(), name=name) for name in ("gone", "kept"))
    assert sharing.is_killed_at(person, step)
    person.delete(gone)
    person.check_books()
    assert person.work() == []

    assert_stored(person, kept, b"kept")
    assert len(person.objects()) == 3
    person.check_settled()


@EACH_STEP
def test_f_09_a_delete_killed_at_each_step_leaves_nothing(
    mortal: Mortal, traits: Traits, first: int
) -> None:
    for step in range(first, TURNS, 2):
        person = mortal.person(traits)
        arrived = person.upload(secrets.token_bytes(CHUNK))
        assert person.work() == []
        person.delete(arrived)
        was_killed = mortal.is_killed_at(person, step)
        assert person.work() == []
        assert person.objects() == set()
        assert person.user().used_bytes == 0
        person.check_settled()
        if not was_killed:
            break
    assert step > 6


@pytest.mark.parametrize("traits", [TRAITS, WITHOUT_IDS], ids=["ids", "names"])
@pytest.mark.parametrize("step", range(2, 26, 7))
def test_f_09_a_file_deleted_after_its_worker_was_killed_leaves_nothing(
    mortal: Mortal, traits: Traits, step: int
) -> None:
    person = mortal.person(traits)
    arrived = person.upload(secrets.token_bytes(CHUNK - 1))
    mortal.is_killed_at(person, step)
    person.delete(arrived)
    assert person.work() == []

    assert person.objects() == set()
    person.check_settled()


# --- twice at once --------------------------------------------------------------------------


@pytest.fixture
def gates(hands: Hands) -> Person:
    """A person with three accounts; the first has a gate."""
    person = Person.new(*hands, accounts=2)
    gate = Gate(subject=uuid.uuid4().hex)
    gate.opened.set()
    person.memory.insert(0, gate)
    person.link(gate)
    return person


@pytest.fixture
def gate(gates: Person) -> Iterator[Gate]:
    gate = gates.memory[0]
    assert isinstance(gate, Gate)
    yield gate
    gate.opened.set()


@pytest.mark.parametrize("waits_after", [True, False], ids=["after the put", "before it"])
def test_f_11_a_late_worker_changes_nothing(gates: Person, gate: Gate, waits_after: bool) -> None:
    content = secrets.token_bytes(3 * CHUNK)
    arrived = gates.upload(content)
    late = gates.claim()
    gate.shut(waits_after=waits_after)
    with ThreadPoolExecutor(2) as pool:
        stale = pool.submit(gates.carry_out, late)
        assert gate.arrived.wait(20)
        gates.lose_lease(late)
        fresh = pool.submit(gates.carry_out, gates.claim())
        gate.opened.set()
        assert fresh.result() is None
        assert isinstance(stale.result(), LeaseLost)

    assert gates.work() == []
    assert_stored_once(gates, arrived, content)


@pytest.mark.parametrize("waits_after", [True, False], ids=["after the put", "before it"])
@pytest.mark.parametrize("is_cleaned_first", [True, False], ids=["cleaned", "not yet cleaned"])
def test_f_37_a_file_deleted_while_it_is_stored_leaves_nothing(
    gates: Person, gate: Gate, waits_after: bool, is_cleaned_first: bool
) -> None:
    arrived = gates.upload(secrets.token_bytes(3 * CHUNK))
    claim = gates.claim()
    gate.shut(waits_after=waits_after)
    with ThreadPoolExecutor(1) as pool:
        storing = pool.submit(gates.carry_out, claim)
        assert gate.arrived.wait(20)
        gates.delete(arrived)
        if is_cleaned_first:
            assert gates.work() == []
        gate.opened.set()
        # Whichever of the two is met first: the claim that went, or the spool that went with it.
        assert isinstance(storing.result(), LeaseLost | Unavailable)

    assert gates.work() == []
    assert gates.objects() == set()
    assert gates.user().reserved_bytes == gates.user().used_bytes == 0
    gates.check_settled()


def test_f_11_a_job_rung_ten_times_is_done_once(person: Person) -> None:
    content = secrets.token_bytes(2 * CHUNK)
    arrived = person.upload(content)
    version = person.version(arrived)
    for _ in range(10):
        assert person.work() == []
        with person.tools.sessions.begin() as session:
            new = work.NewWork(WorkKind.STORE, version.id, person.user_id, arrived.job_id, 10)
            work.insert_work(session, new)

    assert person.work() == []
    assert_stored_once(person, arrived, content)


def test_many_files_stored_by_four_workers_at_once_are_stored_once(person: Person) -> None:
    contents = [secrets.token_bytes(CHUNK + n) for n in range(8)]
    arrived = person.upload(*contents)
    with ThreadPoolExecutor(4) as pool:
        problems = list(pool.map(lambda _: person.work(), range(4)))

    assert problems == [[], [], [], []]
    job = person.job(arrived.job_id)
    assert (job.state, job.files_stored) == (JobState.DONE, 8)
    for number, content in enumerate(contents):
        assert person.read(person.version(arrived, number).id) == content
    person.check_settled()


# --- answers that were lost or wrong --------------------------------------------------------


@pytest.mark.parametrize("method", ["put", "reserve"])
def test_an_answer_that_was_lost_leaves_no_orphan(person: Person, method: str) -> None:
    content = secrets.token_bytes(2 * CHUNK)
    arrived = person.upload(content)
    person.memory[0].lose_next_answer(method)
    assert person.work() == []

    assert_stored_once(person, arrived, content)


@pytest.mark.parametrize("error", [ObjectDiffers(), DamagedInTransit()])
def test_what_concerns_one_object_is_sent_under_another_name(
    hands: Hands, error: ObjectDiffers | DamagedInTransit
) -> None:
    person = Person.new(*hands, accounts=2)
    content = secrets.token_bytes(2 * CHUNK)
    arrived = person.upload(content)
    person.memory[0].fail_next("put", error, times=2)
    assert person.work() == []

    assert_stored_once(person, arrived, content)
    assert {row.account_id for row in person.shards(person.version(arrived).id)} == set(
        person.account_ids
    )


def test_c_20_a_pack_sealed_from_other_bytes_is_never_completed(mortal: Mortal) -> None:
    person = mortal.person()
    arrived = person.upload(secrets.token_bytes(CHUNK - 1))
    assert mortal.is_killed_at(person, 10)
    with person.tools.sessions.begin() as session:
        session.execute(update(Chunk).values(salt=bytes(32)))

    (problem,) = person.work()

    assert type(problem).__name__ == "IntegrityError"
    assert person.version(arrived).state is VersionState.FAILED
    assert person.known_objects(ShardState.STORED) <= person.objects()


def test_a_worker_killed_while_a_job_is_cancelled_leaves_nothing(mortal: Mortal) -> None:
    person = mortal.person()
    arrived = person.upload(secrets.token_bytes(CHUNK - 1))
    assert mortal.is_killed_at(person, 12)
    with person.tools.sessions.begin() as session:
        session.execute(update(Job).values(state=JobState.CANCELLING))
    (problem,) = person.work()

    assert isinstance(problem, Cancelled)
    assert person.job(arrived.job_id).state is JobState.CANCELLED
    assert person.objects() == set()
    person.check_settled()
