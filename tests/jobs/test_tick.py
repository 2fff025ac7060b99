"""Tick: nothing due is forgotten, one ticks at a time, chores run when their time has come."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import func, select
from sqlalchemy.orm import sessionmaker

from balancecloud.jobs import tick
from balancecloud.jobs.bench import Bench
from balancecloud.jobs.schedule import CHORES, Chore, Schedule
from balancecloud.live.doorbell import Doorbell
from balancecloud.models.people import SessionRow
from balancecloud.storage.tools import Tools
from tests.fakes.manual_clock import ManualClock
from tests.storage.world import Person

pytestmark = pytest.mark.real


@pytest.fixture
def no_chores() -> Schedule:
    return Schedule(ManualClock(), ())


def test_what_was_never_rung_is_rung(bench: Bench, person: Person, no_chores: Schedule) -> None:
    person.upload(b"one", b"two")

    assert tick.tick(bench.tools, bench.doorbell, no_chores) == 2
    assert bench.doorbell.waiting() == 2


def test_what_a_killed_worker_left_is_rung_once_its_lease_is_over(
    bench: Bench, person: Person, no_chores: Schedule
) -> None:
    person.upload(b"one")
    claim = person.claim()
    assert tick.tick(bench.tools, bench.doorbell, no_chores) == 0

    person.lose_lease(claim)

    assert tick.tick(bench.tools, bench.doorbell, no_chores) == 1


def test_q_08_after_redis_was_emptied_all_is_rung_again(
    bench: Bench, person: Person, no_chores: Schedule, redis: Redis
) -> None:
    person.upload(b"one")
    tick.tick(bench.tools, bench.doorbell, no_chores)
    redis.flushall()

    tick.tick(bench.tools, bench.doorbell, no_chores)

    assert bench.doorbell.waiting() == 1


def test_without_redis_tick_goes_on_and_does_its_chores(bench: Bench, person: Person) -> None:
    person.upload(b"one")
    ran: list[str] = []
    schedule = Schedule(ManualClock(), (Chore("note", 60, lambda _tools: ran.append("note")),))
    no_redis = Redis(unix_socket_path="/nowhere", retry=Retry(NoBackoff(), 0))
    nowhere = Doorbell(no_redis, bench.tools.config.queue_key)

    assert tick.tick(bench.tools, nowhere, schedule) == 1
    assert ran == ["note"]


def test_without_database_tick_waits(bench: Bench, no_chores: Schedule) -> None:
    tools = replace(bench.tools, sessions=sessionmaker())

    assert tick.tick(tools, bench.doorbell, no_chores) == 0


def test_one_ticks_at_a_time(bench: Bench, person: Person, no_chores: Schedule) -> None:
    person.upload(b"one")

    with bench.tools.sessions.begin() as session:
        assert session.scalar(select(func.pg_try_advisory_xact_lock(tick.LOCK)))
        assert tick.tick(bench.tools, bench.doorbell, no_chores) == 0

    assert tick.tick(bench.tools, bench.doorbell, no_chores) == 1


def test_each_chore_runs_when_its_time_has_come(bench: Bench) -> None:
    clock = ManualClock()
    ran: list[str] = []
    schedule = Schedule(
        clock,
        (
            Chore("often", 60, lambda _tools: ran.append("often")),
            Chore("rarely", 600, lambda _tools: ran.append("rarely")),
        ),
    )

    for _ in range(11):
        schedule.run_due(bench.tools)
        clock.advance(60)

    assert (ran.count("often"), ran.count("rarely")) == (11, 2)


def test_a_chore_that_fails_keeps_no_other_from_its_turn(bench: Bench) -> None:
    ran: list[str] = []

    def fail(_tools: Tools) -> None:
        raise OSError

    schedule = Schedule(
        ManualClock(),
        (Chore("fails", 60, fail), Chore("next", 60, lambda _tools: ran.append("next"))),
    )

    schedule.run_due(bench.tools)

    assert ran == ["next"]


def test_the_chores_clear_what_is_over(bench: Bench, person: Person) -> None:
    intake = person.intake()
    intake.start_file(["abandoned"], None)
    with bench.tools.sessions.begin() as session:
        session.add(
            SessionRow(
                user_id=person.user_id, token_sha256=b"-", kind="browser", expires_at=func.now()
            )
        )

    Schedule(ManualClock(), CHORES).run_due(bench.tools)

    with bench.tools.sessions() as session:
        assert session.scalar(select(func.count()).select_from(SessionRow)) == 0
    assert person.user().reserved_bytes > 0  # the request may still live


@pytest.fixture
def usual_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("usual_signals")
def test_tick_ends_at_sigterm_though_it_would_wait_long(bench: Bench, person: Person) -> None:
    person.upload(b"one")
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()

    tick.run(bench.tools, bench.doorbell)

    assert bench.doorbell.waiting() == 1
