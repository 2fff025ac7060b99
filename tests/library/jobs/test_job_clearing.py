"""Clearing the list of jobs: what is over goes, what failed stays, and so does every page."""

import uuid

import pytest

from balancecloud.library import job_clearing, jobs
from balancecloud.live.progress import ProgressStore
from balancecloud.models.states import JobState
from tests.library.jobs.looking import detail_of, set_job
from tests.storage.world import Person

pytestmark = pytest.mark.real


def test_what_is_done_or_cancelled_leaves_the_list_and_failures_stay(
    person: Person, stranger: Person, progress: ProgressStore
) -> None:
    kept: list[dict[str, object]] = [
        {"state": JobState.FAILED},
        {"state": JobState.DONE, "files_failed": 1},
        {"state": JobState.RUNNING},
        {"state": JobState.NEEDS_YOU},
        {"state": JobState.PAUSED},
    ]
    cleared: list[dict[str, object]] = [{"state": JobState.DONE}, {"state": JobState.CANCELLED}]
    ids: dict[uuid.UUID, dict[str, object]] = {}
    for number, values in enumerate([*kept, *cleared]):
        job_id = person.upload(b"x", name=f"{number}").job_id
        set_job(person, job_id, **values)
        ids[job_id] = values
    theirs = stranger.upload(b"x").job_id
    set_job(stranger, theirs, state=JobState.DONE)

    with person.tools.sessions.begin() as session:
        before = job_clearing.count_clearable(session, person.user_id)
        job_clearing.clear(session, person.user_id)
        after = job_clearing.count_clearable(session, person.user_id)
        listed = jobs.list_jobs(session, progress, person.user_id)
        counts = jobs.count_jobs(session, person.user_id)
        others = jobs.list_jobs(session, progress, stranger.user_id)

    assert (before, after) == (2, 0)
    assert [ids[one.id] for one in listed] == kept[::-1]
    assert counts == {"running": 2, "needs_you": 1, "done": 2, "all": 5}
    assert [one.id for one in others] == [theirs]
    gone = next(one for one, values in ids.items() if values == cleared[0])
    assert detail_of(person, progress, gone).job.state == "done"


def test_a_cleared_job_that_goes_on_is_listed_again(
    person: Person, progress: ProgressStore
) -> None:
    job_id = person.upload(b"x").job_id
    set_job(person, job_id, state=JobState.DONE)
    with person.tools.sessions.begin() as session:
        job_clearing.clear(session, person.user_id)
        assert jobs.list_jobs(session, progress, person.user_id) == ()

    for state in (JobState.RUNNING, JobState.FAILED):
        set_job(person, job_id, state=state)
        with person.tools.sessions() as session:
            assert [one.id for one in jobs.list_jobs(session, progress, person.user_id)] == [job_id]
