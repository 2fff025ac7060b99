"""Two webs and three workers, each with a disk of its own: any of them may die."""

import hashlib
import http.client
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.app import build_gateway
from balancecloud.cli.embedded.valkey import Valkey
from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import from_environment
from balancecloud.library import abandoned
from balancecloud.library.gateway import Gateway
from cloudsim.app import Settings, running
from tests.journey.client import Program
from tests.machines.machines import (
    TICK,
    WEBS,
    WORKERS,
    Machines,
    settings,
    simulated_clouds,
    wait_until,
)
from tests.services import bucket_server
from tests.services.databases import Databases

MIB = 1 << 20

pytestmark = [pytest.mark.real, pytest.mark.sim, pytest.mark.timeout(180), pytest.mark.whole]


@dataclass
class World:
    """The machines, one person's program at each web, and what was acknowledged so far."""

    machines: Machines
    programs: dict[str, Program]
    gateway: Gateway
    kept: dict[str, bytes] = field(default_factory=dict)

    def upload(self, web: str, name: str, size: int) -> dict[str, str]:
        content = os.urandom(size)
        made = self.programs[web].upload(name, content)
        self.kept[made["id"]] = hashlib.sha256(content).digest()
        return {"id": made["id"], "job_id": made["job_id"]}

    def assert_nothing_is_lost(self, web: str) -> None:
        for file_id, digest in self.kept.items():
            assert self.programs[web].download_hash(file_id) == digest.hex()

    def assert_disks_hold_nothing(self) -> None:
        for name in (*WEBS, *WORKERS, TICK):
            assert list((self.machines.folder / name).rglob("*.part")) == []


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, valkey: Valkey
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("machines")
    bucket = bucket_server.start(folder)
    sim_settings = Settings(folder / "simulated", port=0)
    with databases.clean() as database_url, running(sim_settings) as sim:
        told = settings(folder, database_url, valkey.url(), bucket.url())
        machines = Machines(folder, told | simulated_clouds(folder, sim.url))
        engine = create_engine(database_url)
        try:
            machines.start_all()
            yield World(machines, _programs(machines), _gateway(machines, sessionmaker(engine)))
        finally:
            machines.stop_all()
            engine.dispose()
            bucket.stop()


def _programs(machines: Machines) -> dict[str, Program]:
    first = Program(machines.base(WEBS[0])).register()
    first.link("google_drive", "machines@example.com")
    first.link("onedrive", "work.machines@example.com")
    return {WEBS[0]: first, WEBS[1]: Program(machines.base(WEBS[1])).sign_in()}


def _gateway(machines: Machines, sessions: sessionmaker[Session]) -> Gateway:
    config = from_environment(machines.environment("looker"))
    return build_gateway(config, sessions, SYSTEM_CLOCK)


@pytest.mark.parametrize(("taker", "giver"), [WEBS, WEBS[::-1]])
def test_what_one_web_took_in_the_other_gives_out(world: World, taker: str, giver: str) -> None:
    made = world.upload(taker, f"by-{taker}.bin", 9 * MIB)
    before = world.programs[giver].download_hash(made["id"])
    job = world.programs[giver].wait_for_job(made["job_id"], 60)
    after = world.programs[giver].download_hash(made["id"])

    assert job["state"] == "done"
    assert before == after == world.kept[made["id"]].hex()
    assert list(world.gateway.spool.uploads()) == []
    world.assert_disks_hold_nothing()


def test_workers_that_die_in_the_middle_cost_nothing(world: World) -> None:
    made = world.upload(WEBS[0], "workers-die.bin", 32 * MIB)
    wait_until(lambda: _is_being_stored(world, made["job_id"]), 30)
    victims = world.machines.busy_workers()[:2]  # one stays, whoever has the file in hand
    for victim in victims:
        world.machines.kill(victim)
    try:
        job = world.programs[WEBS[1]].wait_for_job(made["job_id"], 90)
    finally:
        for victim in victims:
            world.machines.start(victim)
    assert victims

    assert job["state"] == "done"
    world.assert_nothing_is_lost(WEBS[1])


def _is_being_stored(world: World, job_id: str) -> bool:
    counts = world.programs[WEBS[0]].get(f"/api/jobs/{job_id}")["progress"]["bytes"]
    assert counts["stored"] < counts["total"]
    return bool(counts["sealed"])


@pytest.mark.long
def test_a_tick_that_dies_keeps_no_file_from_being_stored(world: World) -> None:
    world.machines.kill(TICK)
    try:
        made = world.upload(WEBS[1], "tick-dies.bin", 2 * MIB)
        job = world.programs[WEBS[0]].wait_for_job(made["job_id"], 60)
    finally:
        world.machines.start(TICK)

    assert job["state"] == "done"
    world.assert_nothing_is_lost(WEBS[0])


@pytest.mark.long
@pytest.mark.parametrize(
    ("victim", "other"), [WEBS, pytest.param(*WEBS[::-1], marks=pytest.mark.long)]
)
def test_a_web_that_dies_in_an_upload_loses_nothing_acknowledged_and_leaves_nothing(
    world: World, victim: str, other: str
) -> None:
    before = world.upload(victim, f"before-{victim}.bin", 5 * MIB)
    world.programs[other].wait_for_job(before["job_id"], 60)
    cut = _begin_upload(world.machines.ports[victim], world.programs[victim])
    wait_until(lambda: list(world.gateway.spool.uploads()), 20)
    last = world.upload(victim, f"last-{victim}.bin", 5 * MIB)
    world.machines.kill(victim)
    try:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            cut.getresponse()
        during = world.upload(other, f"during-{victim}.bin", 5 * MIB)
        for made in (last, during):
            assert world.programs[other].wait_for_job(made["job_id"], 60)["state"] == "done"
        world.assert_nothing_is_lost(other)
        _let_leases_end(world.gateway)
        abandoned.sweep(world.gateway)
    finally:
        world.machines.start(victim)
        world.machines.wait_for(victim)

    assert list(world.gateway.spool.uploads()) == []
    world.assert_disks_hold_nothing()


def _begin_upload(port: int, program: Program) -> http.client.HTTPConnection:
    """Send the first half of a file of 12 MiB: one segment and a part of the next."""
    head = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="cut.bin"\r\n\r\n'
        + os.urandom(6 * MIB)
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", "/api/files/upload")
    connection.putheader("Authorization", str(program.session.headers["Authorization"]))
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(12 * MIB))
    connection.endheaders(head)
    return connection


def _let_leases_end(gateway: Gateway) -> None:
    """Let the time pass after which an upload of which nothing is heard counts as abandoned."""
    with gateway.sessions.begin() as session:
        session.execute(text("UPDATE uploads SET lease_until = now() - interval '1 second'"))
