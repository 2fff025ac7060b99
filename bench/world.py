"""One house over one simulator, with a person whose four accounts have the same weather."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.content import MB, Content, upload
from tests.cloudsim.client import Browser
from tests.journey.client import Program
from tests.journey.house import House, start

LINK = 20 * MB
LATENCY = 0.08
STORE_SECONDS = 1800
POLL_SECONDS = 0.25  # each question costs the web some milliseconds that others could use
STOP_SECONDS = 120
# Provider as we call it, as the simulator calls it, and whose account it is.
ACCOUNTS = (
    ("google_drive", "google", "one@example.com"),
    ("google_drive", "google", "two@example.com"),
    ("google_drive", "google", "three@example.com"),
    ("onedrive", "microsoft", "work.four@example.com"),
)
SPARE = ("google_drive", "google", "spare@example.com")
# Accounts that only the peer uses.
PEERS = (
    ("google", "peer@example.com"),
    ("google", "peer-two@example.com"),
    ("google", "peer-three@example.com"),
    ("microsoft", "work.peer@example.com"),
)
SETTINGS = {
    "DEMO": "0",
    "RATE_LIMITS": "0",
    "CACHE_BYTES": "0",  # every read is one from the clouds
    "GOOGLE_CLIENT_ID": "balancecloud-demo",
    "MICROSOFT_CLIENT_ID": "balancecloud-demo",
}
SECRETS = ("GOOGLE_CLIENT_SECRET_FILE", "MICROSOFT_CLIENT_SECRET_FILE")


@dataclass(frozen=True)
class Simulator:
    """A simulator in a process of its own; clients of the real hosts' names reach it too."""

    url: str
    authority: str
    proxy: str
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def browser(self) -> Browser:
        """Looks behind the simulator's back."""
        return Browser(self.url)

    def weather(self, **conditions: Any) -> None:
        """Set the same conditions over each account, ours and the peer's."""
        ours = [(kind, address) for _, kind, address in (*ACCOUNTS, SPARE)]
        for kind, address in (*ours, *PEERS):
            self.conditions(kind, address, **conditions)

    def conditions(self, kind: str, address: str, **conditions: Any) -> None:
        """Set the conditions over one account."""
        self.browser.control("PUT", f"weather/conditions/{kind}/{address}", conditions)

    def objects(self, kind: str, address: str) -> list[dict[str, Any]]:
        """Return what lies in an account, without its folders."""
        found = self.browser.control("GET", f"accounts/{kind}/{address}/objects")["objects"]
        return [one for one in found if not one["folder"]]

    def shards(self) -> int:
        """Return how many objects lie in our four accounts."""
        return sum(len(self.objects(kind, address)) for _, kind, address in ACCOUNTS)

    def forget_log(self) -> None:
        self.browser.control("DELETE", "log")

    def log(self) -> list[dict[str, Any]]:
        """Return what was asked since the log was forgotten, 20,000 requests at most."""
        found: list[dict[str, Any]] = self.browser.control("GET", "log")["requests"]
        return found


@dataclass(frozen=True)
class World:
    """All that one row of the table is measured in."""

    house: House
    sim: Simulator
    program: Program
    folder: Path
    account_ids: tuple[str, ...]  # as we call them, in the order of ACCOUNTS

    def upload(self, content: Content, name: str = "source.bin") -> dict[str, str]:
        return upload(self.program, content, name)

    def wait_until_stored(self, made: dict[str, str]) -> None:
        self.wait_for_job(made["job_id"])

    def wait_for_job(self, job_id: str) -> None:
        """Return when the job is done; RuntimeError when it ends otherwise."""
        deadline = time.monotonic() + STORE_SECONDS
        while (state := self.program.get(f"/api/jobs/{job_id}")["state"]) != "done":
            if state in {"failed", "cancelled"} or time.monotonic() > deadline:
                raise RuntimeError(f"The job's state was {state} at last.")
            time.sleep(POLL_SECONDS)

    def store(self, content: Content, name: str = "source.bin") -> str:
        """Upload a file, wait until it is stored, and return its id."""
        made = self.upload(content, name)
        self.wait_until_stored(made)
        return made["id"]

    def read(self, file_id: str, digest: str) -> None:
        """Download a file; RuntimeError when it is not the same."""
        if self.program.download_hash(file_id) != digest:
            raise RuntimeError("The file did not come back equal.")


@contextmanager
def world(folder: Path, *, keeps_bytes: bool = True) -> Iterator[World]:
    """Start everything with fair weather; it is gone when the block ends.

    A simulator that keeps no bytes takes over once the accounts are linked: linking reads back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with simulator(folder / "sim") as sim:
        secret = folder / "client_secret"
        secret.touch(mode=0o600)
        secret.write_text("simulated-not-secret\n")
        told = {**SETTINGS, **{name: str(secret) for name in SECRETS}}
        house = start(folder / "data", **told, SIMULATOR_URL=sim.url)
        try:
            program = Program(house.base).register()
            linked = [program.link(provider, address) for provider, _, address in ACCOUNTS]
            ids = tuple(one["account_id"] for one in linked)
            if keeps_bytes:
                yield World(house, sim, program, folder, ids)
                return
            with counting_from_now_on(sim, folder / "sim") as counting:
                yield World(house, counting, program, folder, ids)
        finally:
            _stop(house)


def _stop(house: House) -> None:
    """End it; what was measured is not lost because a busy machine is slow to end."""
    house.process.terminate()
    house.process.wait(STOP_SECONDS)


@contextmanager
def counting_from_now_on(sim: Simulator, data: Path) -> Iterator[Simulator]:
    """Put one that only hashes and counts bodies at the same address."""
    sim.process.terminate()
    sim.process.wait()
    port = urlsplit(sim.url).port or 0
    with simulator(data, bodies="count", port=port) as counting:
        yield counting


@contextmanager
def simulator(data: Path, *, bodies: str = "keep", port: int = 0) -> Iterator[Simulator]:
    """Run a simulator that old clients of the real hosts understand as well."""
    command = [
        *(sys.executable, "-m", "cloudsim", "--port", str(port), "--control", "--compat"),
        *("--tls", "--proxy-port", "0", "--bodies", bodies, "--data", str(data)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(3)]
            if not all(said):
                raise RuntimeError("The simulator did not start.")
            url = said[0].split()[3].rstrip(",").replace("https:", "http:")
            yield Simulator(url, said[1].split()[-1], said[2].split()[-1], process)
        finally:
            process.terminate()
