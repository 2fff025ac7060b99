"""`balancecloud up` as a process of its own, and what it leaves behind."""

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from balancecloud.cli.embedded import ports
from balancecloud.cli.embedded.leftovers import start_time

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "balancecloud.cli"]
GREETED_SECONDS = 60


@dataclass
class Launcher:
    """One `balancecloud up` with its data folder and port."""

    data_dir: Path
    port: int
    process: subprocess.Popen[str]
    console: Path

    def says(self) -> str:
        return self.console.read_text()

    def wait_for(self, words: str, seconds: float = GREETED_SECONDS) -> None:
        """Wait until it has said something."""
        wait_until(lambda: words in self.says() or self.process.poll() is not None, seconds)
        assert words in self.says(), self.says()

    def get(self, path: str) -> requests.Response:
        """Ask the web, under the name it goes by."""
        address = re.search(r"Open +(\S+)", self.says())
        assert address is not None
        host = {"Host": urlsplit(address[1]).netloc}
        return requests.get(f"http://127.0.0.1:{self.port}{path}", headers=host, timeout=5)

    def is_healthy(self) -> bool:
        try:
            return bool(self.get("/api/health").json()["status"] == "ok")
        except (OSError, ValueError):
            return False

    def is_another(self, name: str, before: int) -> bool:
        """Whether the child runs as another process; one that is just being replaced does not."""
        try:
            return self.child(name) != before
        except FileNotFoundError:
            return False

    def child(self, name: str) -> int:
        """Return the number of a child's process."""
        return int((self.data_dir / "pids" / name).read_text().split()[0])

    def family(self) -> dict[int, str | None]:
        """Return its living descendants, each with the time it began."""
        parents = processes_with_parents()
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return {pid: start_time(pid) for pid in found - {self.process.pid}}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


@contextlib.contextmanager
def launched(data_dir: Path, **settings: str) -> Iterator[Launcher]:
    """Start it, wait until it greets, end it afterwards if the test has not."""
    launcher = begin(data_dir, **settings)
    try:
        launcher.wait_for("BalanceCloud is running.")
        yield launcher
    finally:
        if launcher.process.poll() is None:
            launcher.stop()


def begin(data_dir: Path, **settings: str) -> Launcher:
    """Start it without waiting."""
    port = int(settings.pop("PORT", "0")) or ports.free_port()
    console = data_dir.parent / f"console-{secrets.token_hex(4)}"
    with console.open("w") as output:
        process = subprocess.Popen(
            [*COMMAND, "up"],
            cwd=ROOT,
            env=environment(DATA_DIR=str(data_dir), PORT=str(port), **settings),
            stdout=output,
            stderr=output,
            text=True,
        )
    return Launcher(data_dir, port, process, console)


def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *words],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )


def environment(**settings: str) -> dict[str, str]:
    """Return what a command is told, without what this test run was told."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **settings}


def processes_with_parents() -> dict[int, int]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    return {int(pid): int(parent) for pid, parent in re.findall(r"(\d+)\s+(\d+)", listed.stdout)}


def still_there(family: dict[int, str | None]) -> list[int]:
    """Return which of these processes live on."""
    return [pid for pid, began in family.items() if began and start_time(pid) == began]


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition, at most this long; the caller asserts it."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
