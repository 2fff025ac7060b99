"""opendal's gdrive and onedrive against the strict simulator, by the real hosts' names."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudsim.certificates import certificates_in
from cloudsim.hosts import NAMES
from tests.cloudsim.client import CLIENT, DRIVE, google_tokens, microsoft_tokens
from tests.strangers.opendal_program import CONTENT, ODD
from tests.strangers.world import ANNA, World

pytest.importorskip("opendal", reason="no opendal here")

pytestmark = pytest.mark.sim
PROGRAM = Path(__file__).with_name("opendal_program.py")


def wish(world: World, service: str, *, only_look: bool = False) -> str:
    if service == "gdrive":
        tokens = google_tokens(world.browser, ANNA, scope=DRIVE, prompt="consent")
    else:
        tokens = microsoft_tokens(world.browser, ANNA)
    options = {
        "refresh_token": tokens["refresh_token"],
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
    }
    return json.dumps({"service": service, "options": options, "only_look": only_look})


def run(world: World, home: Path, wished: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it in an empty home, with no authority but those named."""
    environment = world.environment(home, SSL_CERT_DIR=str(home), **more)
    return subprocess.run(
        [sys.executable, PROGRAM, wished], env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("service", ["gdrive", "onedrive"])
def test_what_opendal_writes_it_finds_reads_lists_and_deletes(
    strict_world: World, tmp_path: Path, service: str
) -> None:
    wished = wish(strict_world, service)
    ended = run(strict_world, tmp_path, wished, SSL_CERT_FILE=str(strict_world.authority))
    assert ended.returncode == 0, ended.stderr
    saw: dict[str, Any] = json.loads(ended.stdout)
    assert saw == {
        "absent": False,
        "size": len(CONTENT),
        "empty": 0,
        "read": hashlib.sha256(CONTENT).hexdigest(),
        "odd": "odd",
        "range": list(CONTENT[1_000_001:1_000_006]),
        "listed": ["folder/", "folder/a.bin", f"folder/{ODD}"],
        "overwritten": "shorter",
        "made": True,
        "renamed": [False, True],
        "deleted": False,
        "left": saw["left"],
    }
    assert {"empty", "made/", "made/below/"} <= set(saw["left"])
    assert not [path for path in saw["left"] if path.startswith("folder/")]


@pytest.mark.parametrize("service", ["gdrive", "onedrive"])
def test_without_the_authority_it_refuses_to_speak(
    strict_world: World, tmp_path: Path, service: str
) -> None:
    other = certificates_in(tmp_path / "other", NAMES, datetime.now(UTC)).authority
    wished = wish(strict_world, service, only_look=True)
    ended = run(strict_world, tmp_path, wished, SSL_CERT_FILE=str(other))
    assert ended.returncode != 0
    assert "invalid peer certificate" in ended.stderr
