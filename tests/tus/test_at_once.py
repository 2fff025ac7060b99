"""Files of one batch sent at once, while a worker looks at them: nobody is told to come again."""

import os
import signal
import subprocess
import sys
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from balancecloud.cli.embedded.valkey import Valkey
from tests.journey.house import ROOT
from tests.services.databases import Databases
from tests.tus.webs import BODY, TUS, Client, Web, standing_web

pytestmark = [pytest.mark.real, pytest.mark.whole, pytest.mark.timeout(300)]

AT_ONCE = 3
FILES = 18


@pytest.fixture(scope="module")
def web(
    databases: Databases, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """A web and a worker, which finds that nobody here has an account."""
    folder = tmp_path_factory.mktemp("web")
    with standing_web(folder, databases, valkey, PACK_QUIET_SECONDS="0") as web:
        worker = start_worker(web)
        yield web
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def start_worker(web: Web) -> subprocess.Popen[bytes]:
    told = {**web.told, "PUBLIC_URL": web.base, "DATA_DIR": str(web.folder)}
    with (web.folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "balancecloud.cli", "worker"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **told},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def send(owner: Client, batch: str, path: str, content: bytes) -> int:
    """Send a small file with its announcement; return what was answered."""
    values = {"filename": path.rpartition("/")[2], "relativePath": path, "batch": batch}
    told = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in values.items())
    headers = {**owner.headers, **TUS, **BODY} if content else {**owner.headers, **TUS}
    answer = requests.post(
        f"{owner.web.base}/api/uploads",
        data=content or None,
        headers={**headers, "Upload-Length": str(len(content)), "Upload-Metadata": told},
        timeout=60,
    )
    return answer.status_code


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.long)])
def test_files_sent_three_at_a_time_into_new_folders_are_all_taken(web: Web, rounds: int) -> None:
    for _ in range(rounds):
        owner = Client(web).register(f"{uuid.uuid4()}@example.org")
        batch = str(uuid.uuid4())

        def send_number(number: int, owner: Client = owner, batch: str = batch) -> int:
            # Three begin each folder together, and one file in ten has no byte.
            path = f"Travel/{number // 9}/{number // 3}/{number}.txt"
            return send(owner, batch, path, b"" if number % 10 == 9 else b"The ferry.")

        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = Counter(pool.map(send_number, range(FILES)))

        assert answers == {201: FILES}
        jobs = owner.http.get(f"{web.base}/api/jobs", timeout=30).json()
        assert jobs["total"] == 1
