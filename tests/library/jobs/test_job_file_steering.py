"""Cancelling one file of a job, or taking it up again, while the others go on."""

import uuid

import pytest
from sqlalchemy import select

from balancecloud.errors import IntegrityError, NotFound, StateConflict
from balancecloud.library import giving_up, job_file_steering
from balancecloud.live.progress import ProgressStore
from balancecloud.models.library import Node, Version
from balancecloud.models.states import JobState, VersionState
from balancecloud.storage import outcome
from tests.library.jobs.looking import detail_of
from tests.library.resumable import begin
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def versions(person: Person, job_id: uuid.UUID) -> dict[str, uuid.UUID]:
    """Return a job's versions by the name of their file."""
    with person.tools.sessions() as session:
        rows = session.execute(
            select(Node.name, Version.id)
            .join(Node, Node.id == Version.file_id)
            .where(Version.job_id == job_id)
        )
        return {name: version_id for name, version_id in rows}  # noqa: C416 - rows are no pairs to mypy


def cancel(person: Person, job_id: uuid.UUID, version_id: uuid.UUID) -> None:
    with person.tools.sessions.begin() as session:
        done = job_file_steering.cancel(session, person.user_id, job_id, version_id)
    giving_up.empty(person.tools, done.upload_ids)


def retry(person: Person, job_id: uuid.UUID, version_id: uuid.UUID) -> list[uuid.UUID]:
    with person.tools.sessions.begin() as session:
        return job_file_steering.retry(session, person.user_id, job_id, version_id)


def test_one_file_is_cancelled_and_the_others_are_stored(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(b"one", b"two", b"three")
    of = versions(person, arrived.job_id)
    before = detail_of(person, progress, arrived.job_id)
    assert [file.can_cancel for file in before.files] == [True] * 3
    assert not any(file.can_retry for file in before.files)

    cancel(person, arrived.job_id, of["file-1"])
    person.work()

    after = detail_of(person, progress, arrived.job_id)
    assert after.job.state == "done"
    assert (after.job.progress.files.stored, after.job.progress.files.total) == (2, 2)
    assert "A file was cancelled at your request." in [line.sentence for line in after.happenings]
    assert set(versions(person, arrived.job_id)) == {"file", "file-2"}
    assert not any(file.can_cancel for file in after.files)
    person.check_settled()


def test_a_file_is_cancelled_while_a_worker_has_it_in_hand(person: Person) -> None:
    arrived = person.upload(bytes(3 * CHUNK), b"two")
    of = versions(person, arrived.job_id)
    claims = [person.claim(), person.claim()]

    cancel(person, arrived.job_id, of["file"])
    for claim in claims:
        person.carry_out(claim)
    person.work()

    assert person.job(arrived.job_id).state is JobState.DONE
    assert set(versions(person, arrived.job_id)) == {"file-1"}
    person.check_settled()


def test_the_last_file_of_a_job_takes_the_job_along(person: Person) -> None:
    arrived = person.upload(b"one", b"two")
    of = versions(person, arrived.job_id)
    cancel(person, arrived.job_id, of["file"])

    with pytest.raises(StateConflict):  # the only one: the job itself is cancelled instead
        cancel(person, arrived.job_id, of["file-1"])

    person.work()
    assert person.job(arrived.job_id).state is JobState.DONE


def test_a_file_that_failed_is_taken_up_alone(person: Person, progress: ProgressStore) -> None:
    arrived = person.upload(b"one", b"two")
    for claim in (person.claim(), person.claim()):
        outcome.settle(person.tools, claim, IntegrityError("length"))
    failed = [
        file.version_id
        for file in detail_of(person, progress, arrived.job_id).files
        if file.can_retry
    ]
    assert len(failed) == 2

    assert retry(person, arrived.job_id, failed[0])
    cancel(person, arrived.job_id, failed[1])
    person.work()

    job = person.job(arrived.job_id)
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 1, 0)
    with pytest.raises(StateConflict):
        retry(person, arrived.job_id, failed[0])
    person.check_settled()


def test_files_of_a_form_arrive_together_or_not_at_all(person: Person) -> None:
    intake = person.intake()
    intake.start_file(["one"], None)
    intake.write(b"one")
    intake.end_file()
    intake.start_file(["two"], None)
    with person.tools.sessions() as session:
        version = session.scalars(select(Version)).first()
        assert version
        assert version.job_id

    with pytest.raises(StateConflict):
        cancel(person, version.job_id, version.id)

    intake.abort("broken_upload")


def test_a_stranger_s_file_is_none_of_the_job_s(person: Person, stranger: Person) -> None:
    mine, theirs = person.upload(b"one", b"two"), begin(stranger)

    with pytest.raises(NotFound):
        cancel(person, mine.job_id, theirs.version().id)
    with pytest.raises(NotFound):
        retry(person, mine.job_id, theirs.version().id)
    with pytest.raises(NotFound):
        cancel(stranger, mine.job_id, versions(person, mine.job_id)["file"])

    assert theirs.version().state is VersionState.RECEIVING
