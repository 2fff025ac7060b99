"""A web that is asked to stop while people watch their jobs: it does not wait for them."""

import contextlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from balancecloud.cli.embedded.valkey import Valkey
from tests.services.databases import Databases
from tests.tus.webs import Client, Web, standing_web

pytestmark = [pytest.mark.real, pytest.mark.whole]

# gunicorn kills what goes on for 30 seconds more, and a stream would last 55.
SOON_SECONDS = 10
PEOPLE = 3


@pytest.fixture
def web(databases: Databases, valkey: Valkey, tmp_path: Path) -> Iterator[Web]:
    with standing_web(tmp_path, databases, valkey) as web:
        yield web


def watch_a_job(web: Web, number: int) -> requests.Response:
    """Have somebody begin an upload and watch its job; return the open answer."""
    owner = Client(web).register(f"{number}@example.org")
    owner.create(10, f"filename {b64encode(b'a.txt').decode()}")
    [job] = owner.http.get(f"{web.base}/api/jobs", timeout=30).json()["jobs"]
    address = f"{web.base}/api/jobs/{job['id']}/events"
    answer = owner.http.get(address, stream=True, timeout=30)
    assert answer.status_code == 200
    return answer


def test_event_streams_do_not_hold_up_a_web_that_is_to_stop(web: Web) -> None:
    with contextlib.ExitStack() as all_open:
        streams = [all_open.enter_context(watch_a_job(web, one)) for one in range(PEOPLE)]
        lines = [stream.iter_lines(decode_unicode=True) for stream in streams]
        for told in lines:
            assert "event: reset" in [next(told) for _ in range(5)]

        assert web.process
        web.process.terminate()
        assert web.process.wait(SOON_SECONDS) == 0

        for told in lines:
            assert any('"reason": "closing"' in line for line in told)
