"""Work rows on a real PostgreSQL: one holder at a time, the newest fence, the database's clock."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.errors import LeaseLost
from balancecloud.models.jobs import Job, Work
from balancecloud.models.people import User
from balancecloud.models.states import JobKind, JobState, WorkKind, WorkState
from balancecloud.storage import waking, work
from balancecloud.storage.heartbeat import Heartbeat, Lease
from balancecloud.storage.work import Claim
from tests.fakes.manual_clock import ManualClock

pytestmark = pytest.mark.real

Sessions = sessionmaker[Session]
OWNER = uuid.uuid4()


@pytest.fixture
def user_id(database: Sessions) -> uuid.UUID:
    with database.begin() as session:
        user = User(email="ada@example.org", password_hash="-")
        session.add(user)
        session.flush()
        return user.id


def add(
    sessions: Sessions,
    user_id: uuid.UUID,
    kind: WorkKind = WorkKind.STORE,
    *,
    key: uuid.UUID | None = None,
    job_id: uuid.UUID | None = None,
    due_in: float = 0,
) -> uuid.UUID:
    priority = work.STORE_PRIORITY if kind is WorkKind.STORE else work.DELETE_PRIORITY
    with sessions.begin() as session:
        new = work.NewWork(kind, key or uuid.uuid4(), user_id, job_id, priority, due_in)
        return work.insert_work(session, new)


def add_job(sessions: Sessions, user_id: uuid.UUID) -> uuid.UUID:
    with sessions.begin() as session:
        job = Job(user_id=user_id, kind=JobKind.STORE, state=JobState.QUEUED, source="web")
        session.add(job)
        session.flush()
        return job.id


def take(sessions: Sessions, owner: uuid.UUID = OWNER, seconds: float = 60) -> Claim | None:
    with sessions.begin() as session:
        return work.claim(session, owner, seconds)


def taken(sessions: Sessions, owner: uuid.UUID = OWNER, seconds: float = 60) -> Claim:
    claim = take(sessions, owner, seconds)
    assert claim is not None
    return claim


def read(sessions: Sessions, work_id: uuid.UUID) -> Work:
    with sessions() as session:
        return session.get_one(Work, work_id)


def columns(row: Work) -> dict[str, object]:
    return {column.name: getattr(row, column.name) for column in Work.__table__.columns}


def end_lease(sessions: Sessions, work_id: uuid.UUID) -> None:
    past = func.now() - text("interval '1 second'")
    with sessions.begin() as session:
        session.execute(update(Work).where(Work.id == work_id).values(lease_until=past))


def test_what_is_due_is_claimed_once(database: Sessions, user_id: uuid.UUID) -> None:
    key = uuid.uuid4()
    work_id = add(database, user_id, key=key)

    claim = taken(database)

    assert claim == Claim(work_id, WorkKind.STORE, key, 0, user_id, None, 1, 1, OWNER)
    assert take(database) is None


def test_storing_goes_before_deleting_and_the_longest_due_first(
    database: Sessions, user_id: uuid.UUID
) -> None:
    deleting = add(database, user_id, WorkKind.DELETE)
    younger = add(database, user_id)
    older = add(database, user_id, due_in=-10)

    assert [taken(database).id for _ in range(3)] == [older, younger, deleting]


def test_what_is_written_down_again_is_never_put_off(
    database: Sessions, user_id: uuid.UUID
) -> None:
    key = uuid.uuid4()
    work_id = add(database, user_id, key=key, due_in=60)
    first = read(database, work_id).due_at

    assert add(database, user_id, key=key, due_in=600) == work_id
    assert read(database, work_id).due_at == first

    add(database, user_id, key=key, due_in=5)
    assert read(database, work_id).due_at < first


def test_what_is_due_later_is_left(database: Sessions, user_id: uuid.UUID) -> None:
    add(database, user_id, due_in=60)

    assert take(database) is None
    with database() as session:
        assert work.due_work(session, 10) == []


def test_f_11_ten_at_once_claim_ten_different_rows(database: Sessions, user_id: uuid.UUID) -> None:
    ids = {add(database, user_id) for _ in range(10)}
    together = threading.Barrier(10)

    def claim(_: int) -> uuid.UUID:
        together.wait()
        return taken(database, uuid.uuid4()).id

    with ThreadPoolExecutor(10) as pool:
        claimed = list(pool.map(claim, range(10)))

    assert sorted(claimed) == sorted(ids)


def test_a_row_another_transaction_holds_is_skipped(database: Sessions, user_id: uuid.UUID) -> None:
    first, second = add(database, user_id, due_in=-10), add(database, user_id)

    with database.begin() as session:
        held = work.claim(session, OWNER, 60)
        assert held is not None
        assert held.id == first
        assert taken(database).id == second


def test_f_03_a_lease_that_is_over_is_taken_over_with_a_higher_fence(
    database: Sessions, user_id: uuid.UUID
) -> None:
    work_id = add(database, user_id)
    first = taken(database)
    end_lease(database, work_id)

    second = taken(database, uuid.uuid4())

    assert (second.id, second.fence, second.attempt) == (work_id, 2, 2)
    with database() as session, pytest.raises(LeaseLost):
        work.guard(session, first)


LATE_ACTS: dict[str, Callable[[Session, Claim], None]] = {
    "extend": lambda session, late: work.extend(session, late, 60),
    "guard": work.guard,
    "finish": work.finish,
    "postpone": lambda session, late: work.postpone(session, late, 1, "x", counts_as_try=True),
    "bury": lambda session, late: work.bury(session, late, "x"),
}


@pytest.mark.parametrize("act", LATE_ACTS)
def test_a_late_writer_changes_nothing(database: Sessions, user_id: uuid.UUID, act: str) -> None:
    work_id = add(database, user_id)
    late = taken(database)
    end_lease(database, work_id)
    taken(database, uuid.uuid4())
    before = columns(read(database, work_id))

    with database() as session:
        with pytest.raises(LeaseLost):
            LATE_ACTS[act](session, late)
        session.commit()

    assert columns(read(database, work_id)) == before


def test_a_holder_keeps_its_work_until_another_takes_it(
    database: Sessions, user_id: uuid.UUID
) -> None:
    work_id = add(database, user_id)
    claim = taken(database)
    end_lease(database, work_id)

    with database.begin() as session:
        work.extend(session, claim, 60)

    assert take(database) is None


def test_guard_keeps_the_row_until_the_transaction_ends(
    database: Sessions, user_id: uuid.UUID
) -> None:
    work_id = add(database, user_id)
    claim = taken(database)
    end_lease(database, work_id)

    with database.begin() as session:
        work.guard(session, claim)
        assert take(database) is None


def test_finished_work_is_not_due(database: Sessions, user_id: uuid.UUID) -> None:
    work_id = add(database, user_id)
    with database.begin() as session:
        work.finish(session, taken(database))

    row = read(database, work_id)
    assert (row.state, row.owner, row.lease_until) == (WorkState.DONE, None, None)
    assert take(database) is None


@pytest.mark.parametrize(("counts_as_try", "attempt"), [(True, 2), (False, 1)])
def test_waiting_is_not_a_try(
    database: Sessions, user_id: uuid.UUID, counts_as_try: bool, attempt: int
) -> None:
    work_id = add(database, user_id)
    with database.begin() as session:
        work.postpone(session, taken(database), 0, "throttled", counts_as_try=counts_as_try)

    assert read(database, work_id).reason == "throttled"
    assert taken(database).attempt == attempt


def test_postponed_work_is_due_when_its_time_has_come(
    database: Sessions, user_id: uuid.UUID
) -> None:
    work_id = add(database, user_id)
    with database.begin() as session:
        work.postpone(session, taken(database), 120, "throttled", counts_as_try=True)

    assert take(database) is None
    with database() as session:
        in_seconds = func.extract("epoch", Work.due_at - func.now())
        assert 110 < session.scalars(select(in_seconds).where(Work.id == work_id)).one() <= 120


def test_buried_work_comes_back_only_when_revived(database: Sessions, user_id: uuid.UUID) -> None:
    job_id = add_job(database, user_id)
    work_id = add(database, user_id, job_id=job_id)
    with database.begin() as session:
        work.bury(session, taken(database), "internal_error")
    assert take(database) is None
    with database.begin() as session:
        assert waking.hasten_job(session, job_id) == []
        assert waking.revive_job(session, job_id) == [work_id]

    assert taken(database).attempt == 1


def test_reviving_leaves_what_runs_or_is_done(database: Sessions, user_id: uuid.UUID) -> None:
    job_id = add_job(database, user_id)
    add(database, user_id, job_id=job_id, due_in=-20)
    add(database, user_id, job_id=job_id)
    with database.begin() as session:
        work.finish(session, taken(database))
    running = taken(database)

    with database.begin() as session:
        assert waking.revive_job(session, job_id) == []
        work.guard(session, running)


def test_waking_is_for_that_person_and_for_what_waits(
    database: Sessions, user_id: uuid.UUID
) -> None:
    with database.begin() as session:
        other = User(email="bob@example.org", password_hash="-")
        session.add(other)
        session.flush()
        other_id = other.id
    mine = add(database, user_id, due_in=300)
    add(database, other_id, due_in=300)

    with database.begin() as session:
        assert waking.wake(session, user_id) == [mine]

    assert taken(database).id == mine
    assert take(database) is None


def test_the_same_work_written_twice_is_one_row(database: Sessions, user_id: uuid.UUID) -> None:
    key = uuid.uuid4()

    assert add(database, user_id, key=key) == add(database, user_id, key=key)


def test_work_that_is_done_becomes_due_afresh(database: Sessions, user_id: uuid.UUID) -> None:
    key = uuid.uuid4()
    work_id = add(database, user_id, key=key)
    with database.begin() as session:
        work.finish(session, taken(database))

    assert add(database, user_id, key=key) == work_id
    again = taken(database)
    assert (again.id, again.attempt, again.fence) == (work_id, 1, 2)


def test_work_that_is_leased_stays_with_its_holder(database: Sessions, user_id: uuid.UUID) -> None:
    key = uuid.uuid4()
    work_id = add(database, user_id, key=key)
    claim = taken(database)

    assert add(database, user_id, key=key) == work_id
    with database.begin() as session:
        work.guard(session, claim)


def test_due_work_lists_what_could_be_claimed_most_urgent_first(
    database: Sessions, user_id: uuid.UUID
) -> None:
    deleting = add(database, user_id, WorkKind.DELETE)
    storing = add(database, user_id)
    add(database, user_id, due_in=60)

    with database() as session:
        assert work.due_work(session, 10) == [storing, deleting]
        assert work.due_work(session, 1) == [storing]


def test_f_35_a_lease_does_not_hang_on_when_the_transaction_began(
    database: Sessions, user_id: uuid.UUID
) -> None:
    add(database, user_id)
    with database.begin() as session:
        session.execute(text("SELECT pg_sleep(0.3)"))
        work.claim(session, OWNER, 0.2)
        assert session.scalar(select(func.count()).where(Work.lease_until > func.clock_timestamp()))


def wait_until_lost(heartbeat: Heartbeat) -> None:
    for _ in range(200):
        if heartbeat.lost:
            return
        threading.Event().wait(0.02)


def test_a_heartbeat_outlives_the_lease(database: Sessions, user_id: uuid.UUID) -> None:
    work_id = add(database, user_id)
    claim = taken(database, seconds=0.4)

    with Heartbeat(database, claim, Lease(0.4, 0.05), SYSTEM_CLOCK) as heartbeat:
        threading.Event().wait(0.8)
        assert take(database) is None
        assert not heartbeat.lost
    assert read(database, work_id).fence == 1


def test_a_heartbeat_tells_when_another_owns_the_work(
    database: Sessions, user_id: uuid.UUID
) -> None:
    work_id = add(database, user_id)
    claim = taken(database)
    end_lease(database, work_id)
    taken(database, uuid.uuid4())

    with Heartbeat(database, claim, Lease(60, 0.02), SYSTEM_CLOCK) as heartbeat:
        wait_until_lost(heartbeat)
        assert heartbeat.lost


def test_a_heartbeat_without_database_is_lost_when_the_lease_has_run_out(
    database: Sessions, user_id: uuid.UUID
) -> None:
    add(database, user_id)
    claim = taken(database)
    clock = ManualClock()
    nowhere: Sessions = sessionmaker()

    with Heartbeat(nowhere, claim, Lease(45, 15), clock) as heartbeat:
        clock.advance(45)
        assert not heartbeat.lost
        clock.advance(1)
        assert heartbeat.lost
