"""A reader that stalls is let go of, so that it holds no thread for ever (T-32)."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.journey.client import Program
from tests.journey.house import House, start

IDLE_SECONDS = 2
SIZE = 40 << 20  # more than the buffers of both sides hold

pytestmark = [pytest.mark.real, pytest.mark.sim, pytest.mark.timeout(180), pytest.mark.whole]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = start(tmp_path / "data", RATE_LIMITS="0", UPLOAD_IDLE_SECONDS=str(IDLE_SECONDS))
    yield house
    house.stop()


def test_t_32_a_stalled_reader_is_cut_off_and_a_living_one_is_not(house: House) -> None:
    owner = Program(house.base).register()
    content = os.urandom(SIZE)
    file = owner.upload("slow.bin", content)
    where = urlsplit(owner.base)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=30) as stalled:
        stalled.sendall(
            f"GET /api/files/{file['id']}/download HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Authorization: {owner.session.headers['Authorization']!s}\r\n\r\n".encode()
        )
        stalled.recv(1 << 10)
        _wait_until_let_go(house, stalled)
        received = _drain(stalled)
    assert received < SIZE
    assert b"".join(owner.download(file["id"])) == content


def _wait_until_let_go(house: House, stalled: socket.socket) -> None:
    """Wait until no process of the house holds the other end of this connection open."""
    port = f"{stalled.getsockname()[1]:04X}"
    deadline = house.seconds_from_now(30)
    while _is_established(port):
        house.wait(0.2, until=deadline)


def _is_established(port: str) -> bool:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    remote = [row for row in rows if row[2].endswith(f":{port}")]
    return any(row[3] == "01" for row in remote)


def _drain(stalled: socket.socket) -> int:
    total = 0
    try:
        while piece := stalled.recv(1 << 20):
            total += len(piece)
    except ConnectionResetError:
        pass
    return total
