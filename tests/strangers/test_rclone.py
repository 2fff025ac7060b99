"""rclone's drive and onedrive, of the version Debian packages, by the real hosts' names.

It is old enough to send Authorization where none belongs, and data by POST: the lenient
simulator is for clients like it.
"""

import hashlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloudsim.microsoft.refusals import content_refusal
from tests.cloudsim.client import CLIENT, google_tokens, microsoft_tokens, onedrive_of
from tests.strangers.world import ANNA, WORK_ANNA, World

pytestmark = [
    pytest.mark.sim,
    pytest.mark.skipif(
        shutil.which("rclone") is None,
        reason="rclone is missing (Debian's package): its proof of the simulator is left out",
    ),
]
NINE_MB = secrets.token_bytes(9_000_000)
NAMES = [
    "plain.bin", "it's #1 50% & more.txt", "a+b (c) [d]=e;f,g.txt", "ünï cødé.txt", "日本語.txt",
    'quote" star* colon: pipe| less< question?.txt', "back\\slash.txt", " lead and trail .",
    "~tilde.txt", "sub folder/deep/er/file.txt", "sub folder/%41.txt", "emoji 🗄️.bin", "empty.bin",
]  # fmt: skip
# Uploads in one request and in parts, of both providers, and the end of the latter.
WAYS = {
    "drive": {("upload.multipart", 200), ("upload.session", 308), ("upload.session", 200)},
    "onedrive": {("item.put", 201), ("upload.fragment", 201)},
}


@dataclass(frozen=True)
class Rclone:
    """rclone with one remote in each cloud, in a home of its own."""

    world: World
    home: Path

    def run(self, *arguments: str, trusts: bool = True) -> subprocess.CompletedProcess[bytes]:
        trust = ["--ca-cert", str(self.world.authority)] if trusts else []
        command = ["rclone", "--retries", "1", "--low-level-retries", "5", *trust, *arguments]
        environment = self.world.environment(
            self.home, RCLONE_CONFIG=str(self.home / "rclone.conf")
        )
        return subprocess.run(
            command, env=environment, capture_output=True, timeout=60, check=False
        )

    def __call__(self, *arguments: str) -> bytes:
        """Run it to a good end."""
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout


def section(kind: str, tokens: Mapping[str, Any], **more: str) -> list[str]:
    """Write a remote whose access token is out of date, so that rclone begins by a refresh."""
    token = {
        "access_token": "old", "token_type": "Bearer", "refresh_token": tokens["refresh_token"],
        "expiry": "2020-01-01T00:00:00Z",
    }  # fmt: skip
    values = {
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
        "token": json.dumps(token),
        **more,
    }
    return [f"[{kind}]", f"type = {kind}", *(f"{name} = {one}" for name, one in values.items())]


