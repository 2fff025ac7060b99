"""A job that is cancelled: what was on its way goes, what is stored stays, room comes back."""

import secrets
import uuid
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import select

from balancecloud.clouds.provider import Provider
from balancecloud.errors import Cancelled, IntegrityError, LeaseLost, Unreachable
from balancecloud.library import jobs
from balancecloud.models.jobs import JobEvent
from balancecloud.models.library import Node, Version
from balancecloud.models.states import JobState, VersionState
from balancecloud.storage import outcome
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim
from tests.storage.crashing import Gate
from tests.storage.world import CHUNK, Person, stop_at

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]


def cancel(person: Person, job_id: uuid.UUID) -> None:
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, job_id)


@pytest.mark.parametrize("done", [0, 1, 4])
def test_a_cancel_at_any_chunk_leaves_nothing(person: Person, done: int) -> None:
    arrived = person.upload(secrets.token_bytes(4 * CHUNK))
    claim = person.claim()
    cancel(person, arrived.job_id)
    problem = person.carry_out(claim, stop_at(done, Cancelled()))
    assert isinstance(problem, Cancelled)
    assert person.work() == []

    assert person.job(arrived.job_id).state is JobState.CANCELLED
    assert person.objects() == set()
    assert person.user().reserved_bytes == 0
    with person.tools.sessions() as session:
        assert session.scalar(select(Node.id)) is None
    person.check_settled()


def test_a_cancel_before_any_worker_came_leaves_nothing(person: Person) -> None:
    arrived = person.upload(b"one", b"two")
    cancel(person, arrived.job_id)
    person.work()

    assert person.job(arrived.job_id).state is JobState.CANCELLED
    person.check_settled()


def test_what_was_stored_before_a_cancel_stays(person: Person) -> None:
    contents = [secrets.token_bytes(CHUNK) for _ in range(3)]
    arrived = person.upload(*contents)
    assert person.carry_out(person.claim()) is None
    cancel(person, arrived.job_id)
    person.work()

    with person.tools.sessions() as session:
        states = sorted(session.scalars(select(Version.state)))
    assert states == [VersionState.CANCELLED, VersionState.CANCELLED, VersionState.STORED]
    assert person.job(arrived.job_id).state is JobState.CANCELLED
    person.check_settled()


def test_a_second_worker_stores_nothing_of_a_job_that_is_cancelled(hands: Hands) -> None:
    person = Person.new(*hands)
    gate = Gate(subject=uuid.uuid4().hex)
    person.memory.append(gate)
    person.link(gate)
    arrived = person.upload(secrets.token_bytes(2 * CHUNK), secrets.token_bytes(CHUNK))
    gate.shut(waits_after=True)
    claims = [person.claim(), person.claim()]
    storing = _start(person, claims[0])
    assert gate.arrived.wait(20)
    cancel(person, arrived.job_id)
    assert isinstance(person.carry_out(claims[1], person.obey), Cancelled)
    assert person.work() == []
    gate.opened.set()

    assert isinstance(storing.result(), LeaseLost)
    assert person.work() == []
    assert person.objects() == set()
    assert person.job(arrived.job_id).state is JobState.CANCELLED
    person.check_settled()


def _start(person: Person, claim: Claim) -> Future[Exception | None]:
    pool = ThreadPoolExecutor(1)
    storing = pool.submit(person.carry_out, claim)
    pool.shutdown(wait=False)
    return storing


def test_a_cancel_is_not_lost_in_a_failure_at_the_same_moment(person: Person) -> None:
    arrived = person.upload(secrets.token_bytes(CHUNK))
    claim = person.claim()
    cancel(person, arrived.job_id)
    outcome.settle(person.tools, claim, Unreachable())
    assert person.work() == []

    assert person.job(arrived.job_id).state is JobState.CANCELLED
    person.check_settled()


def test_a_cancel_that_comes_too_late_ends_as_done(person: Person) -> None:
    content = secrets.token_bytes(CHUNK)
    arrived = person.upload(content)
    claim = person.claim()
    cancel(person, arrived.job_id)
    assert person.carry_out(claim) is None

    assert person.job(arrived.job_id).state is JobState.DONE
    assert person.read(person.version(arrived).id) == content
    person.check_settled()


def test_cancelling_a_new_version_keeps_the_one_before(person: Person) -> None:
    first = person.upload(b"first")
    assert person.work() == []
    second = person.upload(b"second")
    cancel(person, second.job_id)
    person.work()

    assert person.read(person.version(first).id) == b"first"
    person.check_settled()


def test_cancelling_a_new_version_keeps_the_failed_one_for_a_retry(person: Person) -> None:
    first = person.upload(b"first")
    outcome.settle(person.tools, person.claim(), IntegrityError("frame"))
    second = person.upload(b"second")
    cancel(person, second.job_id)
    person.work()
    with person.tools.sessions.begin() as session:
        jobs.retry(session, person.user_id, first.job_id)
    assert person.work() == []

    assert person.read(person.version(first).id) == b"first"
    person.check_settled()


def test_no_file_is_left_when_all_its_versions_were_cancelled_or_broken(person: Person) -> None:
    first = person.upload(b"first")
    second = person.intake()
    second.start_file(["file"], None)
    cancel(person, first.job_id)
    person.work()
    second.abort("broken_upload")

    with person.tools.sessions() as session:
        assert session.scalar(select(Node.id)) is None
    person.check_settled()


def test_what_failed_goes_with_its_job_when_that_is_cancelled(person: Person) -> None:
    arrived = person.upload(b"one", b"two")
    outcome.settle(person.tools, person.claim(), IntegrityError("frame"))
    cancel(person, arrived.job_id)
    person.work()

    assert person.user().reserved_bytes == 0
    assert person.job(arrived.job_id).files_failed == 0
    with person.tools.sessions() as session:
        assert session.scalar(select(Node.id)) is None
    assert list(person.tools.spool.uploads()) == []
    person.check_settled()


def test_a_job_says_once_that_it_was_cancelled(person: Person) -> None:
    arrived = person.upload(b"one", b"two")
    claims = [person.claim(), person.claim()]
    cancel(person, arrived.job_id)
    for claim in claims:
        person.carry_out(claim, person.obey)

    with person.tools.sessions() as session:
        codes = session.scalars(
            select(JobEvent.code).where(JobEvent.job_id == arrived.job_id)
        ).all()
    assert codes.count("job.cancelled") == 1
