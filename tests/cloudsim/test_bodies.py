"""Where bodies lie: small ones in rows, large ones in files, and none where they are counted."""

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudsim.app import Settings, running
from cloudsim.google.sessions import GRANULE
from cloudsim.store.small import AT_MOST
from tests.cloudsim.client import Answer, Browser, Drive, drive_of, onedrive_of, put_range

pytestmark = pytest.mark.sim
CONTENT = secrets.token_bytes(2 * GRANULE + 5)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HASH = "&fields=id,sha256Checksum,size"


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Browser]:
    with running(Settings(data=tmp_path / "count", keeps_bytes=False, control=True)) as sim:
        yield Browser(sim.url)


def content_of(drive: Drive, made: Answer, where: str = "") -> bytes:
    headers = {"Range": where} if where else {}
    return drive.send("GET", f"drive/v3/files/{made.json['id']}?alt=media", headers=headers).data


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "sqlite" not in path.name]


@pytest.mark.parametrize("size", [0, 1, AT_MOST - 200, AT_MOST, AT_MOST + 1])
def test_a_body_of_any_size_comes_back(drive: Drive, size: int) -> None:
    content = secrets.token_bytes(size)
    made = drive.upload({"name": "a"}, content, HASH)
    assert made.json["sha256Checksum"] == hashlib.sha256(content).hexdigest()
    assert content_of(drive, made) == content
    if size > 3:
        assert content_of(drive, made, "bytes=1-2") == content[1:3]


def test_a_small_body_makes_no_file(tmp_path: Path) -> None:
    with running(Settings(data=tmp_path)) as sim:
        before = files_in(tmp_path)
        drive_of(Browser(sim.url), "anna@example.com").upload({"name": "a"}, b"x" * 1000)
        assert files_in(tmp_path) == before


def test_a_small_body_is_damaged_and_removed_like_a_large_one(
    browser: Browser, drive: Drive
) -> None:
    made = drive.upload({"name": "a"}, b"hello")
    address = f"accounts/google/anna@example.com/objects/{made.json['id']}/corrupt"
    browser.control("POST", address, {"offset": 1})
    assert content_of(drive, made) == b"hdllo"
    drive.send("PATCH", f"upload/drive/v3/files/{made.json['id']}?uploadType=media", body=b"new")
    assert content_of(drive, made) == b"new"


def test_counted_bodies_have_their_hash_and_read_as_zeros(
    counting: Browser, tmp_path: Path
) -> None:
    drive = drive_of(counting, "anna@example.com")
    for content in (b"small", CONTENT):
        made = drive.upload({"name": "a"}, content, HASH)
        assert made.json["sha256Checksum"] == hashlib.sha256(content).hexdigest()
        assert content_of(drive, made) == bytes(len(content))
        assert content_of(drive, made, "bytes=3-") == bytes(len(content) - 3)
    assert drive.quota()["usage"] == str(len(CONTENT) + 5)
    assert sum(path.stat().st_blocks for path in files_in(tmp_path / "count" / "blobs")) == 0


def test_a_counted_session_is_hashed_part_by_part(counting: Browser) -> None:
    drive = drive_of(counting, "anna@example.com")
    session = drive.begin({"name": "a"}, len(CONTENT), HASH).location
    put_range(counting, session, CONTENT[:GRANULE], f"bytes 0-{GRANULE - 1}/{len(CONTENT)}")
    # A part that comes again, as after a lost answer, counts once.
    first = f"bytes 0-{2 * GRANULE - 1}/{len(CONTENT)}"
    put_range(counting, session, CONTENT[: 2 * GRANULE], first)
    rest = f"bytes {2 * GRANULE}-{len(CONTENT) - 1}/{len(CONTENT)}"
    made = put_range(counting, session, CONTENT[2 * GRANULE :], rest)
    assert made.json["sha256Checksum"] == SHA256


def test_a_counted_session_in_conflict_keeps_its_hash(counting: Browser) -> None:
    onedrive = onedrive_of(counting, "anna@example.com")
    address = onedrive.begin("a", behaviour="fail").json["uploadUrl"]
    onedrive.put("a", b"first")
    wanted = onedrive.put("same", b"hello").json["file"]
    put_range(counting, address, b"hello", "bytes 0-4/5")
    made = onedrive.send(
        "PUT", "me/drive/root:/b:", json={"@microsoft.graph.sourceUrl": address}
    ).json["file"]
    assert made["hashes"] == wanted["hashes"]


def test_a_part_that_comes_again_with_other_bytes_is_hashed_anew(
    browser: Browser, drive: Drive
) -> None:
    session = drive.begin({"name": "a"}, len(CONTENT), HASH).location
    first = f"bytes 0-{GRANULE - 1}/{len(CONTENT)}"
    put_range(browser, session, secrets.token_bytes(GRANULE), first)
    put_range(browser, session, CONTENT[:GRANULE], first)
    rest = f"bytes {GRANULE}-{len(CONTENT) - 1}/{len(CONTENT)}"
    made = put_range(browser, session, CONTENT[GRANULE:], rest)
    assert made.json["sha256Checksum"] == SHA256
    assert content_of(drive, made) == CONTENT


def test_a_session_that_outlives_its_server_is_hashed_whole(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with running(settings) as sim:
        drive = drive_of(Browser(sim.url), "anna@example.com")
        query = drive.begin({"name": "a"}, len(CONTENT), HASH).location.partition("?")[2]
        session = f"{sim.url}/google/upload/drive/v3/files?{query}"
        first = f"bytes 0-{GRANULE - 1}/{len(CONTENT)}"
        put_range(Browser(sim.url), session, CONTENT[:GRANULE], first)
    with running(settings) as sim:
        session = f"{sim.url}/google/upload/drive/v3/files?{query}"
        rest = f"bytes {GRANULE}-{len(CONTENT) - 1}/{len(CONTENT)}"
        made = put_range(Browser(sim.url), session, CONTENT[GRANULE:], rest)
        assert made.json["sha256Checksum"] == SHA256
