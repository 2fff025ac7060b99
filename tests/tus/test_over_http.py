"""Independent clients, lines that break and servers that die: the offset is always the truth."""

import hashlib
import http.client
import json
import secrets
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from balancecloud.cli.embedded.valkey import Valkey
from tests.journey.house import ROOT
from tests.machines.machines import wait_until
from tests.services.databases import Databases
from tests.tus.webs import BODY, TUS, Client, Web, standing_web

pytestmark = [pytest.mark.real, pytest.mark.whole]

CONTENT = secrets.token_bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LONG_ENOUGH = 30


@pytest.fixture(scope="module")
def web(
    databases: Databases, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    with standing_web(tmp_path_factory.mktemp("web"), databases, valkey) as web:
        yield web


@pytest.fixture(scope="module")
def owner(web: Web) -> Client:
    return Client(web).register("owner@example.org")


def told(name: str) -> str:
    return f"filename {b64encode(name.encode()).decode()}"


def half_sent(owner: Client, path: str, offset: int, sent: bytes, length: int) -> socket.socket:
    """Begin a PATCH of so many bytes, send only these, and return its open connection."""
    line = socket.create_connection(("127.0.0.1", owner.web.port), 30)
    names = {**owner.headers, **BODY, "Upload-Offset": offset, "Content-Length": length}
    head = "".join(f"{name}: {value}\r\n" for name, value in names.items())
    line.sendall(
        f"PATCH {path} HTTP/1.1\r\nHost: localhost:{owner.web.port}\r\n{head}\r\n".encode()
    )
    line.sendall(sent)
    return line


def tuspy(owner: Client, path: Path, **more: Any) -> dict[str, Any]:
    """Have tuspy send a file, in a process of its own; return what it says of it."""
    told = {
        "base": owner.web.base,
        "headers": owner.headers,
        "path": str(path),
        "name": path.name,
        "chunk": 700_000,
        "url": None,
        "stop_after": None,
        "checksum": False,
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.tus.tuspy_sender", json.dumps(told)],
        cwd=ROOT,
        capture_output=True,
        timeout=LONG_ENOUGH,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_tuspy_goes_on_where_it_was_interrupted(owner: Client, tmp_path: Path) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(CONTENT)
    begun = tuspy(owner, path, stop_after=2)

    resumed = tuspy(owner, path, url=begun["url"], chunk=600_000, checksum=True)

    assert resumed["found"] == 1_400_000
    assert owner.file("film.bin")["sha256"] == SHA256


def test_f_02_what_arrived_on_a_line_that_broke_is_kept(owner: Client) -> None:
    path = owner.create(len(CONTENT), told("broken.bin"))
    with half_sent(owner, path, 0, CONTENT[:1_000_000], len(CONTENT)):
        pass
    wait_until(lambda: owner.offset(path) == 1_000_000, LONG_ENOUGH)

    assert owner.patch(path, 1_000_000, CONTENT[1_000_000:]).status_code == 204
    assert owner.file("broken.bin")["sha256"] == SHA256


def test_a_second_tab_waits_while_the_first_one_sends(owner: Client) -> None:
    path = owner.create(len(CONTENT), told("tabs.bin"))
    with half_sent(owner, path, 0, CONTENT[:100_000], 2_000_000) as line:
        answers: list[int] = []

        def is_locked() -> bool:
            line.sendall(CONTENT[100_000 : 100_000 + 64])
            answers.append(owner.patch(path, 7, b"x").status_code)
            return answers[-1] == 423

        wait_until(is_locked, LONG_ENOUGH)
        assert set(answers) <= {409, 423}  # 409: before the first one's lease


def test_a_refusal_is_heard_before_the_body_is_sent(owner: Client) -> None:
    path = owner.create(len(CONTENT), told("refused.bin"))
    line = http.client.HTTPConnection("localhost", owner.web.port, timeout=LONG_ENOUGH)
    headers = {**owner.headers, **BODY, "Upload-Offset": "5", "Content-Length": "2900000"}
    line.request("PATCH", path, body=b"x" * 100_000, headers=headers)
    line.sock.shutdown(socket.SHUT_WR)

    answer = line.getresponse()
    assert answer.status == 409
    answer.read()
    line.close()


def test_t_30_headers_beyond_the_limit_are_refused(owner: Client) -> None:
    for name in ("Upload-Metadata", "Upload-Checksum"):
        headers = {**TUS, "Upload-Length": "1", name: "a" * 20_000}
        answer = owner.http.post(f"{owner.web.base}/api/uploads", headers=headers, timeout=30)
        assert answer.status_code in {400, 431}


@pytest.mark.whole
def test_f_01_an_upload_survives_kill_9_of_the_web_in_mid_patch(web: Web, owner: Client) -> None:
    path = owner.create(len(CONTENT), told("killed.bin"))
    owner.patch(path, 0, CONTENT[:1_000_000])
    spool = web.folder / "spool"
    parts_before = set(spool.rglob("*.part"))
    with half_sent(owner, path, 1_000_000, CONTENT[1_000_000:2_000_000], 2_000_000):
        wait_until(lambda: len(set(spool.rglob("*.part")) - parts_before) > 0, LONG_ENOUGH)
        web.kill()
    web.start()

    durable = owner.offset(path)
    assert 1_000_000 <= durable <= 2_000_000
    wait_until(lambda: owner.patch(path, durable, CONTENT[durable:]).ok, LONG_ENOUGH)
    assert owner.file("killed.bin")["sha256"] == SHA256
