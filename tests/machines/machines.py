"""Processes that stand for machines: each has a data folder that no other one knows."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import requests

from tests.journey.house import ROOT, free_port, process_table
from tests.services.bucket_server import KEY_ID, SECRET_KEY

START_SECONDS: Final = 90
WEBS: Final = ("web-1", "web-2")
WORKERS: Final = ("worker-1", "worker-2", "worker-3")
TICK: Final = "tick"
FIVE: Final = ("SECRET_KEY", "TOKEN_KEY", "QUEUE_KEY", "PEPPER", "MASTER_KEY")


@dataclass
class Machines:
    """Two webs, three workers and a tick; all are told the same, but where their own disk is."""

    folder: Path
    told: dict[str, str]
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in WEBS})
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_all(self) -> None:
        for name in (*WEBS, *WORKERS, TICK):
            self.start(name)
        for name in WEBS:
            self.wait_for(name)

    def start(self, name: str) -> None:
        """Start one; `wait_for` says when a web is ready."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *self._arguments(name)],
                cwd=ROOT,
                env=self.environment(name),
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """Let a machine die: the process and its children, without a last word."""
        process = self.running.pop(name)
        table = process_table()
        family = {process.pid}
        while more := {pid for pid, (parent, _) in table.items() if parent in family} - family:
            family |= more
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def base(self, name: str) -> str:
        return f"http://localhost:{self.ports[name]}"

    def wait_for(self, web: str) -> None:
        """Wait until a web answers and finds everything well."""
        wait_until(lambda: self._is_well(web), START_SECONDS)

    def busy_workers(self) -> list[str]:
        """Return the workers that have something in hand."""
        parents = {parent for parent, _ in process_table().values()}
        return [name for name in WORKERS if self.running[name].pid in parents]

    def environment(self, name: str) -> dict[str, str]:
        own = self.folder / name
        own.mkdir(mode=0o700, exist_ok=True)
        public = {"PUBLIC_URL": self.base(WEBS[0]), "DATA_DIR": str(own), "WEB_CONCURRENCY": "1"}
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.told, **public}

    def _arguments(self, name: str) -> list[str]:
        if name not in WEBS:
            return ["-m", "balancecloud.cli", name.partition("-")[0]]
        bind = f"127.0.0.1:{self.ports[name]}"
        return ["-m", "gunicorn", "--config", "gunicorn.conf.py", "--bind", bind, "wsgi:app"]

    def _is_well(self, web: str) -> bool:
        assert self.running[web].poll() is None, (self.folder / f"{web}.log").read_text()
        try:
            answer = requests.get(f"{self.base(web)}/api/health", timeout=5).json()
        except (requests.ConnectionError, ValueError):
            return False
        return bool(answer["status"] == "ok")


def settings(folder: Path, database_url: str, redis_url: str, spool_url: str) -> dict[str, str]:
    """Return what every machine is told: the same servers, the same secrets, one bucket."""
    told = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SPOOL_URL": spool_url,
        "SPOOL_KEY_ID": KEY_ID,
        "SPOOL_SECRET_KEY_FILE": _secret(folder, "spool_secret_key", SECRET_KEY),
        "RATE_LIMITS": "0",
        "LEASE_SECONDS": "4",
        "HEARTBEAT_SECONDS": "1",
        "TICK_SECONDS": "1",
    }
    for name in FIVE:
        told[f"{name}_FILE"] = _secret(folder, name.lower(), secrets.token_hex(32))
    _secret(folder, "master_key", "1:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=")
    return told


def simulated_clouds(folder: Path, simulator_url: str) -> dict[str, str]:
    """Return what says that the clouds are simulated there."""
    client = {"GOOGLE_CLIENT_ID": "balancecloud-demo", "MICROSOFT_CLIENT_ID": "balancecloud-demo"}
    secret = _secret(folder, "simulated_client", "simulated-not-secret")
    files = dict.fromkeys(("GOOGLE_CLIENT_SECRET_FILE", "MICROSOFT_CLIENT_SECRET_FILE"), secret)
    return {"SIMULATOR_URL": simulator_url, **client, **files}


def wait_until(is_so: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _secret(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(content)
    return str(path)
