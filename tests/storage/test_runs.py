"""One file stored by several workers at once is shown once, whoever ends first, last or never."""

import secrets
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.errors import Cancelled, LeaseLost, Unreachable
from balancecloud.library import abandoned, jobs
from balancecloud.library.uploads import Arrived
from balancecloud.models.clouds import Chunk
from balancecloud.models.jobs import Job, JobEvent, Work
from balancecloud.models.library import SpoolPart
from balancecloud.models.states import JobState, VersionState, WorkState
from balancecloud.storage.runs import RUN_CHUNKS
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim
from tests.storage.crashing import Doom, DoomedProvider, Killed
from tests.storage.world import CHUNK, Person, go_on, make_tools, stop_at

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]
SIZE = (2 * RUN_CHUNKS + 2) * CHUNK + CHUNK - 1  # three runs


@pytest.fixture
def content() -> bytes:
    return secrets.token_bytes(SIZE)


def runs(person: Person) -> list[Work]:
    with person.tools.sessions() as session:
        return list(session.scalars(select(Work).order_by(Work.run)))


def take_all(person: Person, count: int = 3) -> list[Claim]:
    """Claim every run, as so many workers do; in the order of their numbers."""
    return sorted((person.claim() for _ in range(count)), key=lambda claim: claim.run)


def assert_stored(person: Person, arrived: Arrived, content: bytes) -> None:
    version, job = person.version(arrived), person.job(arrived.job_id)
    assert version.state is VersionState.STORED
    assert (version.sealed_bytes, version.stored_bytes) == (len(content), len(content))
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 1, 0)
    assert job.shards_done == job.shards_total == len(person.objects())
    assert person.read(version.id) == content
    assert ends(person, arrived) == 1
    person.check_settled()


def ends(person: Person, arrived: Arrived) -> int:
    """Return how often the job was said to have ended."""
    said = JobEvent.code.in_(["job.done", "job.failed"])
    with person.tools.sessions() as session:
        rows = select(func.count()).where(JobEvent.job_id == arrived.job_id, said)
        return session.scalars(rows).one()


def test_a_version_has_a_row_of_work_for_each_run_of_chunks(person: Person, content: bytes) -> None:
    person.upload(content)

    assert [row.run for row in runs(person)] == [0, 1, 2]
    assert {row.state for row in runs(person)} == {WorkState.DUE}


def test_runs_that_end_at_once_show_their_version_once(person: Person, content: bytes) -> None:
    arrived = person.upload(content)
    claims = take_all(person)
    together = threading.Barrier(3)

    def store(claim: Claim) -> Exception | None:
        together.wait(20)
        return person.carry_out(claim)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(store, claims)) == [None, None, None]

    assert_stored(person, arrived, content)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_version_is_shown_with_its_last_run_whichever_that_is(
    person: Person, content: bytes, order: tuple[int, ...]
) -> None:
    arrived = person.upload(content)
    claims = take_all(person)
    stored = []
    for number in order:
        assert person.version(arrived).state is not VersionState.STORED
        assert person.carry_out(claims[number]) is None
        stored.append(person.version(arrived).stored_bytes)

    assert stored == sorted(stored)
    assert_stored(person, arrived, content)


def test_a_run_that_is_repeated_by_another_worker_counts_once(
    person: Person, content: bytes
) -> None:
    arrived = person.upload(content)
    late, *others = take_all(person)
    with pytest.raises(ZeroDivisionError):
        person.store(late, stop_at(9, ZeroDivisionError()))
    person.lose_lease(late)
    for claim in [*others, person.claim()]:
        assert person.carry_out(claim) is None

    assert isinstance(person.carry_out(late), LeaseLost)
    assert_stored(person, arrived, content)


def test_a_worker_that_dies_after_its_last_shard_loses_no_flip(
    config: Config, database: sessionmaker[Session], content: bytes
) -> None:
    doom = Doom()
    doom.watch(database)
    person = Person.new(*make_tools(config, database))
    for _ in range(3):
        account = DoomedProvider(subject=uuid.uuid4().hex)
        account.doom = doom
        person.memory.append(account)
        person.link(account)
    arrived = person.upload(content[: (RUN_CHUNKS + 1) * CHUNK])
    first, last = take_all(person, 2)
    assert person.carry_out(first) is None
    person.lose_lease(last)

    # After its last put; then, all being stored, before the commit that flips, and after it.
    for step in (14, 2, 3):
        claim = person.try_claim()
        if claim is None:
            break
        doom.kill_at(step)
        with suppress(Killed):
            person.store(claim)
        assert doom.revive()
        if person.version(arrived).state is not VersionState.STORED:
            person.lose_lease(claim)
    abandoned.sweep(person.tools)
    assert person.work() == []

    assert_stored(person, arrived, content[: (RUN_CHUNKS + 1) * CHUNK])


