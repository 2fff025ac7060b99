"""The whole embedded shape as a process of its own, started the way `make run` starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class House:
    """A running BalanceCloud with its data folder."""

    process: subprocess.Popen[bytes]
    base: str
    data_dir: Path
    console: Path

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)

    def seconds_from_now(self, seconds: float) -> float:
        """Return a deadline for `wait`."""
        return time.monotonic() + seconds

    def wait(self, seconds: float, until: float) -> None:
        """Let time pass; fails once the deadline has."""
        assert time.monotonic() < until
        time.sleep(seconds)

    def descendants(self) -> dict[int, str]:
        """Return every process of this house that runs now, with its command line."""
        found: dict[int, str] = {}
        parents = {self.process.pid}
        pending = True
        table = process_table()
        while pending:
            more = {pid for pid, (parent, _) in table.items() if parent in parents} - parents
            pending = bool(more)
            parents |= more
        for pid in parents - {self.process.pid}:
            found[pid] = table[pid][1]
        return found

    @property
    def simulator(self) -> str:
        """Where the simulated clouds answer."""
        for command in self.descendants().values():
            if "cloudsim" in command and "--port" in command:
                words = command.split()
                return f"http://127.0.0.1:{words[words.index('--port') + 1]}"
        raise AssertionError("No simulator is running.")


def start(data_dir: Path, **settings: str) -> House:
    port = free_port()
    console = data_dir.parent / f"{data_dir.name}.console"
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
        "PORT": str(port),
        "DATA_DIR": str(data_dir),
        **settings,
    }
    with console.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "balancecloud.cli", "up"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    house = House(process, f"http://localhost:{port}", data_dir, console)
    _wait_until_ready(house)
    return house


def _wait_until_ready(house: House) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert house.process.poll() is None, house.console.read_text()
        try:
            health = requests.get(f"{house.base}/api/health", timeout=2).json()
        except (requests.ConnectionError, ValueError):
            health = {}
        if health.get("status") == "ok":
            return
        time.sleep(0.2)
    raise AssertionError(house.console.read_text())


def process_table() -> dict[int, tuple[int, str]]:
    table: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        table[int(entry.name)] = (parent, command)
    return table
