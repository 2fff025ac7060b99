"""Cancelling and taking up again."""

import uuid

import pytest
from sqlalchemy import update

from balancecloud.errors import StateConflict
from balancecloud.library import giving_up, jobs
from balancecloud.live.progress import ProgressStore
from balancecloud.models.jobs import Job, Work
from balancecloud.models.states import JobState, WorkState
from tests.library.jobs.looking import detail_of, set_job
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def cancel(person: Person, job_id: uuid.UUID) -> list[uuid.UUID]:
    with person.tools.sessions.begin() as session:
        cancelling = jobs.cancel(session, person.user_id, job_id)
    giving_up.empty(person.tools, cancelling.upload_ids)
    return list(cancelling.work_ids)


def retry(person: Person, job_id: uuid.UUID) -> list[uuid.UUID]:
    with person.tools.sessions.begin() as session:
        return jobs.retry(session, person.user_id, job_id)


def test_a_cancelled_job_is_ended_by_whoever_takes_it(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(b"one", b"two")

    due = cancel(person, arrived.job_id)

    assert set(due) == set(arrived.work_ids)
    detail = detail_of(person, progress, arrived.job_id)
    assert (detail.job.state, detail.can_cancel, detail.can_retry) == ("cancelling", False, False)
    assert detail.callout is not None


def test_cancelling_what_waits_makes_it_due_now(stranger: Person) -> None:
    arrived = stranger.upload(b"x")
    stranger.work()

    assert cancel(stranger, arrived.job_id) == list(arrived.work_ids)
    assert stranger.claim().id == arrived.work_ids[0]


def test_a_job_nobody_has_in_hand_is_cancelled_at_once(person: Person) -> None:
    arrived = person.upload(b"x")
    with person.tools.sessions.begin() as session:
        session.execute(update(Work).values(state=WorkState.DEAD))

    assert cancel(person, arrived.job_id) == []

    assert person.job(arrived.job_id).state is JobState.CANCELLED
    assert person.user().reserved_bytes == 0
    assert list(person.tools.spool.uploads()) == []


def test_an_upload_under_way_is_left_to_its_request(person: Person) -> None:
    intake = person.intake()
    intake.start_file(["big"], None)
    with person.tools.sessions() as session:
        job_id = session.query(Job.id).scalar()
    assert isinstance(job_id, uuid.UUID)

    assert cancel(person, job_id) == []
    assert person.job(job_id).state is JobState.CANCELLING
    intake.abort("cancelled")

    assert person.job(job_id).state is JobState.CANCELLED


@pytest.mark.parametrize("state", [JobState.DONE, JobState.CANCELLED, JobState.CANCELLING])
def test_what_is_over_cannot_be_cancelled_or_retried(person: Person, state: JobState) -> None:
    arrived = person.upload(b"x")
    person.work()
    set_job(person, arrived.job_id, state=state)

    with pytest.raises(StateConflict):
        cancel(person, arrived.job_id)
    with pytest.raises(StateConflict):
        retry(person, arrived.job_id)


def test_what_was_given_up_is_taken_up_again_and_ends_well(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(bytes(2 * CHUNK), b"good")
    for provider in person.memory:
        provider.is_down = True
    person.work()
    failed = detail_of(person, progress, arrived.job_id)
    for provider in person.memory:
        provider.is_down = False
    person.make_due()

    due = retry(person, arrived.job_id)
    again = detail_of(person, progress, arrived.job_id)
    person.make_due()
    person.work()

    assert failed.can_retry
    assert failed.job.error is not None
    assert due
    assert (again.job.state, again.job.finished_at, again.job.error) == ("queued", None, None)
    assert again.job.progress.files.failed == 0
    assert again.happenings[0].sentence == "Taken up again at your request."
    job = person.job(arrived.job_id)
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 2, 0)
    person.check_settled()
