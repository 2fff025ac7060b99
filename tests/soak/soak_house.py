"""A whole BalanceCloud of processes that may each be killed, over a simulator with control."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests
from sqlalchemy import Engine, create_engine, text

from tests.journey.house import ROOT, free_port
from tests.machines.machines import FIVE, Machines, settings, simulated_clouds

STEADY: Final = ("web-1", "worker-1")  # never killed: their memory is looked at
MORTAL: Final = ("web-2", "worker-2", "tick")
SIMULATED: Final = {"google_drive": "google", "onedrive": "microsoft"}
# As `balancecloud up` and the Dockerfile run it.
MALLOC: Final = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
LEASE: Final = {"LEASE_SECONDS": "6", "HEARTBEAT_SECONDS": "2", "TICK_SECONDS": "1"}


class OneMachine(Machines):
    """Two webs, two workers and a tick that share a machine: one data folder, one spool."""

    def environment(self, name: str) -> dict[str, str]:
        shared = self.folder / "data"
        shared.mkdir(mode=0o700, exist_ok=True)
        return {**super().environment(name), **MALLOC, "DATA_DIR": str(shared)}

    def start_missing(self) -> None:
        """Start whoever does not run, and wait for the webs."""
        for name in (*STEADY, *MORTAL):
            if name not in self.running:
                self.start(name)
        self.wait_for("web-1")
        self.wait_for("web-2")


@dataclass
class Sky:
    """The simulator's control interface."""

    url: str

    def preset(self, provider: str, address: str, name: str) -> None:
        """Let this weather stand over an account."""
        path = f"weather/presets/{SIMULATED[provider]}/{address}"
        self._call("PUT", path, json={"preset": name})

    def set_conditions(self, provider: str, address: str, **conditions: object) -> None:
        """Let these conditions, and only these, stand over an account."""
        path = f"weather/conditions/{SIMULATED[provider]}/{address}"
        self._call("PUT", path, json=conditions)

    def requests(self, address: str) -> list[dict[str, Any]]:
        """Return what was asked of the accounts of this address, oldest first."""
        found: list[dict[str, Any]] = self._call("GET", "log")["requests"]
        return [one for one in found if one["account"] == address]

    def add_rule(self, rule: dict[str, Any]) -> None:
        """Let calls be hit by this rule."""
        self._call("POST", "weather/rules", json=rule)

    def clear(self, seed: int) -> None:
        """Let the weather be fair everywhere; what is set from now on follows the seed."""
        self._call("DELETE", "weather")
        self._call("PUT", "weather/seed", json={"seed": seed})

    def shards(self, provider: str, address: str) -> dict[str, str]:
        """Return the names of our objects that an account keeps, bins included, by their ids."""
        answer = self._call("GET", f"accounts/{SIMULATED[provider]}/{address}/objects")
        ours = [one for one in answer["objects"] if not one["folder"] and len(one["name"]) == 32]
        return {one["id"]: one["name"] for one in ours}

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = requests.request(method, f"{self.url}/_sim/{path}", timeout=60, **options)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found


@dataclass
class SoakHouse:
    """The processes, the sky over them, and the database they write to."""

    machines: OneMachine
    sky: Sky
    engine: Engine
    began: float = field(default_factory=time.monotonic)

    def rows(self, query: str, **values: object) -> list[Any]:
        """Return what the database says."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values).all())

    def number(self, query: str, **values: object) -> int:
        """Return a number that the database says."""
        return int(self.rows(query, **values)[0][0])

    @property
    def spool(self) -> Path:
        """Where sealed parts of what arrives are kept."""
        return self.machines.folder / "data" / "spool"

    def logs(self) -> dict[str, str]:
        """Return what each process wrote."""
        logs = self.machines.folder.glob("*.log")
        return {path.stem: path.read_text(errors="replace") for path in logs}

    def secrets(self) -> list[str]:
        """Return what no log may hold."""
        files = [self.machines.folder / name.lower() for name in FIVE]
        return [path.read_text().rpartition(":")[2] for path in files]


@contextmanager
def soak_house(folder: Path, database_url: str, redis_url: str) -> Iterator[SoakHouse]:
    """Run the house; everything of it ends with the context."""
    url = f"http://127.0.0.1:{free_port()}"
    with _simulator(folder, url):
        told = settings(folder, database_url, redis_url, spool_url="")
        told |= simulated_clouds(folder, url) | LEASE
        machines = OneMachine(folder, told)
        engine = create_engine(database_url)
        try:
            machines.start_missing()
            yield SoakHouse(machines, Sky(url), engine)
        finally:
            machines.stop_all()
            engine.dispose()


@contextmanager
def _simulator(folder: Path, url: str) -> Iterator[None]:
    arguments = ["--control", "--port", url.rpartition(":")[2], "--data", str(folder / "clouds")]
    with (folder / "simulator.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cloudsim", *arguments], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        _wait_for(url)
        yield
    finally:
        process.terminate()
        process.wait(15)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            requests.get(f"{url}/_sim/accounts", timeout=5)
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
