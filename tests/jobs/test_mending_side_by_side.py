"""Packs are mended side by side, behind what is more urgent, until the worker is to stop."""

import secrets
import threading

import pytest

from balancecloud.jobs.bench import Bench, Stop
from balancecloud.jobs.look import DUTIES, LANES, look
from balancecloud.jobs.schedule import CHORES
from balancecloud.models.states import JobState, WorkKind
from balancecloud.storage.work import Claim
from tests.storage import mending
from tests.storage.mending import gather, protect, repair_jobs
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def to_be_moved(person: Person, packs: int) -> bytes:
    content = secrets.token_bytes(packs * CHUNK)
    person.upload(content)
    assert person.work() == []
    protect(person, 2)
    assert len(gather(person)) == packs
    return content


def test_as_many_packs_as_there_are_lanes_are_mended_at_once(bench: Bench, person: Person) -> None:
    to_be_moved(person, LANES)
    meeting = threading.Barrier(LANES)

    def meet(bench: Bench, claim: Claim, stop: Stop) -> None:
        meeting.wait(20)
        DUTIES[WorkKind.MOVE](bench, claim, stop)

    look(bench, {**DUTIES, WorkKind.MOVE: meet})

    (job,) = repair_jobs(person)
    assert job.state is JobState.DONE
    assert mending.states_of(person) == {"stored"}
    person.check_settled()


def test_lanes_give_way_to_a_file_that_comes_in(bench: Bench, person: Person) -> None:
    to_be_moved(person, LANES + 3)
    order: list[WorkKind] = []
    lock = threading.Lock()
    first = threading.Event()

    def note(bench: Bench, claim: Claim, stop: Stop) -> None:
        with lock:
            if not first.is_set():
                person.upload(b"urgent")
                first.set()
            order.append(claim.kind)
        DUTIES[claim.kind](bench, claim, stop)

    look(
        bench, {WorkKind.STORE: note, WorkKind.MOVE: note, WorkKind.DELETE: DUTIES[WorkKind.DELETE]}
    )

    assert order.count(WorkKind.STORE) == 1
    assert order.index(WorkKind.STORE) <= LANES
    assert order.count(WorkKind.MOVE) == LANES + 3
    person.check_settled()


def test_a_worker_that_is_to_stop_takes_no_more_packs(bench: Bench, person: Person) -> None:
    to_be_moved(person, LANES + 2)
    begun: list[Claim] = []

    def stop_now(bench: Bench, claim: Claim, stop: Stop) -> None:
        bench.stopping.set()
        begun.append(claim)
        DUTIES[WorkKind.MOVE](bench, claim, stop)

    look(bench, {**DUTIES, WorkKind.MOVE: stop_now})
    assert len(begun) <= LANES

    bench.stopping.clear()
    look(bench)
    (job,) = repair_jobs(person)
    assert job.state is JobState.DONE
    person.check_settled()


def test_the_schedule_finds_what_was_marked_and_what_is_not_as_asked(
    bench: Bench, person: Person
) -> None:
    person.upload(bytes(CHUNK))
    assert person.work() == []
    (pack,) = mending.packs_of(person)
    mending.damage(person, mending.rows_of(person, pack.id)[2])
    chores = {chore.name: chore.run for chore in CHORES}
    chores["shards that were found missing or damaged"](bench.tools)
    look(bench)
    assert mending.states_of(person) == {"stored"}
    protect(person, 0)
    chores["packs that do not lie as asked"](bench.tools)
    look(bench)

    assert [job.state for job in repair_jobs(person)] == [JobState.DONE, JobState.DONE]
    assert [pack.m for pack in mending.packs_of(person)] == [0]
