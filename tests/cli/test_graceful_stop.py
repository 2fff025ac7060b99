"""What has begun is finished, though its process was asked to stop."""

import hashlib
import http.client
import json
import os
import signal

import pytest

from tests.cli.launcher import Launcher, wait_until
from tests.journey.client import Program

pytestmark = [pytest.mark.real, pytest.mark.timeout(120), pytest.mark.whole]

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


def test_f_39_an_upload_under_way_survives_a_restart_of_the_web(running: Launcher) -> None:
    program = Program(f"http://localhost:{running.port}", "uploader@example.org").register()
    token = str(program.session.headers["Authorization"]).removeprefix("Bearer ")
    upload = begin_upload(running.port, token)
    spool = running.data_dir / "spool"
    wait_until(lambda: any(spool.rglob("*.part")), 10)

    os.kill(running.child("web"), signal.SIGTERM)
    wait_until(lambda: refuses(running.port), 10)
    upload.send(CONTENT[len(CONTENT) // 2 :] + TAIL)
    answer = upload.getresponse()
    made = json.loads(answer.read())
    upload.close()

    wait_until(running.is_healthy, 30)
    assert answer.status == 201
    assert program.download_hash(made["id"]) == hashlib.sha256(CONTENT).hexdigest()


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
