"""Workers as processes: killed in mid-job, asked to end, emptied of Redis; one result each time."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from redis import Redis

from balancecloud.clouds.folder import Folder
from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.jobs import tick
from balancecloud.jobs.bench import Bench
from balancecloud.jobs.schedule import Schedule
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobState
from balancecloud.storage.tools import Tools
from tests.fakes.manual_clock import ManualClock
from tests.jobs.worker_process import Settings, place
from tests.storage.world import CHUNK, Person

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

CHUNKS = 16


class Crew:
    """Starts worker processes, ticks for them, and waits for what they do."""

    def __init__(self, bench: Bench, settings: Settings, folder: Path) -> None:
        self._bench = bench
        self._file = folder / "settings.json"
        self._file.write_text(json.dumps(asdict(settings)))
        self._log = folder / "worker.log"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.jobs.worker_process", str(self._file)]
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, stderr=log, stdout=log)
        self.processes.append(process)
        return process

    def log(self) -> str:
        return self._log.read_text()

    def until(self, reached: Callable[[], bool], *, ticking: bool = False) -> None:
        schedule = Schedule(ManualClock(), ())
        for _ in range(900):
            if reached():
                return
            if ticking:
                tick.tick(self._bench.tools, self._bench.doorbell, schedule)
            threading.Event().wait(0.1)
        raise AssertionError(self.log())

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def settings(config: Config, tmp_path: Path) -> Settings:
    return Settings(
        database_url=config.database_url,
        redis_url=config.redis_url,
        queue_key=base64.b64encode(config.queue_key.reveal()).decode(),
        master_key=base64.b64encode(config.master_keys[1].reveal()).decode(),
        data_dir=str(config.data_dir),
        clouds=str(tmp_path / "clouds"),
    )


@pytest.fixture
def owner(made: tuple[Tools, dict[uuid.UUID, Provider]], settings: Settings) -> Person:
    """A person with three folders that the worker process opens too."""
    person = Person.new(*made)
    for _ in range(3):
        account_id = person.link()
        folder = Folder(place(settings, account_id), [Path(settings.clouds)])
        folder.ensure_place()
        person.providers[account_id] = folder
    return person


@pytest.fixture
def crew(bench: Bench, settings: Settings, tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(bench, settings, tmp_path)
    yield crew
    crew.end()


def job_of(person: Person, job_id: uuid.UUID) -> Job:
    return person.job(job_id)


def has_begun(person: Person, job_id: uuid.UUID) -> Callable[[], bool]:
    return lambda: 3 <= job_of(person, job_id).shards_done < 2 * CHUNKS  # of three times as many


def is_done(person: Person, job_id: uuid.UUID) -> Callable[[], bool]:
    return lambda: job_of(person, job_id).state is JobState.DONE


def test_f_03_a_worker_killed_in_mid_job_leaves_one_result(
    bench: Bench, owner: Person, crew: Crew
) -> None:
    content = os.urandom(CHUNKS * CHUNK)
    arrived = owner.upload(content)
    worker = crew.start()
    bench.doorbell.ring(arrived.work_ids[0])
    crew.until(has_begun(owner, arrived.job_id))

    _kill_with_children(worker)
    crew.start()
    crew.until(is_done(owner, arrived.job_id), ticking=True)

    assert owner.read(owner.version(arrived).id) == content
    owner.check_settled()


def _kill_with_children(worker: subprocess.Popen[bytes]) -> None:
    """Kill the process that stores first, so that it has no time to hear of anything."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    assert children
    worker.send_signal(signal.SIGSTOP)
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    worker.kill()
    worker.wait()


def test_f_39_a_worker_asked_to_end_hands_its_work_on(
    bench: Bench, owner: Person, crew: Crew
) -> None:
    content = os.urandom(CHUNKS * CHUNK)
    arrived = owner.upload(content)
    worker = crew.start()
    bench.doorbell.ring(arrived.work_ids[0])
    crew.until(has_begun(owner, arrived.job_id))

    worker.terminate()

    assert worker.wait(timeout=10) == 0
    assert bench.doorbell.waiting() == 1
    crew.start()
    crew.until(is_done(owner, arrived.job_id))
    owner.check_settled()


def test_f_11_two_workers_and_many_rings_give_one_result(
    bench: Bench, owner: Person, crew: Crew, redis: Redis
) -> None:
    contents = [os.urandom(4 * CHUNK) for _ in range(6)]
    arrived = owner.upload(*contents)
    for _ in range(2):
        crew.start()
    for work_id in arrived.work_ids * 3:
        bench.doorbell.ring(work_id)

    crew.until(is_done(owner, arrived.job_id))

    job = job_of(owner, arrived.job_id)
    assert (job.files_stored, job.files_failed) == (6, 0)
    owner.check_settled()


def test_q_05_a_ring_for_anything_does_only_what_is_due(
    bench: Bench, owner: Person, crew: Crew
) -> None:
    stranger = Person.new(bench.tools, owner.providers)
    waiting = stranger.upload(b"theirs")
    with bench.tools.sessions.begin() as session:
        session.get_one(Job, waiting.job_id).state = JobState.CANCELLING
    arrived = owner.upload(b"mine")
    crew.start()

    bench.doorbell.ring(uuid.uuid4())
    crew.until(is_done(owner, arrived.job_id))

    assert stranger.job(waiting.job_id).state is not JobState.DONE
    assert owner.read(owner.version(arrived).id) == b"mine"


def test_l_01_the_log_of_a_worker_tells_no_names(bench: Bench, owner: Person, crew: Crew) -> None:
    arrived = owner.upload(b"content-canary", name="name-canary")
    crew.start()
    bench.doorbell.ring(arrived.work_ids[0])
    crew.until(is_done(owner, arrived.job_id))

    assert "canary" not in crew.log()