@pytest.fixture(scope="module")
def rclone(lenient_world: World, tmp_path_factory: pytest.TempPathFactory) -> Rclone:
    home = tmp_path_factory.mktemp("rclone")
    browser = lenient_world.browser
    google = google_tokens(browser, ANNA)
    microsoft = microsoft_tokens(browser, WORK_ANNA)
    drive_id = onedrive_of(browser, WORK_ANNA).send("GET", "me/drive").json["id"]
    lines = section("drive", google, scope="drive.file")
    lines += section("onedrive", microsoft, drive_id=drive_id, drive_type="business")
    (home / "rclone.conf").write_text("\n".join(lines))
    return Rclone(lenient_world, home)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-three files: one large, one empty, some with names that need care."""
    folder = tmp_path_factory.mktemp("source")
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"" if name == "empty.bin" else secrets.token_bytes(1000))
    for number in range(9):
        (folder / f"n{number}.bin").write_bytes(secrets.token_bytes(20_000 + number))
    (folder / "nine.bin").write_bytes(NINE_MB)
    return folder


@pytest.fixture(scope="module", params=["drive", "onedrive"])
def remote(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def copied(rclone: Rclone, source: Path, remote: str) -> str:
    """The folder of the remote into which everything was copied, in each of the ways there are."""
    rclone.world.browser.control("DELETE", "log")
    rclone("copy", str(source), f"{remote}:copied")
    log = rclone.world.browser.control("GET", "log")["requests"]
    assert {(one["route"], one["status"]) for one in log} >= WAYS[remote]
    return f"{remote}:copied"


def kept(world: World, remote: str) -> set[str]:
    """What the simulator really holds, by hash."""
    account = ("google", ANNA) if remote == "drive" else ("microsoft", WORK_ANNA)
    return {one["sha256"] for one in world.objects(*account) if not one["folder"]}


def test_without_the_authority_it_refuses_to_speak(
    rclone: Rclone, remote: str, copied: str
) -> None:
    ended = rclone.run("--low-level-retries", "1", "lsd", f"{remote}:", trusts=False)
    assert ended.returncode != 0
    assert b"x509: certificate signed by unknown authority" in ended.stderr


def test_what_it_copies_is_there_byte_for_byte(
    rclone: Rclone, source: Path, remote: str, copied: str
) -> None:
    files = [path for path in source.rglob("*") if path.is_file()]
    assert len(files) == 23
    sent = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert sent <= kept(rclone.world, remote)


def test_its_check_finds_every_file_equal(rclone: Rclone, source: Path, copied: str) -> None:
    ended = rclone.run("check", str(source), copied)
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"0 differences found" in ended.stderr
    assert b"23 matching files" in ended.stderr


def test_its_check_notices_another_content(
    rclone: Rclone, source: Path, copied: str, tmp_path: Path
) -> None:
    shutil.copytree(source, tmp_path / "other")
    (tmp_path / "other" / "plain.bin").write_bytes(secrets.token_bytes(1000))
    ended = rclone.run("check", str(tmp_path / "other"), copied)
    assert ended.returncode != 0
    assert b"1 differences found" in ended.stderr


def test_a_second_copy_sends_nothing(rclone: Rclone, source: Path, copied: str) -> None:
    rclone.world.browser.control("DELETE", "log")
    rclone("copy", str(source), copied)
    log = rclone.world.browser.control("GET", "log")["requests"]
    assert {one["method"] for one in log if not one["route"].startswith("oauth")} == {"GET"}


def test_a_range_of_a_file_is_read(rclone: Rclone, copied: str) -> None:
    found = rclone("cat", "--offset", "8000000", "--count", "1000", f"{copied}/nine.bin")
    assert found == NINE_MB[8_000_000:8_001_000]


def test_everything_comes_back(rclone: Rclone, source: Path, copied: str, tmp_path: Path) -> None:
    rclone("copy", copied, str(tmp_path / "back"))
    back = {path.relative_to(tmp_path / "back") for path in (tmp_path / "back").rglob("*")}
    assert back == {path.relative_to(source) for path in source.rglob("*")}
    assert (tmp_path / "back" / "nine.bin").read_bytes() == NINE_MB


def test_about_tells_the_quota(rclone: Rclone, remote: str, copied: str) -> None:
    about = json.loads(rclone("about", "--json", f"{remote}:"))
    assert about["total"] == 15 * 1024**3
    assert about["used"] >= len(NINE_MB)
    assert about["free"] == about["total"] - about["used"] - about.get("trashed", 0)


def test_moving_and_deleting_are_understood(rclone: Rclone, remote: str, tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"one")
    rclone("copy", str(tmp_path), f"{remote}:moving")
    rclone("moveto", f"{remote}:moving/one.bin", f"{remote}:moving/below/two.bin")
    assert rclone("lsf", "-R", "--files-only", f"{remote}:moving") == b"below/two.bin\n"
    rclone("deletefile", f"{remote}:moving/below/two.bin")
    assert rclone("lsf", "-R", "--files-only", f"{remote}:moving") == b""
    rclone("purge", f"{remote}:moving")
    assert b"moving/" not in rclone("lsf", f"{remote}:").splitlines()


def test_deleting_past_the_bin_frees_the_room(rclone: Rclone, tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(secrets.token_bytes(50_000))
    before = rclone("about", "--json", "drive:")
    rclone("copy", str(tmp_path), "drive:freed")
    assert rclone("about", "--json", "drive:") != before
    rclone("deletefile", "--drive-use-trash=false", "drive:freed/one.bin")
    assert rclone("about", "--json", "drive:") == before


def test_a_fragment_that_was_kept_though_refused_is_not_sent_wrongly(
    rclone: Rclone, source: Path
) -> None:
    busy = content_refusal(503, "serviceNotAvailable", "Service unavailable").response
    rclone.world.trouble.lose("upload.fragment", busy)
    rclone.world.browser.control("DELETE", "log")
    rclone(
        "copyto", "--onedrive-chunk-size", "3200k", str(source / "nine.bin"), "onedrive:lost.bin"
    )
    log = rclone.world.browser.control("GET", "log")["requests"]
    statuses = [one["status"] for one in log if one["route"] == "upload.fragment"]
    assert statuses[:2] == [503, 416]
    assert rclone("hashsum", "quickxor", "onedrive:lost.bin", "--download") == rclone(
        "hashsum", "quickxor", "onedrive:lost.bin"
    )
