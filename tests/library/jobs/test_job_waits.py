"""Which accounts a job waits for, and that it stops saying so by itself."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, update

from balancecloud.errors import AccountFull, ProviderError, SignInAgain, Throttled
from balancecloud.library import jobs
from balancecloud.library.wording import Words
from balancecloud.live.progress import ProgressStore
from balancecloud.models.clouds import CloudAccount
from balancecloud.storage import health
from tests.library.jobs.looking import detail_of, set_job
from tests.storage.world import Person

pytestmark = pytest.mark.real


def fail(person: Person, number: int, error: ProviderError) -> uuid.UUID:
    """Have one of the person's accounts answer with this error."""
    account_id = person.account_ids[number]
    with person.tools.sessions.begin() as session:
        health.note_failure(session, account_id, error)
    return account_id


def mend(person: Person, account_id: uuid.UUID) -> None:
    with person.tools.sessions.begin() as session:
        health.note_restored(session, account_id)


def set_account(person: Person, account_id: uuid.UUID, **values: object) -> None:
    with person.tools.sessions.begin() as session:
        session.execute(update(CloudAccount).where(CloudAccount.id == account_id).values(**values))


def waits_for(person: Person, progress: ProgressStore, job_id: uuid.UUID) -> list[uuid.UUID]:
    return [one.id for one in detail_of(person, progress, job_id).waits_for]


def listed(person: Person, progress: ProgressStore) -> list[Words]:
    """Return what the list of jobs says of those that wait."""
    with person.tools.sessions() as session:
        found = jobs.list_jobs(session, progress, person.user_id)
        config = person.tools.config
        return list(jobs.list_waits(session, config, person.user_id, found).values())


def test_a_job_without_a_usable_account_waits_for_all_in_trouble(
    person: Person, progress: ProgressStore
) -> None:
    full, other = (fail(person, number, AccountFull()) for number in (0, 1))
    dead = fail(person, 2, SignInAgain())
    set_account(person, other, state="draining")
    arrived = person.upload(b"x")
    person.work()
    assert detail_of(person, progress, arrived.job_id).job.state == "needs_you"
    found = waits_for(person, progress, arrived.job_id)
    assert set(found) == {full, dead}


def test_where_patience_is_enough_a_job_waits_for_who_asked_for_it(
    person: Person, progress: ProgressStore
) -> None:
    slowed = [fail(person, number, Throttled(retry_after=600)) for number in (0, 1)]
    fail(person, 2, AccountFull())
    arrived = person.upload(b"x")
    person.work()
    detail = detail_of(person, progress, arrived.job_id)
    assert detail.job.state == "retrying"
    assert {one.id for one in detail.waits_for} == set(slowed)


def test_it_stops_waiting_as_soon_as_an_account_comes_back(
    person: Person, progress: ProgressStore
) -> None:
    troubled = [fail(person, number, SignInAgain()) for number in range(3)]
    arrived = person.upload(b"x")
    person.work()
    assert detail_of(person, progress, arrived.job_id).job.state == "needs_you"
    for account_id in troubled:
        mend(person, account_id)
    person.work()
    detail = detail_of(person, progress, arrived.job_id)
    assert (detail.job.state, detail.waits_for, detail.callout) == ("done", (), None)
    assert listed(person, progress) == []


def test_a_job_that_runs_is_concerned_by_its_own_accounts_alone(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(b"x")
    person.work()
    stranger = person.link()
    set_account(person, stranger, state="silent")
    slowed = fail(person, 0, Throttled(retry_after=600))
    set_job(person, arrived.job_id, state="running", finished_at=None)
    assert waits_for(person, progress, arrived.job_id) == [slowed]


def test_a_job_that_is_over_waits_for_nobody(person: Person, progress: ProgressStore) -> None:
    arrived = person.upload(b"x")
    person.work()
    fail(person, 0, SignInAgain())
    assert waits_for(person, progress, arrived.job_id) == []


def test_a_job_that_removes_waits_for_the_account_that_holds_what_goes(
    person: Person, progress: ProgressStore
) -> None:
    arrived = person.upload(b"x")
    person.work()
    deletion = person.delete(arrived)
    assert deletion.job_id is not None
    dead = fail(person, 1, SignInAgain())
    set_account(person, person.link(), state="full")
    set_job(person, deletion.job_id, state="needs_you")
    assert waits_for(person, progress, deletion.job_id) == [dead]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"state": "full"}, ("Waits for room on Account",)),
        ({"state": "silent"}, ("Waits for Account to answer",)),
        ({"state": "sign_in_again"}, ("Waits until Account can be used again",)),  # a folder
    ],
)
def test_the_list_says_in_few_words_what_a_job_waits_for(
    person: Person, progress: ProgressStore, values: dict[str, str], told: Words
) -> None:
    for account_id in person.account_ids:
        set_account(person, account_id, **values)
    arrived = person.upload(b"x")
    set_job(person, arrived.job_id, state="needs_you")
    assert listed(person, progress) == [told]


def test_the_list_says_until_when(person: Person, progress: ProgressStore) -> None:
    account_id = fail(person, 0, Throttled(retry_after=600))
    later = fail(person, 1, Throttled(retry_after=3600))
    set_account(person, later, label="Later")
    arrived = person.upload(b"x")
    set_job(person, arrived.job_id, state="retrying", retry_at=func.now() + timedelta(minutes=10))
    until = detail_of(person, progress, arrived.job_id).waits_for[0].paused_until
    assert waits_for(person, progress, arrived.job_id) == [account_id, later]
    assert listed(person, progress) == [("Waits for Account until ", until)]


def test_a_job_that_tries_again_by_itself_asks_for_nobody(
    person: Person, progress: ProgressStore
) -> None:
    fail(person, 0, SignInAgain())
    slowed = fail(person, 1, Throttled(retry_after=600))
    arrived = person.upload(b"x")
    set_job(person, arrived.job_id, state="retrying")
    assert waits_for(person, progress, arrived.job_id) == [slowed]
    assert listed(person, progress)[0][0] == "Waits for Account until "


def test_an_account_to_be_signed_in_to_is_said_to_be(
    person: Person, progress: ProgressStore
) -> None:
    account_id = person.account_ids[0]
    dead = {"state": "sign_in_again", "state_reason": "sign_in_again"}
    set_account(person, account_id, provider="google_drive", label="Work Drive", **dead)
    arrived = person.upload(b"x")
    set_job(person, arrived.job_id, state="needs_you")
    assert listed(person, progress) == [("Waits for you to sign in again to Work Drive",)]


def test_without_accounts_a_job_waits_for_one(stranger: Person, progress: ProgressStore) -> None:
    stranger.upload(b"x")
    stranger.work()
    assert listed(stranger, progress) == [("Waits until you link a cloud account",)]
