"""A worker whose work is paused: it ends within two seconds, and goes on when it is resumed."""

import secrets
import uuid
from dataclasses import replace

import pytest

from balancecloud.jobs.bench import Bench, Stop
from balancecloud.jobs.look import DUTIES, look
from balancecloud.library import job_pausing
from balancecloud.models.jobs import Work
from balancecloud.models.states import JobState, WorkKind, WorkState
from balancecloud.storage.work import Claim
from tests.fakes.manual_clock import ManualClock
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real


def pause(person: Person, job_id: uuid.UUID) -> None:
    with person.tools.sessions.begin() as session:
        job_pausing.pause(session, person.user_id, job_id)


def test_check_25_a_paused_job_stops_within_two_seconds_and_goes_on_when_resumed(
    bench: Bench, person: Person
) -> None:
    clock = ManualClock()
    bench = replace(bench, tools=replace(bench.tools, clock=clock))
    content = secrets.token_bytes(2 * CHUNK)
    arrived = person.upload(content)
    passed: list[float] = []

    def pause_on_the_way(bench: Bench, claim: Claim, stop: Stop) -> None:
        stop()
        pause(person, arrived.job_id)
        for _ in range(10):
            clock.advance(0.5)
            passed.append(0.5)
            stop()

    look(bench, {**DUTIES, WorkKind.STORE: pause_on_the_way})

    assert sum(passed) <= 2
    assert person.job(arrived.job_id).state is JobState.PAUSED
    with person.tools.sessions() as session:
        row = session.get_one(Work, arrived.work_ids[0])
        assert (row.state, row.attempt) == (WorkState.DUE, 0)
    look(bench)
    assert person.objects() == set()

    with person.tools.sessions.begin() as session:
        job_pausing.resume(session, person.user_id, arrived.job_id)
    look(bench)
    assert person.job(arrived.job_id).state is JobState.DONE
    assert person.read(person.version(arrived).id) == content
    person.check_settled()
