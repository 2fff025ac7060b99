"""What has begun is finished, though its process was asked to stop."""

import hashlib
import http.client
import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.launcher import launched, wait_until
from tests.journey.client import Program

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

CONTENT = os.urandom(3 << 20)
BOUNDARY = "a-boundary-of-our-own"
HEAD = (
    f"--{BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="file"; filename="long.bin"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


def begin_upload(port: int, token: str) -> http.client.HTTPConnection:
    """Send an upload's first half."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", "/api/files/upload")
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("Content-Length", str(len(HEAD) + len(CONTENT) + len(TAIL)))
    connection.endheaders(HEAD + CONTENT[: len(CONTENT) // 2])
    return connection


def test_f_39_an_upload_under_way_survives_a_restart_of_the_web(tmp_path: Path) -> None:
    with launched(tmp_path / "data", DEMO="0", RATE_LIMITS="0") as started:
        program = Program(f"http://localhost:{started.port}").register()
        token = str(program.session.headers["Authorization"]).removeprefix("Bearer ")
        upload = begin_upload(started.port, token)
        spool = tmp_path / "data" / "spool"
        wait_until(lambda: any(spool.rglob("*.part")), 10)

        os.kill(started.child("web"), signal.SIGTERM)
        wait_until(lambda: refuses(started.port), 10)
        upload.send(CONTENT[len(CONTENT) // 2 :] + TAIL)
        answer = upload.getresponse()
        made = json.loads(answer.read())
        upload.close()

        wait_until(started.is_healthy, 30)
        received = program.download_hash(made["id"])

    assert answer.status == 201
    assert received == hashlib.sha256(CONTENT).hexdigest()


def refuses(port: int) -> bool:
    """Whether nobody takes new connections."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/api/health/live")
        connection.getresponse().read()
    except OSError:
        return True
    finally:
        connection.close()
    return False
