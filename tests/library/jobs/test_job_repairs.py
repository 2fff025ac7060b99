"""Repair jobs as a person meets them: from the setting, on the job's page, and on storage."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from balancecloud.errors import NotFound, StateConflict
from balancecloud.library import jobs, protection, usage
from balancecloud.live.progress import ProgressStore
from balancecloud.models.jobs import Job
from balancecloud.models.people import User
from balancecloud.storage import upkeep
from tests.library.jobs.looking import detail_of
from tests.services.locks import wait_until_somebody_waits
from tests.storage import mending
from tests.storage.mending import repair_jobs
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def protect(person: Person, losses: int) -> int:
    with person.tools.sessions.begin() as session:
        return len(protection.set_protection(session, person.user_id, losses))


def test_another_protection_begins_a_job_that_says_what_it_does(
    person: Person, progress: ProgressStore
) -> None:
    person.upload(bytes(CHUNK), b"small")
    assert person.work() == []
    assert protect(person, 2) == 2
    (job,) = repair_jobs(person)
    detail = detail_of(person, progress, job.id)
    assert (detail.job.kind, detail.job.title) == ("repair", "Repairing your stored files")
    assert detail.can_cancel
    said = [happening.sentence for happening in detail.happenings]
    assert said == ["2 files are less protected than asked, or not as asked. Repairing."]

    assert person.work() == []
    detail = detail_of(person, progress, job.id)
    assert (detail.job.state, detail.job.title) == ("done", "Repaired your stored files")
    assert detail.job.progress.shards.stored == detail.job.progress.shards.total == 6
    assert protect(person, 2) == 0


def test_storage_says_how_many_files_are_less_protected_and_that_they_are_repaired(
    person: Person,
) -> None:
    person.upload(bytes(CHUNK), b"small")
    assert person.work() == []
    with person.tools.sessions() as session:
        before = usage.usage(session, person.tools.config, person.user_id)
    assert (before.less_protected, before.survives, before.repair_job_id) == (0, 1, None)

    mending.lose(person, mending.rows_of(person, mending.packs_of(person)[0].id)[0])
    upkeep.sweep_marked(person.tools)
    with person.tools.sessions() as session:
        now = usage.usage(session, person.tools.config, person.user_id)
    (job,) = repair_jobs(person)
    assert now == replace(before, accounts=now.accounts, less_protected=1, repair_job_id=job.id)

    assert person.work() == []
    with person.tools.sessions() as session:
        after = usage.usage(session, person.tools.config, person.user_id)
    assert (after.less_protected, after.repair_job_id) == (0, None)


def test_a_repair_is_cancelled_once_and_a_change_takes_it_up_again(person: Person) -> None:
    person.upload(bytes(CHUNK))
    assert person.work() == []
    protect(person, 2)
    (job,) = repair_jobs(person)
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, job.id)
    person.work()
    with person.tools.sessions.begin() as session, pytest.raises(StateConflict):
        jobs.cancel(session, person.user_id, job.id)
    upkeep.sweep(person.tools)
    assert len(repair_jobs(person)) == 1

    assert protect(person, 2) == 1
    assert person.work() == []
    assert [one.state.value for one in repair_jobs(person)] == ["cancelled", "done"]


@pytest.mark.parametrize(
    ("accounts", "spaces", "possible"),
    [
        (0, [1.0, 2.0, 3.0], [False, False, False]),
        (1, [1.0, 2.0, 3.0], [True, False, False]),
        (3, [1.0, 1.5, 3.0], [True, True, True]),
        (4, [1.0, 4 / 3, 2.0], [True, True, True]),
        (9, [1.0, 1.25, 1.5], [True, True, True]),
    ],
)
def test_each_choice_says_what_it_takes(
    stranger: Person, accounts: int, spaces: list[float], possible: list[bool]
) -> None:
    for _ in range(accounts):
        stranger.link()
    with stranger.tools.sessions() as session:
        found = protection.protection(session, stranger.user_id)

    assert [choice.space for choice in found.choices] == spaces
    assert [choice.is_possible for choice in found.choices] == possible
    assert found.survives == min(1, max(0, accounts - 1))


def test_nobody_has_no_protection(stranger: Person) -> None:
    with stranger.tools.sessions() as session, pytest.raises(NotFound):
        protection.protection(session, uuid.uuid4())


def test_protection_may_change_while_a_repair_and_a_deletion_go_on(person: Person) -> None:
    person.upload(bytes(CHUNK), b"small")
    assert person.work() == []
    assert protect(person, 2)
    (job,) = repair_jobs(person)

    with ThreadPoolExecutor(1) as pool, person.tools.sessions() as mend:
        mend.get_one(Job, job.id, with_for_update=True)
        changed = pool.submit(protect, person, 0)
        wait_until_somebody_waits(mend)
        # As who deletes a file does, for whom the repair waits.
        mend.execute(text("SET LOCAL lock_timeout = '2s'"))
        mend.get_one(User, person.user_id, with_for_update=True)
        mend.rollback()
        changed.result(20)
