"""Lists of jobs, and whose they are."""

import pytest

from balancecloud.errors import NotFound
from balancecloud.library import jobs
from balancecloud.library.jobs import Watch
from balancecloud.live.progress import ProgressStore
from balancecloud.models.states import JobState
from tests.library.jobs.looking import detail_of, set_job
from tests.storage.world import Person

pytestmark = pytest.mark.real


def test_jobs_are_listed_by_state_the_newest_first(person: Person, progress: ProgressStore) -> None:
    ids = [person.upload(b"x", name=f"file-{n}").job_id for n in range(4)]
    states = (JobState.DONE, JobState.NEEDS_YOU, JobState.RETRYING, JobState.FAILED)
    for job_id, state in zip(ids, states, strict=True):
        set_job(person, job_id, state=state)

    with person.tools.sessions() as session:
        shown = {
            name: [view.id for view in jobs.list_jobs(session, progress, person.user_id, states)]
            for name, states in jobs.FILTERS.items()
        }
        counts = jobs.count_jobs(session, person.user_id)
        one = jobs.list_jobs(session, progress, person.user_id, None, 1)

    assert shown == {
        "running": [ids[2]],
        "needs_you": [ids[1]],
        "done": [ids[3], ids[0]],
        "all": ids[::-1],
    }
    assert counts == {name: len(found) for name, found in shown.items()}
    assert [view.id for view in one] == [ids[3]]


def test_t_21_a_strangers_job_is_not_there(
    person: Person, stranger: Person, progress: ProgressStore
) -> None:
    job_id = person.upload(b"mine").job_id
    watch = Watch(person.tools.config, progress)

    with person.tools.sessions() as session:
        assert jobs.list_jobs(session, progress, stranger.user_id) == ()
        for act in (jobs.cancel, jobs.retry):
            with pytest.raises(NotFound):
                act(session, stranger.user_id, job_id)
        with pytest.raises(NotFound):
            jobs.job_view(session, progress, stranger.user_id, job_id)
        with pytest.raises(NotFound):
            jobs.get_job(session, watch, stranger.user_id, job_id)


def test_a_file_of_another_job_shows_no_chunks(person: Person, progress: ProgressStore) -> None:
    one, other = person.upload(b"one", name="one"), person.upload(b"other", name="other")

    with pytest.raises(NotFound):
        detail_of(person, progress, one.job_id, person.version(other).id)