def test_one_run_that_fails_for_good_fails_the_version_once_and_stops_the_others(
    person: Person, content: bytes
) -> None:
    arrived = person.upload(content)
    bad, busy, waiting = take_all(person)
    with person.tools.sessions.begin() as session:
        rows = session.execute(select(SpoolPart.number, SpoolPart.salt))
        salts = {number: salt for number, salt in rows}  # noqa: C416 - rows are no pairs to mypy
        session.execute(update(SpoolPart).values(salt=bytes(32)))
    assert type(person.carry_out(bad)).__name__ == "IntegrityError"
    with person.tools.sessions.begin() as session:
        for number, salt in salts.items():
            session.execute(update(SpoolPart).where(SpoolPart.number == number).values(salt=salt))

    assert isinstance(person.carry_out(busy), LeaseLost)
    assert isinstance(person.carry_out(waiting), LeaseLost)

    job = person.job(arrived.job_id)
    assert (job.state, job.files_failed) == (JobState.FAILED, 1)
    assert ends(person, arrived) == 1
    assert {row.state for row in runs(person)} == {WorkState.DEAD}

    with person.tools.sessions.begin() as session:
        session.execute(delete(JobEvent))
        jobs.retry(session, person.user_id, arrived.job_id)
    assert person.work() == []
    assert_stored(person, arrived, content)


def test_a_retry_stores_only_the_runs_that_are_not_stored(person: Person, content: bytes) -> None:
    arrived = person.upload(content)
    first, bad, _ = take_all(person)
    assert person.carry_out(first) is None
    with person.tools.sessions.begin() as session:
        session.execute(update(Work).where(Work.id == bad.id).values(attempt=99))
        again = person.tools.config.attempts
    assert again < 99
    exhausted = replace(bad, attempt=99)
    assert isinstance(person.carry_out(exhausted, stop_at(2, ZeroDivisionError())), Exception)
    assert person.version(arrived).state is VersionState.FAILED
    with person.tools.sessions.begin() as session:
        jobs.retry(session, person.user_id, arrived.job_id)
        session.execute(delete(JobEvent))

    assert [row.state for row in runs(person)] == [WorkState.DONE, WorkState.DUE, WorkState.DUE]
    assert person.work() == []
    assert_stored(person, arrived, content)


def test_cancelling_ends_every_run(person: Person, content: bytes) -> None:
    arrived = person.upload(content)
    one, other, _ = take_all(person)
    assert person.carry_out(one) is None
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, arrived.job_id)

    assert isinstance(person.carry_out(other, person.obey), Cancelled)
    assert person.work() == []

    assert person.job(arrived.job_id).state is JobState.CANCELLED
    assert {row.state for row in runs(person)} == {WorkState.DONE}
    assert person.objects() == set()
    person.check_settled()


def test_a_run_that_waits_keeps_the_version_from_being_shown(
    person: Person, content: bytes
) -> None:
    arrived = person.upload(content)
    waits, *others = take_all(person)
    for account in person.memory:
        account.fail_next("put", Unreachable(), times=40)
    assert isinstance(person.carry_out(waits), Unreachable)
    for account in person.memory:
        account.stop_failing()
    person.make_due()
    for claim in others:
        assert person.carry_out(claim) is None
    assert person.version(arrived).state is not VersionState.STORED

    assert person.work() == []
    assert_stored(person, arrived, content)


def test_work_of_an_earlier_release_is_cut_into_runs_when_it_is_taken_up(
    person: Person, content: bytes
) -> None:
    arrived = person.upload(content)
    with person.tools.sessions.begin() as session:
        session.execute(delete(Work).where(Work.run > 0))
    assert person.work() == []

    assert [row.run for row in runs(person)] == [0, 1, 2]
    assert_stored(person, arrived, content)


def test_a_version_with_a_chunk_missing_is_never_shown(person: Person) -> None:
    arrived = person.upload(bytes(2 * CHUNK))
    claim = person.claim()
    stops = iter(range(99))

    def lose_a_chunk() -> None:
        with person.tools.sessions.begin() as session:
            if next(stops) and session.scalar(select(func.count()).select_from(Chunk)) == 2:
                session.execute(delete(Chunk).where(Chunk.index == 1))

    problem = person.carry_out(claim, lose_a_chunk)

    assert problem is not None
    assert person.version(arrived).state is not VersionState.STORED
    assert person.job(arrived.job_id).state is not JobState.DONE


def test_a_job_that_waits_goes_on_with_the_first_run_that_does(
    person: Person, content: bytes
) -> None:
    arrived = person.upload(content)
    with person.tools.sessions.begin() as session:
        session.execute(update(Job).values(state=JobState.RETRYING, error_code="unreachable"))
    person.store(person.claim(), go_on)

    job = person.job(arrived.job_id)
    assert (job.state, job.error_code) == (JobState.RUNNING, None)
