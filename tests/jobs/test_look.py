"""What a worker does with what is due: order, ends, stops, and everything that goes wrong."""

import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import func, update

from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.errors import LeaseLost, Unreachable
from balancecloud.jobs.bench import Bench, Stop
from balancecloud.jobs.look import DUTIES, Duty, look
from balancecloud.models.jobs import Job, Work
from balancecloud.models.states import JobState, VersionState, WorkKind, WorkState
from balancecloud.storage import work
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim
from tests.fakes.manual_clock import ManualClock
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def read(bench: Bench, work_id: uuid.UUID) -> Work:
    with bench.tools.sessions() as session:
        return session.get_one(Work, work_id)


def set_state(bench: Bench, job_id: uuid.UUID, state: JobState) -> None:
    with bench.tools.sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(state=state))


def storing_by(duty: Duty) -> Mapping[WorkKind, Duty]:
    return {**DUTIES, WorkKind.STORE: duty}


def finish(bench: Bench, claim: Claim) -> None:
    with bench.tools.sessions.begin() as session:
        work.finish(session, claim)


def with_attempts(bench: Bench, config: Config, attempts: int) -> Bench:
    small = replace(bench.tools.config, attempts=attempts)
    return replace(bench, tools=replace(bench.tools, config=small))


def test_what_is_due_is_stored(bench: Bench, person: Person) -> None:
    content = bytes(range(256)) * (3 * CHUNK // 256) + b"rest"
    arrived = person.upload(content, b"", b"small")

    look(bench)

    assert person.job(arrived.job_id).state is JobState.DONE
    assert person.read(person.version(arrived).id) == content
    person.check_settled()


def test_several_claims_of_one_look_end_as_one_does(bench: Bench, person: Person) -> None:
    content = bytes(range(256)) * (35 * CHUNK // 256)
    arrived = person.upload(content, b"small")

    look(replace(bench, claims_at_once=2))

    assert person.job(arrived.job_id).state is JobState.DONE
    assert person.read(person.version(arrived).id) == content
    snapshot = bench.progress.snapshot(arrived.job_id)
    assert snapshot is not None
    assert snapshot.files == {}
    person.check_settled()


def test_a_look_waits_for_the_small_files_that_are_about_to_be_packed(
    bench: Bench, person: Person
) -> None:
    config = replace(bench.tools.config, largest_shared_chunk=CHUNK // 2, pack_quiet_seconds=0.3)
    person.tools = replace(person.tools, config=config)
    arrived = person.upload(b"one", b"two")

    look(replace(bench, tools=person.tools))

    assert person.job(arrived.job_id).state is JobState.DONE
    assert len(person.objects()) == 3
    person.check_settled()


def test_live_figures_end_with_their_files(bench: Bench, person: Person) -> None:
    arrived = person.upload(bytes(3 * CHUNK))

    look(bench)

    snapshot = bench.progress.snapshot(arrived.job_id)
    assert snapshot is not None
    assert snapshot.seq >= 1
    assert snapshot.files == {}


def test_storing_comes_before_deleting_whatever_came_first(bench: Bench, person: Person) -> None:
    done: list[WorkKind] = []

    def note(bench: Bench, claim: Claim, _stop: Stop) -> None:
        done.append(claim.kind)
        finish(bench, claim)

    with bench.tools.sessions.begin() as session:
        work.insert_work(
            session,
            work.NewWork(WorkKind.DELETE, uuid.uuid4(), person.user_id, None, work.DELETE_PRIORITY),
        )
    person.upload(b"one", b"two")

    look(bench, {WorkKind.STORE: note, WorkKind.DELETE: note})

    assert done == [WorkKind.STORE, WorkKind.STORE, WorkKind.DELETE]


def test_f_11_a_job_looked_at_by_many_at_once_is_done_once(bench: Bench, person: Person) -> None:
    arrived = person.upload(bytes(5 * CHUNK), b"small", b"another")

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(look, bench) for _ in range(10)]:
            future.result()

    job = person.job(arrived.job_id)
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 3, 0)
    person.check_settled()


def test_f_41_what_always_fails_ends_as_failed_with_a_reason_and_blocks_nobody(
    bench: Bench, person: Person, config: Config
) -> None:
    bench = with_attempts(bench, config, 3)
    bad = person.upload(b"bad", name="bad")
    good = person.upload(b"good", name="good")
    tries: list[int] = []

    def break_the_bad(bench: Bench, claim: Claim, stop: Stop) -> None:
        if claim.job_id == bad.job_id:
            tries.append(claim.attempt)
            raise RuntimeError
        DUTIES[WorkKind.STORE](bench, claim, stop)

    for _ in range(5):
        look(bench, storing_by(break_the_bad))
        person.make_due()

    job = person.job(bad.job_id)
    assert tries == [1, 2, 3]
    assert (job.state, job.error_code, job.files_failed) == (JobState.FAILED, "internal_error", 1)
    assert person.version(bad).state is VersionState.FAILED
    assert read(bench, bad.work_ids[0]).state is WorkState.DEAD
    assert person.job(good.job_id).state is JobState.DONE


def test_work_that_kills_its_workers_is_given_up_too(
    bench: Bench, person: Person, config: Config
) -> None:
    bench = with_attempts(bench, config, 2)
    arrived = person.upload(b"deadly")
    for _ in range(2):
        person.lose_lease(person.claim())

    look(bench)

    assert person.job(arrived.job_id).state is JobState.FAILED
    assert read(bench, arrived.work_ids[0]).state is WorkState.DEAD


def test_what_fails_for_now_waits_with_a_reason_and_a_time(bench: Bench, person: Person) -> None:
    arrived = person.upload(b"content")
    for provider in person.memory:
        provider.fail_next("put", Unreachable(), times=99)

    look(bench)

    job = person.job(arrived.job_id)
    assert (job.state, job.error_code) == (JobState.RETRYING, "unreachable")
    assert job.retry_at is not None
    assert read(bench, arrived.work_ids[0]).state is WorkState.DUE


def test_f_03_work_of_a_killed_worker_is_taken_up_and_ends_once(
    bench: Bench, person: Person
) -> None:
    arrived = person.upload(bytes(4 * CHUNK))
    late = person.claim()
    with pytest.raises(ZeroDivisionError):
        person.store(late, _stop_after(2))
    person.lose_lease(late)

    look(bench)

    assert person.job(arrived.job_id).state is JobState.DONE
    with pytest.raises(LeaseLost):
        person.store(late)
    person.check_settled()


def _stop_after(calls: int) -> Stop:
    left = iter(range(calls))

    def stop() -> None:
        if next(left, None) is None:
            raise ZeroDivisionError

    return stop


def test_a_worker_whose_lease_was_lost_records_nothing(bench: Bench, person: Person) -> None:
    arrived = person.upload(b"content")
    [work_id] = arrived.work_ids

    def be_overtaken(bench: Bench, claim: Claim, stop: Stop) -> None:
        person.lose_lease(claim)
        person.claim()
        raise RuntimeError

    look(bench, storing_by(be_overtaken))

    row = read(bench, work_id)
    assert (row.state, row.fence, row.reason) == (WorkState.LEASED, 2, None)
    assert person.job(arrived.job_id).error_code is None


def test_a_stop_sign_sees_that_another_took_over(bench: Bench, person: Person) -> None:
    arrived = person.upload(b"content")
    stopped: list[bool] = []

    def be_overtaken(bench: Bench, claim: Claim, stop: Stop) -> None:
        person.lose_lease(claim)
        person.claim()
        try:
            for _ in range(100):
                stop()
                threading.Event().wait(0.05)
        except LeaseLost:
            stopped.append(True)
            raise

    look(bench, storing_by(be_overtaken))

    assert stopped == [True]
    assert read(bench, arrived.work_ids[0]).fence == 2


def test_a_cancelled_job_stops_within_two_seconds_and_leaves_nothing(
    bench: Bench, person: Person
) -> None:
    clock = ManualClock()
    bench = replace(bench, tools=replace(bench.tools, clock=clock))
    arrived = person.upload(bytes(2 * CHUNK), name="cancelled")
    steps: list[int] = []

    def cancel_on_the_way(bench: Bench, claim: Claim, stop: Stop) -> None:
        stop()
        set_state(bench, arrived.job_id, JobState.CANCELLING)
        for step in range(10):
            clock.advance(0.5)
            steps.append(step)
            stop()

    look(bench, storing_by(cancel_on_the_way))

    assert len(steps) <= 4
    assert person.job(arrived.job_id).state is JobState.CANCELLED
    assert person.user().reserved_bytes == 0
    person.check_settled()


def test_a_job_cancelled_before_its_turn_is_never_begun(bench: Bench, person: Person) -> None:
    arrived = person.upload(b"one", b"two")
    set_state(bench, arrived.job_id, JobState.CANCELLING)

    look(bench)

    assert person.job(arrived.job_id).state is JobState.CANCELLED
    assert person.objects() == set()
    person.check_settled()


@dataclass
class Shutdown:
    """A duty during which the process is asked to end."""

    bench: Bench
    obeys: bool
    seen: list[Claim]

    def __call__(self, bench: Bench, claim: Claim, stop: Stop) -> None:
        self.seen.append(claim)
        bench.stopping.set()
        if self.obeys:
            stop()
        for _ in range(200):
            threading.Event().wait(0.05)
            if read(bench, claim.id).state is WorkState.DUE:
                break


@pytest.mark.parametrize("obeys", [True, False])
def test_f_39_work_under_way_at_a_stop_is_due_again_at_once_and_rung_for(
    bench: Bench, person: Person, obeys: bool
) -> None:
    arrived = person.upload(b"one", b"two")
    duty = Shutdown(bench, obeys, [])

    look(bench, storing_by(duty))

    row = read(bench, arrived.work_ids[0])
    assert [claim.id for claim in duty.seen] == [row.id]
    assert (row.state, row.attempt, row.owner) == (WorkState.DUE, 0, None)
    assert bench.doorbell.waiting() == 1
    assert person.job(arrived.job_id).error_code is None
    with bench.tools.sessions() as session:
        assert set(work.due_work(session, 9)) == set(arrived.work_ids)


def test_what_was_given_back_is_finished_by_another(bench: Bench, person: Person) -> None:
    arrived = person.upload(bytes(4 * CHUNK))
    look(bench, storing_by(Shutdown(bench, True, [])))
    bench.stopping.clear()

    look(bench)

    assert person.job(arrived.job_id).state is JobState.DONE
    person.check_settled()


def test_a_look_ends_after_ten_minutes_and_rings_for_the_rest(bench: Bench, person: Person) -> None:
    clock = ManualClock()
    bench = replace(bench, tools=replace(bench.tools, clock=clock))
    person.upload(b"one", b"two", b"three")
    done: list[uuid.UUID] = []

    def take_long(bench: Bench, claim: Claim, _stop: Stop) -> None:
        done.append(claim.id)
        finish(bench, claim)
        clock.advance(301)

    look(bench, storing_by(take_long))

    assert len(done) == 2
    assert bench.doorbell.waiting() == 1


def test_without_redis_work_is_done_all_the_same(bench: Bench, person: Person) -> None:
    bench.progress._redis.connection_pool.connection_kwargs["path"] = "/nowhere"
    bench.progress._redis.connection_pool.disconnect()
    arrived = person.upload(b"content")

    look(bench)

    assert person.job(arrived.job_id).state is JobState.DONE


def test_a_lost_lease_is_taken_up_after_its_time_on_the_databases_clock(
    bench: Bench, person: Person
) -> None:
    arrived = person.upload(b"content")
    claim = person.claim()
    look(bench)
    assert read(bench, claim.id).fence == 1
    with bench.tools.sessions.begin() as session:
        session.execute(
            update(Work).values(lease_until=func.statement_timestamp() - timedelta(seconds=1))
        )

    look(bench)

    assert person.job(arrived.job_id).state is JobState.DONE


def test_f42_people_take_turns(
    bench: Bench, person: Person, made: tuple[Tools, dict[uuid.UUID, Provider]]
) -> None:
    crowd, other = person, Person.new(*made, accounts=1)
    for number in range(4):
        crowd.upload(b"x", name=f"file {number}")
    other.upload(b"y")
    served: list[uuid.UUID] = []

    def serve(bench: Bench, claim: Claim, _stop: Stop) -> None:
        served.append(claim.user_id)
        finish(bench, claim)

    look(bench, storing_by(serve))

    assert len(served) == 5
    assert other.user_id in served[:2]
