"""Pausing and resuming: nothing more is sent, nothing is lost, and no state is left by chance."""

import secrets
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import text

from balancecloud.errors import NotFound, StateConflict, Unreachable
from balancecloud.library import job_pausing, jobs
from balancecloud.live.progress import ProgressStore
from balancecloud.models.states import JobState, VersionState, WorkKind
from balancecloud.storage import outcome
from balancecloud.storage.work import Paused
from tests.library.jobs.looking import detail_of, set_job
from tests.storage.world import CHUNK, Person, stop_at

pytestmark = pytest.mark.real


def pause(person: Person, job_id: uuid.UUID) -> None:
    with person.tools.sessions.begin() as session:
        job_pausing.pause(session, person.user_id, job_id)


def resume(person: Person, job_id: uuid.UUID) -> list[uuid.UUID]:
    with person.tools.sessions.begin() as session:
        return job_pausing.resume(session, person.user_id, job_id)


def test_what_is_paused_is_not_claimed_until_it_is_resumed(person: Person) -> None:
    content = secrets.token_bytes(2 * CHUNK)
    arrived = person.upload(content)
    pause(person, arrived.job_id)
    pause(person, arrived.job_id)

    assert person.try_claim() is None
    assert set(resume(person, arrived.job_id)) == set(arrived.work_ids)
    assert person.work() == []
    assert person.job(arrived.job_id).state is JobState.DONE
    assert person.read(person.version(arrived).id) == content
    person.check_settled()


def test_work_under_way_rests_keeps_what_is_stored_and_goes_on(person: Person) -> None:
    content = secrets.token_bytes(4 * CHUNK)
    arrived = person.upload(content)
    claim = person.claim()
    pause(person, arrived.job_id)

    assert isinstance(person.carry_out(claim, stop_at(4, Paused())), Paused)
    stored = person.objects()
    assert (person.job(arrived.job_id).state, person.try_claim()) == (JobState.PAUSED, None)
    resume(person, arrived.job_id)
    again = person.claim()
    assert again.attempt == claim.attempt  # a pause is not a try
    assert person.carry_out(again) is None

    assert stored
    assert stored <= person.objects()
    assert person.read(person.version(arrived).id) == content
    person.check_settled()


def test_another_job_goes_on_beside_a_paused_one(person: Person) -> None:
    paused = person.upload(secrets.token_bytes(CHUNK), name="paused")
    other = person.upload(secrets.token_bytes(CHUNK), name="other")
    pause(person, paused.job_id)

    assert person.work() == []

    assert person.job(other.job_id).state is JobState.DONE
    assert person.job(paused.job_id).state is JobState.PAUSED


def test_small_files_of_a_paused_job_join_no_pack_and_are_packed_when_resumed(
    person: Person,
) -> None:
    tools = replace(person.tools, config=replace(person.tools.config, largest_shared_chunk=CHUNK))
    person.tools = tools
    paused = person.upload(b"one", b"two", name="paused")
    other = person.upload(b"three", name="other")
    pause(person, paused.job_id)

    assert person.work() == []
    assert person.job(other.job_id).state is JobState.DONE
    assert person.version(paused).state is VersionState.QUEUED
    resume(person, paused.job_id)
    assert person.claim().kind is WorkKind.FORM


def test_a_pack_of_which_all_was_paused_stops_and_goes_on_later(person: Person) -> None:
    person.tools = replace(
        person.tools, config=replace(person.tools.config, largest_shared_chunk=CHUNK)
    )
    arrived = person.upload(b"one", b"two")
    forming = person.claim()
    paused: list[bool] = []

    def pause_once() -> None:
        if not paused:
            paused.append(True)
            pause(person, arrived.job_id)

    assert isinstance(person.carry_out(forming, pause_once), Paused)
    assert person.objects() == set()
    assert person.work() == []  # nothing is due, and nobody asks again and again
    resume(person, arrived.job_id)
    assert person.work() == []

    assert person.job(arrived.job_id).state is JobState.DONE
    person.check_settled()


def test_a_job_that_is_still_received_arrives_whole_and_waits(
    person: Person, progress: ProgressStore
) -> None:
    intake = person.intake()
    intake.start_file(["big"], None)
    with person.tools.sessions() as session:
        job_id = jobs.list_jobs(session, progress, person.user_id)[0].id
    pause(person, job_id)
    intake.write(b"content")
    intake.end_file()
    arrived = intake.finish()

    assert person.job(job_id).state is JobState.PAUSED
    assert person.try_claim() is None
    resume(person, job_id)
    assert person.work() == []
    assert person.read(person.version(arrived).id) == b"content"


def test_a_failure_at_the_moment_of_a_pause_leaves_it_paused(person: Person) -> None:
    arrived = person.upload(secrets.token_bytes(CHUNK))
    claim = person.claim()
    pause(person, arrived.job_id)
    outcome.settle(person.tools, claim, Unreachable())

    assert person.job(arrived.job_id).state is JobState.PAUSED


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.PAUSED])
def test_a_form_whose_last_answer_was_lost_goes_on_or_stays_paused(
    person: Person, state: JobState
) -> None:
    intake = person.intake()
    intake.start_file(["one"], None)
    intake.write(b"one")
    intake.end_file()
    job_id = intake.finish().job_id
    set_job(person, job_id, state=state)  # by its person, or a worker that took it up

    intake.abort("internal_error")

    job = person.job(job_id)
    assert (job.state, job.files_failed) == (state, 0)


def test_a_paused_job_can_be_cancelled_and_leaves_nothing(person: Person) -> None:
    arrived = person.upload(secrets.token_bytes(4 * CHUNK))
    claim = person.claim()
    pause(person, arrived.job_id)
    person.carry_out(claim, stop_at(4, Paused()))
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, arrived.job_id)
    person.work()

    assert person.job(arrived.job_id).state is JobState.CANCELLED
    assert person.objects() == set()
    person.check_settled()


def test_only_what_is_on_its_way_is_paused_and_only_what_is_paused_resumed(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(b"x")
    for state in set(JobState) - {JobState.PAUSED}:
        set_job(person, arrived.job_id, state=state)
        is_on_its_way = state in job_pausing.PAUSABLE

        detail = detail_of(person, progress, arrived.job_id)
        assert (detail.can_pause, detail.can_resume) == (is_on_its_way, False), state
        with pytest.raises(StateConflict):
            resume(person, arrived.job_id)
        if not is_on_its_way:
            with pytest.raises(StateConflict):
                pause(person, arrived.job_id)


def test_anothers_job_is_not_found(person: Person, stranger: Person) -> None:
    arrived = person.upload(b"x")
    for act in (job_pausing.pause, job_pausing.resume):
        with person.tools.sessions.begin() as session, pytest.raises(NotFound):
            act(session, stranger.user_id, arrived.job_id)


def test_a_paused_job_offers_resume_and_says_so(person: Person, progress: ProgressStore) -> None:
    arrived = person.upload(b"x")
    pause(person, arrived.job_id)

    detail = detail_of(person, progress, arrived.job_id)

    assert (detail.can_pause, detail.can_resume, detail.can_retry) == (False, True, False)
    assert detail.callout is not None
    assert detail.happenings[0].sentence == "Paused at your request."


def test_paused_jobs_are_found_by_their_index(person: Person) -> None:
    with person.tools.sessions() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = session.scalars(text("EXPLAIN SELECT id FROM jobs WHERE state = 'paused'")).all()

    assert any("ix_jobs_paused" in line for line in plan), plan
