"""Every failure has a face: waiting, trying again, failed; and nothing stays behind."""

import secrets
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from balancecloud.clouds.provider import Provider
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    IntegrityError,
    ObjectMissing,
    SignInAgain,
    Throttled,
    Unavailable,
    Unreachable,
)
from balancecloud.library import jobs
from balancecloud.models.clouds import CloudAccount, Pack
from balancecloud.models.jobs import Work
from balancecloud.models.states import AccountState, JobState, VersionState
from balancecloud.storage.outcome import judge
from balancecloud.storage.placement import NoPlace
from balancecloud.storage.tools import Tools
from tests.storage.world import CHUNK, Person, stop_at

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]


def account_state(person: Person, number: int) -> AccountState:
    with person.tools.sessions() as session:
        return session.get_one(CloudAccount, person.account_ids[number]).state


def layouts(person: Person) -> set[tuple[int, int]]:
    with person.tools.sessions() as session:
        rows = session.execute(select(Pack.k, Pack.m).where(Pack.user_id == person.user_id))
        return {(row.k, row.m) for row in rows}


# --- accounts that refuse -------------------------------------------------------------------


def test_without_an_account_a_file_waits_and_leaves_when_one_is_linked(hands: Hands) -> None:
    person = Person.new(*hands)
    content = secrets.token_bytes(2 * CHUNK)
    arrived = person.upload(content)
    (problem,) = person.work()

    assert isinstance(problem, NoPlace)
    assert person.version(arrived).state is VersionState.WAITING
    assert person.job(arrived.job_id).state is JobState.NEEDS_YOU
    assert person.read(person.version(arrived).id) == content

    person.link()
    assert person.work() == []
    assert person.version(arrived).state is VersionState.STORED
    assert layouts(person) == {(1, 0)}
    person.check_settled()


@pytest.mark.parametrize(
    ("error", "done"),
    [(AccountFull(), 3), (SignInAgain(), 0), (AccessRefused(), 3), (Unreachable(), 2)],
)
def test_an_account_that_refuses_in_the_middle_is_left_out(
    hands: Hands, error: AccountFull | Unreachable, done: int
) -> None:
    person = Person.new(*hands, accounts=4)
    content = secrets.token_bytes(5 * CHUNK)
    arrived = person.upload(content)
    claim = person.claim()
    assert isinstance(person.carry_out(claim, stop_at(done, Unavailable())), Unavailable)
    person.memory[0].fail_next("put", error, times=1000)
    person.make_due()
    assert person.work() == []

    assert person.read(person.version(arrived).id) == content
    assert person.version(arrived).stored_bytes == len(content)
    job = person.job(arrived.job_id)
    assert job.shards_done == job.shards_total >= len(person.objects())
    person.check_settled()


def test_a_full_account_is_known_to_be_full(person: Person) -> None:
    person.upload(secrets.token_bytes(2 * CHUNK))
    person.memory[1].total = 10
    assert person.work() == []

    assert account_state(person, 1) is AccountState.FULL
    assert (1, 1) in layouts(person)
    person.check_settled()


