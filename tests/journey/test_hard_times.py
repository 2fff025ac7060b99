"""What goes wrong while files are on their way: killed workers, emptied queues, lost accounts."""

import hashlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.journey.client import Program
from tests.journey.clouds import objects_at_the_clouds
from tests.journey.house import House, start

MIB = 1 << 20

pytestmark = [pytest.mark.real, pytest.mark.sim, pytest.mark.timeout(300), pytest.mark.whole]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = start(
        tmp_path_factory.mktemp("hard") / "data",
        RATE_LIMITS="0",
        LEASE_SECONDS="4",
        HEARTBEAT_SECONDS="1",
        TICK_SECONDS="1",
    )
    yield house
    house.stop()


@pytest.fixture(scope="module")
def owner(house: House) -> Program:
    program = Program(house.base).register()
    program.link("google_drive", "hard@example.com")
    program.link("onedrive", "work.hard@example.com")
    program.link_folder(house.data_dir / "folders" / "nas")
    return program


def test_f_06_a_worker_killed_in_mid_job_leaves_one_copy_of_everything(
    owner: Program, house: House
) -> None:
    content = os.urandom(150 * MIB)
    file = owner.upload("killed.bin", content)
    _wait_until_some_is_stored(owner, file["job_id"])
    for pid, command in house.descendants().items():
        if "worker" in command and "postgres" not in command:
            os.kill(pid, signal.SIGKILL)
    job = owner.wait_for_job(file["job_id"], 120)
    assert job["state"] == "done"
    assert owner.download_hash(file["id"]) == hashlib.sha256(content).hexdigest()
    _assert_one_copy_of_everything(owner, house)


def test_losing_the_queue_costs_seconds_never_work(owner: Program, house: House) -> None:
    content = os.urandom(80 * MIB)
    file = owner.upload("queue.bin", content)
    for pid, command in house.descendants().items():
        if "valkey-server" in command:
            os.kill(pid, signal.SIGKILL)
    job = owner.wait_for_job(file["job_id"], 120)
    assert job["state"] == "done"
    assert owner.download_hash(file["id"]) == hashlib.sha256(content).hexdigest()


def test_with_one_account_gone_every_file_reads(owner: Program, house: House) -> None:
    content = os.urandom(25 * MIB)
    file = owner.upload("survivor.bin", content)
    owner.wait_for_job(file["job_id"])
    for path in (house.data_dir / "folders").rglob("*"):
        if path.is_file() and len(path.name) == 32:
            path.unlink()
    assert owner.download_hash(file["id"]) == hashlib.sha256(content).hexdigest()


def test_a_body_cut_anywhere_leaves_nothing(owner: Program, house: House) -> None:
    before = _kept(owner)
    head = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="cut.bin"\r\n\r\n'
        + os.urandom(3 * MIB)
    )
    for kept in (40, 200, len(head)):
        _send_cut_body(owner, head[:kept], declared=5 * MIB)
    deadline = time.monotonic() + 30
    spool = house.data_dir / "spool"
    # The rows go first, in one transaction; the sealed bytes that nobody can open then follow.
    while _kept(owner) != before or list(spool.glob("??/*")):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _kept(owner: Program) -> tuple[int, dict[str, object]]:
    return owner.get("/api/files")["total"], owner.get("/api/files/storage/usage")


def test_a_person_sees_nothing_of_another(owner: Program, house: House) -> None:
    file = owner.upload("mine.bin", b"mine")
    owner.wait_for_job(file["job_id"])
    stranger = Program(house.base, "stranger@example.com").register()
    for path in ("", "/download", "/placement"):
        answer = stranger.session.get(f"{house.base}/api/files/{file['id']}{path}", timeout=20)
        missing = stranger.session.get(f"{house.base}/api/files/{file['job_id']}{path}", timeout=20)
        assert answer.status_code == missing.status_code == 404
        assert answer.json() == missing.json()


def _wait_until_some_is_stored(owner: Program, job_id: str) -> None:
    deadline = time.monotonic() + 60
    while owner.get(f"/api/jobs/{job_id}")["progress"]["bytes"]["stored"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _assert_one_copy_of_everything(owner: Program, house: House) -> None:
    """Every object at the clouds belongs to exactly one shard of the index, and the reverse."""
    shards = 0
    for file in owner.get("/api/files")["files"]:
        placed = owner.get(f"/api/files/{file['id']}/placement")
        shards += sum(len(chunk["shards"]) for chunk in placed["chunks"])
    names = objects_at_the_clouds(house.data_dir)
    assert len(names) == len(set(names)) == shards


def _send_cut_body(owner: Program, body: bytes, declared: int) -> None:
    where = urlsplit(owner.base)
    with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
        authorization = str(owner.session.headers["Authorization"])
        connection.sendall(
            f"POST /api/files/upload HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Authorization: {authorization}\r\nContent-Length: {declared}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
        )
        connection.sendall(body)
