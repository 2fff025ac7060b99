"""Memory stays flat whatever the size: a 2 GB file up, stored, and down."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.content import Content, upload
from tests.journey.client import Program
from tests.journey.house import House, start

SIZE = 2_000_000_000
LIMIT = 250 * 1000 * 1000

pytestmark = [pytest.mark.long, pytest.mark.real, pytest.mark.sim]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = start(tmp_path / "data", RATE_LIMITS="0")
    yield house
    house.stop()


def test_web_and_worker_stay_under_250_mb(house: House) -> None:
    content = Content(SIZE)
    digest = content.digest()
    owner = Program(house.base).register()
    for number in range(3):
        owner.link("google_drive", f"memory{number}@example.com")
    owner.link("onedrive", "work.memory@example.com")
    peaks: dict[str, int] = {}
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(house, peaks, ended))
    watcher.start()
    try:
        made = upload(owner, content)
        job = owner.wait_for_job(made["job_id"], 1200)
        assert job["state"] == "done"
        back = hashlib.sha256()
        for piece in owner.download(made["id"]):
            back.update(piece)
        assert back.hexdigest() == digest
    finally:
        ended.set()
        watcher.join()
    assert peaks["gunicorn"] < LIMIT, peaks
    assert peaks["worker"] < LIMIT, peaks


def _watch(house: House, peaks: dict[str, int], ended: threading.Event) -> None:
    while not ended.wait(0.2):
        for pid, command in house.descendants().items():
            for role in ("gunicorn", "worker"):
                if role in command and "postgres" not in command:
                    peaks[role] = max(peaks.get(role, 0), _resident_bytes(pid))


def _resident_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(lines[0].split()[1]) * 1024 if lines else 0