def test_without_enough_accounts_the_reason_is_the_refusal(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    arrived = person.upload(b"x")
    person.memory[0].fail_next("put", SignInAgain())
    (problem,) = person.work()

    assert isinstance(problem, SignInAgain)
    assert person.version(arrived).state is VersionState.WAITING
    assert person.job(arrived.job_id).error_code == "sign_in_again"
    person.check_books()


def test_f_20_a_throttled_account_is_waited_for_as_long_as_it_asks(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    content = secrets.token_bytes(2 * CHUNK)
    arrived = person.upload(content)
    person.memory[0].fail_next("put", Throttled(retry_after=70.0), times=2)
    problems = person.work()

    assert {type(problem) for problem in problems} == {Throttled}
    job = person.job(arrived.job_id)
    assert (job.state, job.error_code) == (JobState.RETRYING, "throttled")
    assert account_state(person, 0) is AccountState.SLOWED
    with person.tools.sessions() as session:
        due_at = session.scalars(select(Work.due_at)).one()
    assert (due_at - job.created_at).total_seconds() > 60

    person.memory[0].stop_failing()  # the second chunk may have ended with the first
    person.make_due()
    assert person.work() == []
    assert person.read(person.version(arrived).id) == content
    person.check_settled()


# --- giving up ------------------------------------------------------------------------------


def fail_for_good(person: Person) -> None:
    person.tools = replace(person.tools, config=replace(person.tools.config, attempts=3))
    for account in person.memory:
        account.fail_next("put", ObjectMissing(), times=10_000)
    for _ in range(5):
        person.work()
        person.make_due()


def test_f_41_a_job_that_always_fails_is_given_up_and_blocks_nobody(
    person: Person, hands: Hands
) -> None:
    arrived = person.upload(b"x" * CHUNK)
    other = Person.new(*hands, accounts=2)
    others = other.upload(b"y" * CHUNK)
    fail_for_good(person)

    version, job = person.version(arrived), person.job(arrived.job_id)
    assert (version.state, version.error_code) == (VersionState.FAILED, "object_missing")
    assert (job.state, job.files_failed) == (JobState.FAILED, 1)
    assert job.error_code == "object_missing"
    assert other.version(others).state is VersionState.STORED
    assert person.read(version.id) == b"x" * CHUNK
    person.check_books()


def test_what_failed_is_stored_by_a_retry(person: Person) -> None:
    arrived = person.upload(b"x" * CHUNK)
    fail_for_good(person)
    for account in person.memory:
        account._faults.clear()
    with person.tools.sessions.begin() as session:
        jobs.retry(session, person.user_id, arrived.job_id)
    assert person.work() == []

    job = person.job(arrived.job_id)
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 1, 0)
    assert job.shards_done == job.shards_total >= len(person.objects())
    person.check_settled()


def test_what_failed_can_be_deleted(person: Person) -> None:
    arrived = person.upload(b"x" * CHUNK)
    fail_for_good(person)
    person.delete(arrived)
    person.work()

    assert person.user().reserved_bytes == 0
    assert person.objects() == set()
    person.check_settled()


def test_c_20_changed_spool_bytes_are_never_stored(person: Person) -> None:
    arrived = person.upload(secrets.token_bytes(3 * CHUNK))
    (part,) = person.tools.config.spool_dir.rglob("*.part")
    sealed = bytearray(part.read_bytes())
    sealed[-1] ^= 1
    part.write_bytes(sealed)
    (problem,) = person.work()

    assert isinstance(problem, IntegrityError)
    assert person.version(arrived).state is VersionState.FAILED
    assert person.job(arrived.job_id).error_code == "integrity_error"


def test_a_spool_that_is_gone_is_a_failure_with_an_end(person: Person) -> None:
    person.tools = replace(person.tools, config=replace(person.tools.config, attempts=3))
    arrived = person.upload(secrets.token_bytes(CHUNK))
    _remove_parts(person.tools.config.spool_dir)
    for _ in range(person.tools.config.attempts):
        person.work()
        person.make_due()

    assert person.version(arrived).state is VersionState.FAILED


def _remove_parts(folder: Path) -> None:
    for part in folder.rglob("*.part"):
        part.unlink()


def test_waiting_grows_to_the_longest_and_never_becomes_a_failure() -> None:
    verdicts = [judge(Unreachable(), attempt, 20) for attempt in range(1, 12)]

    waits = [verdict.seconds for verdict in verdicts]
    assert waits[:3] == [2, 4, 8]
    assert waits[-1] == 300
    assert verdicts[0].is_a_try
    assert not verdicts[-1].is_a_try
    assert judge(Unreachable(), 20, 20).seconds == 300


def test_tries_end_and_an_integrity_error_is_not_tried_again() -> None:
    assert judge(ObjectMissing(), 19, 20).seconds is not None
    assert judge(ObjectMissing(), 20, 20).seconds is None
    assert judge(IntegrityError("frame"), 1, 20).seconds is None
    assert judge(RuntimeError(), 20, 20).version_state is VersionState.FAILED
    assert judge(NoPlace(), 20, 20).job_state is JobState.NEEDS_YOU
