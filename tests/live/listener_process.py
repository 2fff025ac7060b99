"""A worker process of our own code, and the key it shares with whoever rings."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from balancecloud.config import Secret

KEY = Secret(bytes(range(32)))


class Helper:
    """A worker process of our own code that writes each id it is rung for into a file."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.answered = folder / "answered"
        self.log = folder / "log"
        self._url = redis_url
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, then: str = "pass") -> None:
        code = f"""
import threading, time, uuid
from pathlib import Path
from redis import Redis
from balancecloud.config import Secret
from balancecloud.live.listener import Listener, listen

Listener.last_seconds = 2.0
stopping = threading.Event()

def look(row):
    with Path({str(self.answered)!r}).open("a") as file:
        file.write(str(row) + chr(10))
    {then}

listen(Redis.from_url({self._url!r}), Secret(bytes(range(32))), {{"look": look}}, stopping)
"""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen([sys.executable, "-c", code], stderr=log, stdout=log)

    def rows(self) -> list[str]:
        return self.answered.read_text().split() if self.answered.exists() else []

    def wait_for(self, count: int) -> list[str]:
        for _ in range(400):
            if len(self.rows()) >= count:
                break
            threading.Event().wait(0.05)
        return self.rows()

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        if self._process is None:
            return None
        if self._process.poll() is None:
            os.kill(self._process.pid, number)
        return self._process.wait(timeout=20)
