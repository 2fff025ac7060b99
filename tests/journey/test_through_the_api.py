"""The main job through /api alone, on the whole embedded shape: there, stored, back, gone."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.client import Program
from tests.journey.clouds import objects_at_the_clouds
from tests.journey.house import House, start

MIB = 1 << 20
SIZES = (0, 1, 10 * MIB - 1, 10 * MIB, 10 * MIB + 1, 300_000_000)

pytestmark = [pytest.mark.real, pytest.mark.sim, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = start(tmp_path_factory.mktemp("house") / "data", RATE_LIMITS="0")
    yield house
    house.stop()


@pytest.fixture(scope="module")
def owner(house: House) -> Program:
    """The first person, with two Google accounts, a OneDrive and a folder."""
    program = Program(house.base).register()
    program.link("google_drive", "anna@example.com")
    program.link("google_drive", "anna.two@example.com")
    program.link("onedrive", "work.anna@example.com")
    program.link_folder(house.data_dir / "folders" / "nas")
    return program


def test_files_of_every_size_go_to_the_clouds_and_come_back(owner: Program, house: House) -> None:
    contents = [os.urandom(size) for size in SIZES]
    made = [owner.upload(f"file-{len(c)}.bin", c) for c in contents]
    jobs = [owner.wait_for_job(file["job_id"], 200) for file in made]
    assert [job["state"] for job in jobs] == ["done"] * len(SIZES)
    for file, content in zip(made, contents, strict=True):
        shown = owner.get(f"/api/files/{file['id']}")
        assert shown["state"] == "stored"
        assert shown["size"] == len(content)
        assert shown["sha256"] == hashlib.sha256(content).hexdigest()
        assert owner.download_hash(file["id"]) == shown["sha256"]
    assert owner.get("/api/files/storage/usage")["used_bytes"] == sum(SIZES)
    placed = owner.get(f"/api/files/{made[-1]['id']}/placement")
    assert placed["survives"] == 1
    for chunk in placed["chunks"]:
        accounts = {shard["account_id"] for shard in chunk["shards"]}
        assert chunk["m"] == 1
        assert len(accounts) == chunk["k"] + chunk["m"] >= 3


def test_one_range_answers_exactly_those_bytes(owner: Program, house: House) -> None:
    content = os.urandom(11 * MIB)
    file = owner.upload("ranged.bin", content)
    owner.wait_for_job(file["job_id"])
    url = f"{owner.base}/api/files/{file['id']}/download"
    for begin, end in ((0, 0), (10 * MIB - 5, 10 * MIB + 5), (len(content) - 1, len(content) - 1)):
        answer = owner.session.get(url, headers={"Range": f"bytes={begin}-{end}"}, timeout=60)
        assert answer.status_code == 206
        assert answer.content == content[begin : end + 1]
        assert answer.headers["Content-Range"] == f"bytes {begin}-{end}/{len(content)}"
    beyond = owner.session.get(url, headers={"Range": f"bytes={len(content)}-"}, timeout=60)
    assert beyond.status_code == 416
    whole = owner.session.head(url, timeout=60)
    same = owner.session.get(url, headers={"If-None-Match": whole.headers["ETag"]}, timeout=60)
    assert same.status_code == 304


def test_l_01_a_canary_is_found_nowhere(owner: Program, house: House) -> None:
    secret = b"CANARY-0b2f6c1e-in-the-content"
    name = "CANARY-9d71a3f4-in-the-name.txt"
    file = owner.upload(name, secret * 40_000)
    owner.wait_for_job(file["job_id"])
    owner.download_hash(file["id"])
    # PostgreSQL's own files hold the index, and with it the name: they are looked at by a dump.
    hits = [p for p in _files(house.data_dir) if secret in p.read_bytes()]
    assert hits == []
    named = [p for p in _files(house.data_dir) if name.encode() in p.read_bytes()]
    assert [p for p in named if "postgres" not in p.parts] == []
    assert secret not in house.console.read_bytes()
    assert name.encode() not in house.console.read_bytes()


def test_an_account_that_holds_data_is_not_let_go(owner: Program, house: House) -> None:
    file = owner.upload("held.bin", os.urandom(MIB))
    owner.wait_for_job(file["job_id"])
    account = owner.accounts()[0]
    refusal = owner.delete(f"/api/cloud-accounts/{account['id']}", expect=409)
    assert refusal.json()["code"] == "still_holds_data"
    assert len(owner.accounts()) == 4


def test_what_is_deleted_for_good_leaves_no_object_anywhere(owner: Program, house: House) -> None:
    for file in owner.get("/api/files")["files"]:
        answer = owner.delete(f"/api/files/{file['id']}", params={"permanent": "true"})
        # Of a pack that others share only the last one's deletion has something to remove.
        if "Location" in answer.headers:
            owner.wait_for_job(answer.headers["Location"].rpartition("/")[2])
    assert owner.get("/api/files/storage/usage")["used_bytes"] == 0
    assert owner.get("/api/files")["total"] == 0
    assert all(account["stored_bytes"] == 0 for account in owner.accounts())
    assert objects_at_the_clouds(house.data_dir) == []


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_socket():
            yield path
