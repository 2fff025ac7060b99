"""Small files share packs: few objects, each file for itself, whatever becomes of the others."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text, update

from balancecloud.clouds.provider import Provider
from balancecloud.errors import Throttled, Unreachable
from balancecloud.library import job_figures, jobs
from balancecloud.library.uploads import Arrived
from balancecloud.models.clouds import Chunk, Pack
from balancecloud.models.jobs import Work
from balancecloud.models.library import SpoolPart, Upload
from balancecloud.models.states import JobState, VersionState, WorkKind, WorkState
from balancecloud.storage import packer, waiting
from balancecloud.storage.tools import Tools
from tests.storage.world import CHUNK, Person, say_nothing

pytestmark = pytest.mark.real

SHARED = CHUNK // 2
Hands = tuple[Tools, dict[uuid.UUID, Provider]]


@pytest.fixture
def shared() -> int:
    return SHARED


def contents(*sizes: int) -> list[bytes]:
    return [secrets.token_bytes(size) for size in sizes]


def chunks(person: Person) -> Sequence[Chunk]:
    with person.tools.sessions() as session:
        rows = select(Chunk).join(Pack).where(Pack.user_id == person.user_id)
        return session.scalars(rows.order_by(Chunk.pack_id, Chunk.offset)).all()


def packs(person: Person) -> int:
    return len({chunk.pack_id for chunk in chunks(person)})


def forming(person: Person) -> Work:
    with person.tools.sessions() as session:
        return session.scalars(select(Work).where(Work.kind == WorkKind.FORM)).one()


def make_quiet(person: Person, seconds: float) -> None:
    small = replace(person.tools.config, pack_quiet_seconds=seconds)
    person.tools = replace(person.tools, config=small)


def assert_all_read(person: Person, arrived: Arrived, written: Sequence[bytes]) -> None:
    for number, content in enumerate(written):
        version = person.version(arrived, number)
        assert version.state is VersionState.STORED
        assert (version.sealed_bytes, version.stored_bytes) == (len(content), len(content))
        assert person.read(version.id) == content


def test_small_files_of_several_jobs_share_a_pack(person: Person) -> None:
    written = contents(0, 1, 200, 500, 900)
    arrived = [person.upload(content, name=f"file {n}") for n, content in enumerate(written)]
    assert person.work() == []

    for one, content in zip(arrived, written, strict=True):
        assert_all_read(person, one, [content])
        job = person.job(one.job_id)
        assert (job.state, job.files_stored) == (JobState.DONE, 1)
        assert job.shards_done == job.shards_total == 3
    assert packs(person) == 1
    assert len(person.objects()) == 3
    person.check_settled()


def test_a_pack_is_no_longer_than_a_full_chunk(person: Person) -> None:
    written = contents(*[900] * 12)
    arrived = person.upload(*written)
    assert person.work() == []

    assert_all_read(person, arrived, written)
    with person.tools.sessions() as session:
        lengths = session.scalars(select(Pack.length)).all()
    assert len(lengths) == 4
    assert max(lengths) <= 192 + CHUNK + 16 * CHUNK // 512
    person.check_settled()


def test_a_last_chunk_shares_a_pack_and_the_full_ones_do_not(person: Person) -> None:
    written = contents(2 * CHUNK + 5, 3 * CHUNK + SHARED, CHUNK + SHARED + 1)
    arrived = person.upload(*written)
    assert person.work() == []

    assert_all_read(person, arrived, written)
    assert packs(person) == 2 + 3 + 2 + 1
    job = person.job(arrived.job_id)
    assert (job.state, job.files_stored) == (JobState.DONE, 3)
    assert job.shards_done == job.shards_total == len(person.objects())
    person.check_settled()


@pytest.mark.parametrize("first", [WorkKind.FORM, WorkKind.STORE])
def test_a_version_is_shown_only_once_both_its_run_and_its_last_chunk_are_stored(
    person: Person, first: WorkKind
) -> None:
    content = secrets.token_bytes(2 * CHUNK + 5)
    arrived = person.upload(content)
    one, other = person.claim(), person.claim()
    if one.kind is not first:
        one, other = other, one
    assert person.carry_out(one) is None
    assert person.version(arrived).state is VersionState.STORING
    assert person.read(person.version(arrived).id) == content  # from the spool
    assert person.job(arrived.job_id).files_stored == 0

    assert person.carry_out(other) is None

    assert_all_read(person, arrived, [content])
    person.check_settled()


def test_what_is_not_full_waits_for_a_quiet_and_what_is_full_does_not(person: Person) -> None:
    make_quiet(person, 60.0)
    person.upload(*contents(*[900] * 7))
    with person.tools.sessions.begin() as session:
        session.execute(update(Work).values(due_at=func.now()))
    claim = person.claim()
    assert claim.kind is WorkKind.FORM
    assert person.carry_out(claim) is None
    assert len(chunks(person)) == 6
    assert person.try_claim() is None

    with person.tools.sessions.begin() as session:
        session.execute(update(Work).values(due_at=func.now() - text("interval '61 seconds'")))
    assert person.work() == []
    assert len(chunks(person)) == 7
    person.check_settled()


def test_what_arrives_while_a_pack_is_formed_is_not_forgotten(person: Person) -> None:
    person.upload(b"first", name="first")
    claim = person.claim()
    seen: list[Arrived] = []

    def arrive() -> None:
        if not seen:
            seen.append(person.upload(b"second", name="second"))

    packer.form_packs(person.tools, claim, say_nothing, arrive)
    assert forming(person).state is WorkState.DUE
    assert person.work() == []

    assert_all_read(person, seen[0], [b"second"])
    assert forming(person).state is WorkState.DONE
    person.check_settled()


def test_cancelling_one_job_does_not_lose_the_others_in_its_pack(person: Person) -> None:
    lost = person.upload(b"lost", name="lost")
    kept = person.upload(b"kept", name="kept")
    claim = person.claim()
    told: list[bool] = []

    def cancel() -> None:
        if not told:
            told.append(True)
            with person.tools.sessions.begin() as session:
                jobs.cancel(session, person.user_id, lost.job_id)

    assert person.carry_out(claim, cancel) is None
    assert person.work() == []

    assert_all_read(person, kept, [b"kept"])
    assert person.job(kept.job_id).state is JobState.DONE
    # Cancelled in time it is gone; too late, it was stored with its pack.
    assert person.job(lost.job_id).state in {JobState.CANCELLED, JobState.DONE}
    person.check_settled()


def test_what_is_cancelled_while_its_pack_fails_for_now_does_not_wait_with_it(
    person: Person,
) -> None:
    lost = person.upload(b"lost", name="lost")
    kept = person.upload(b"kept", name="kept")
    for account in person.memory:
        account.fail_next("put", Unreachable(), times=9)
    told: list[bool] = []

    def cancel() -> None:
        if not told:
            told.append(True)
            with person.tools.sessions.begin() as session:
                jobs.cancel(session, person.user_id, lost.job_id)

    assert isinstance(person.carry_out(person.claim(), cancel), Unreachable)
    for account in person.memory:
        account.stop_failing()
    person.work()

    assert person.job(lost.job_id).state is JobState.CANCELLED
    person.make_due()
    assert person.work() == []
    assert_all_read(person, kept, [b"kept"])
    person.check_settled()


def test_a_cancelled_job_of_small_files_ends_at_once(person: Person) -> None:
    lost = person.upload(b"lost", name="lost")
    kept = person.upload(b"kept", name="kept")
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, lost.job_id)
    assert person.work() == []

    assert person.job(lost.job_id).state is JobState.CANCELLED
    assert_all_read(person, kept, [b"kept"])
    assert len(chunks(person)) == 1
    person.check_settled()


def test_a_file_deleted_while_its_pack_is_formed_keeps_no_other(person: Person) -> None:
    gone = person.upload(b"gone", name="gone")
    kept = person.upload(b"kept", name="kept")
    told: list[bool] = []

    def delete() -> None:
        if not told:
            told.append(True)
            person.delete(gone)

    assert person.carry_out(person.claim(), delete) is None
    assert person.work() == []

    assert_all_read(person, kept, [b"kept"])
    assert len(chunks(person)) == 1
    person.check_settled()


def test_deletions_leave_holes_and_the_last_one_takes_the_pack(person: Person) -> None:
    written = contents(100, 200, 300)
    arrived = person.upload(*written)
    assert person.work() == []
    for number in (0, 2):
        person.delete(arrived, number)
        assert person.work() == []
        assert len(person.objects()) == 3
    assert person.read(person.version(arrived, 1).id) == written[1]

    person.delete(arrived, 1)
    assert person.work() == []

    assert person.objects() == set()
    person.check_settled()


def test_a_file_whose_spool_is_gone_fails_alone(person: Person) -> None:
    bad = person.upload(b"bad", name="bad")
    good = person.upload(b"good", name="good")
    version = person.version(bad)
    with person.tools.sessions.begin() as session:
        upload = session.scalars(select(Upload).where(Upload.version_id == version.id)).one()
        session.execute(
            update(SpoolPart).where(SpoolPart.upload_id == upload.id).values(salt=bytes(32))
        )

    assert person.work() == []

    assert_all_read(person, good, [b"good"])
    assert person.version(bad).state is VersionState.FAILED
    assert person.job(bad.job_id).state is JobState.FAILED
    assert person.known_objects() == person.objects()


def test_a_file_that_failed_is_stored_at_a_retry(person: Person) -> None:
    arrived = person.upload(b"content")
    with person.tools.sessions.begin() as session:
        part = session.scalars(select(SpoolPart)).one()
        salt, part.salt = part.salt, bytes(32)
    assert person.work() == []
    with person.tools.sessions.begin() as session:
        session.scalars(select(SpoolPart)).one().salt = salt
        jobs.retry(session, person.user_id, arrived.job_id)
    assert person.work() == []

    assert_all_read(person, arrived, [b"content"])
    job = person.job(arrived.job_id)
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 1, 0)
    person.check_settled()


def test_without_an_account_small_files_wait_for_one_and_go_once_it_is_linked(
    hands: Hands,
) -> None:
    person = Person.new(*hands)
    arrived = person.upload(b"one", b"two")
    [problem] = person.work()
    assert type(problem).__name__ == "NoPlace"
    assert person.version(arrived).state is VersionState.WAITING
    job = person.job(arrived.job_id)
    assert (job.state, job.error_code) == (JobState.NEEDS_YOU, "no_account")

    person.link()
    assert person.work() == []

    assert_all_read(person, arrived, [b"one", b"two"])
    person.check_settled()


@pytest.mark.parametrize("error", [Unreachable(), Throttled(retry_after=7)])
def test_what_fails_for_now_is_tried_again_and_is_no_try(
    person: Person, error: Unreachable | Throttled
) -> None:
    arrived = person.upload(b"one", b"two")
    for account in person.memory:
        account.fail_next("put", error, times=9)
    assert len(person.work()) == 1
    job = person.job(arrived.job_id)
    assert (job.state, job.error_code) == (JobState.RETRYING, error.code)
    for account in person.memory:
        account.stop_failing()
    person.make_due()
    assert person.work() == []

    assert_all_read(person, arrived, [b"one", b"two"])
    person.check_settled()


def test_a_pack_costs_the_same_few_statements_however_many_files_it_holds(
    person: Person, counted: list[str]
) -> None:
    costs = []
    for files in (2, 20):
        for number in range(files):
            person.upload(b"content", name=f"file {number} of {files}")
        counted.clear()
        assert person.carry_out(person.claim()) is None
        costs.append(len(counted))

    # Eighteen more files don't cost a statement each; how many marks share one is a matter of time.
    assert costs[1] < costs[0] + 18
    assert costs[1] < 78
    assert packs(person) == 2
    person.check_settled()


def test_a_job_page_counts_the_shards_of_a_shared_pack_once(person: Person) -> None:
    arrived = person.upload(b"one", b"two", b"three")
    assert person.work() == []

    with person.tools.sessions() as session:
        lanes = job_figures.lanes(session, arrived.job_id)

    assert [(lane.stored, lane.total) for lane in lanes] == [(1, 1)] * 3


def test_ten_thousand_files_of_ten_kilobytes_are_ten_packs() -> None:
    sealed = 10_240 + 16 + 192
    due = [
        waiting.Waiting(uuid.uuid4(), uuid.uuid4(), None, 0, sealed, (1, 1), 0, 9.0)
        for _ in range(10_000)
    ]

    full, short = waiting._pack(due, 10_488_512)

    assert len(full) + len(short) == 10
    assert sum(len(group.waiting) for group in full + short) == 10_000
