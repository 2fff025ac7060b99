"""A web process group that tests start and kill, on a data folder that outlives it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from balancecloud.cli.embedded.valkey import Valkey
from tests.journey.house import ROOT, free_port
from tests.machines.machines import settings, wait_until
from tests.services.databases import Databases

START_SECONDS: Final = 60
TUS: Final = {"Tus-Resumable": "1.0.0"}
BODY: Final = {"Content-Type": "application/offset+octet-stream"}
PASSWORD: Final = "a long enough pass phrase"


@dataclass
class Web:
    """gunicorn with two processes; `kill` leaves them no last word."""

    folder: Path
    told: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        public = {"PUBLIC_URL": self.base, "DATA_DIR": str(self.folder), "WEB_CONCURRENCY": "2"}
        with (self.folder / "web.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"),
                    *("--bind", f"127.0.0.1:{self.port}", "wsgi:app"),
                ],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.told, **public},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, START_SECONDS)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "web.log").read_text()
        try:
            return requests.get(f"{self.base}/api/health/live", timeout=5).ok
        except requests.ConnectionError:
            return False


@contextmanager
def standing_web(folder: Path, databases: Databases, valkey: Valkey, **told: str) -> Iterator[Web]:
    """Run a web on a database of its own until the block ends, told this besides."""
    with databases.clean() as url:
        web = Web(folder, {**told_of(folder, url, valkey.url()), **told})
        web.start()
        yield web
        web.kill()


def told_of(folder: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """Return the settings of a web with a spool on its own disk."""
    told = settings(folder, database_url, redis_url, "")
    return {name: value for name, value in told.items() if not name.startswith("SPOOL_")}


@dataclass
class Client:
    """A person's program, by plain HTTP."""

    web: Web
    http: requests.Session = field(default_factory=requests.Session)

    def register(self, email: str) -> "Client":
        body = {"email": email, "password": PASSWORD}
        answer = self.http.post(f"{self.web.base}/api/auth/register", json=body, timeout=30)
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    @property
    def headers(self) -> dict[str, str]:
        return {**TUS, "Authorization": str(self.http.headers["Authorization"])}

    def create(self, length: int, told: str) -> str:
        headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": told}
        answer = self.http.post(f"{self.web.base}/api/uploads", headers=headers, timeout=30)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Location"])

    def offset(self, path: str) -> int:
        answer = self.http.head(self.web.base + urlsplit(path).path, headers=TUS, timeout=30)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def patch(self, path: str, offset: int, body: bytes) -> requests.Response:
        headers = {**TUS, **BODY, "Upload-Offset": str(offset)}
        return self.http.patch(self.web.base + path, data=body, headers=headers, timeout=60)

    def file(self, name: str) -> dict[str, Any]:
        listed = self.http.get(f"{self.web.base}/api/files", timeout=30).json()["files"]
        found: dict[str, Any] = next(file for file in listed if file["name"] == name)
        return found
