"""about and files of Drive v3."""

import hashlib
from typing import Any

import pytest

from tests.cloudsim.client import DRIVE, FOLDER, Browser, Drive, drive_of

pytestmark = pytest.mark.sim
CONTENT = bytes(range(256)) * 4


def stored(drive: Drive, content: bytes = CONTENT, **metadata: Any) -> str:
    return str(drive.upload({"name": "a.bin", **metadata}, content).json["id"])


def test_about_needs_fields(drive: Drive) -> None:
    answer = drive.send("GET", "drive/v3/about")
    assert (answer.status, answer.reason) == (400, "required")
    assert answer.json["error"]["errors"][0]["location"] == "fields"


def test_about_tells_the_person_and_the_quota_as_strings(drive: Drive) -> None:
    answer = drive.send("GET", "drive/v3/about?fields=user,storageQuota").json
    assert answer["user"]["emailAddress"] == "anna@example.com"
    assert answer["user"]["permissionId"].isdigit()
    assert answer["storageQuota"]["limit"] == str(15 * 1024**3)
    assert answer["storageQuota"]["usage"] == "0"


def test_the_permission_id_belongs_to_the_person_not_to_the_link(browser: Browser) -> None:
    path = "drive/v3/about?fields=user(permissionId)"
    first = drive_of(browser, "anna@example.com").send("GET", path).json
    assert first == drive_of(browser, "anna@example.com").send("GET", path).json
    assert first != drive_of(browser, "ben@example.com").send("GET", path).json


def test_without_a_quota_there_is_no_limit(browser: Browser, drive: Drive) -> None:
    browser.control("PUT", "accounts/google/anna@example.com/quota", {"total": None})
    assert "limit" not in drive.quota()


def test_a_request_without_a_token_is_401(browser: Browser) -> None:
    answer = browser.send("GET", "/google/drive/v3/about?fields=user")
    assert (answer.status, answer.reason) == (401, "required")


def test_generated_ids_are_as_many_as_asked_for_and_differ(drive: Drive) -> None:
    answer = drive.send("GET", "drive/v3/files/generateIds?count=1000&space=drive&type=files").json
    assert (answer["kind"], answer["space"]) == ("drive#generatedIds", "drive")
    assert len(set(answer["ids"])) == 1000


@pytest.mark.parametrize("count", ["0", "1001", "-1", "x"])
def test_a_wrong_count_of_ids_is_refused(drive: Drive, count: str) -> None:
    assert drive.send("GET", f"drive/v3/files/generateIds?count={count}").status == 400


def test_a_file_is_made_under_the_generated_id(drive: Drive) -> None:
    file_id = drive.new_id()
    answer = drive.upload({"id": file_id, "name": "a.bin"}, b"x")
    assert answer.json == {
        "kind": "drive#file",
        "id": file_id,
        "name": "a.bin",
        "mimeType": "application/octet-stream",
    }


def test_the_same_id_again_is_409_and_leaves_one_file(drive: Drive) -> None:
    metadata = {"id": drive.new_id(), "name": "a.bin"}
    drive.upload(metadata, b"x")
    again = drive.upload(metadata, b"x")
    assert (again.status, again.reason) == (409, "fileIdInUse")
    assert again.json["error"]["errors"][0]["location"] == "file.id"
    assert drive.names("trashed=false") == ["a.bin"]


def test_an_invented_id_is_refused(drive: Drive) -> None:
    assert drive.upload({"id": "1" + "A" * 32, "name": "a.bin"}, b"x").status == 400


def test_names_are_not_unique(drive: Drive) -> None:
    assert stored(drive) != stored(drive)
    assert drive.names("name='a.bin'") == ["a.bin", "a.bin"]


def test_the_wanted_fields_come_with_the_hashes_and_the_size_as_a_string(drive: Drive) -> None:
    folder = drive.folder("BalanceCloud")
    fields = "&fields=id,name,size,md5Checksum,sha256Checksum,sha1Checksum,parents,trashed"
    answer = drive.upload({"name": "a.bin", "parents": [folder]}, CONTENT, fields).json
    assert answer.pop("id")
    assert answer == {
        "name": "a.bin",
        "size": "1024",
        "md5Checksum": hashlib.md5(CONTENT).hexdigest(),
        "sha1Checksum": hashlib.sha1(CONTENT).hexdigest(),
        "sha256Checksum": hashlib.sha256(CONTENT).hexdigest(),
        "parents": [folder],
        "trashed": False,
    }


def test_a_star_asks_for_everything(drive: Drive) -> None:
    answer = drive.send("GET", f"drive/v3/files/{stored(drive)}?fields=*").json
    assert {"createdTime", "modifiedTime", "owners", "md5Checksum"} <= answer.keys()


def test_nested_fields_are_picked(drive: Drive) -> None:
    path = f"drive/v3/files/{stored(drive)}?fields=owners(displayName),owners/me"
    assert drive.send("GET", path).json == {"owners": [{"displayName": "Anna", "me": True}]}


@pytest.mark.parametrize("fields", ["nonsense", "id,", "id(", "id)", "a b", "id,,name"])
def test_unreadable_fields_are_refused(drive: Drive, fields: str) -> None:
    answer = drive.send("GET", f"drive/v3/files/{stored(drive)}?fields={fields}")
    assert (answer.status, answer.reason) == (400, "invalidParameter")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1023-", 1023, 1024),
        ("bytes=10-19", 10, 20),
        ("bytes=-5", 1019, 1024),
        ("bytes=1000-9999", 1000, 1024),
        ("bytes=-9999", 0, 1024),
    ],
)
def test_a_range_gives_exactly_those_bytes(drive: Drive, asked: str, start: int, stop: int) -> None:
    path = f"drive/v3/files/{stored(drive)}?alt=media"
    answer = drive.send("GET", path, headers={"Range": asked})
    assert answer.status == 206
    assert answer.data == CONTENT[start:stop]
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"


def test_without_a_range_the_whole_file_comes(drive: Drive) -> None:
    answer = drive.send("GET", f"drive/v3/files/{stored(drive)}?alt=media")
    assert (answer.status, answer.data) == (200, CONTENT)


@pytest.mark.parametrize(("content", "size"), [(CONTENT, 1024), (b"", 0)])
def test_a_range_past_the_end_is_416_with_the_size(drive: Drive, content: bytes, size: int) -> None:
    path = f"drive/v3/files/{stored(drive, content)}?alt=media"
    answer = drive.send("GET", path, headers={"Range": f"bytes={size}-"})
    assert (answer.status, answer.reason) == (416, "requestedRangeNotSatisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{size}"


def test_a_folder_has_no_content(drive: Drive) -> None:
    answer = drive.send("GET", f"drive/v3/files/{drive.folder('a')}?alt=media")
    assert (answer.status, answer.reason) == (403, "fileNotDownloadable")


def test_deleting_is_for_good_and_a_second_time_not_found(drive: Drive) -> None:
    file_id = stored(drive)
    assert drive.send("DELETE", f"drive/v3/files/{file_id}").status == 204
    again = drive.send("DELETE", f"drive/v3/files/{file_id}")
    assert (again.status, again.reason) == (404, "notFound")
    assert again.json["error"]["message"] == f"File not found: {file_id}."
    assert drive.quota()["usage"] == "0"


def test_deleting_a_folder_removes_what_is_in_it(browser: Browser, drive: Drive) -> None:
    outer = drive.folder("outer")
    inner = drive.folder("inner", parents=[outer])
    stored(drive, parents=[inner])
    drive.send("DELETE", f"drive/v3/files/{outer}")
    objects = browser.control("GET", "accounts/google/anna@example.com/objects")["objects"]
    assert objects == []
    assert drive.quota()["usage"] == "0"


def test_the_bin_counts_and_covers_what_is_in_the_folder(drive: Drive) -> None:
    folder = drive.folder("a")
    file_id = stored(drive, parents=[folder])
    drive.send("PATCH", f"drive/v3/files/{folder}", json={"trashed": True})
    found = drive.send("GET", f"drive/v3/files/{file_id}?fields=trashed,explicitlyTrashed").json
    assert found == {"trashed": True, "explicitlyTrashed": False}
    assert (drive.quota()["usage"], drive.quota()["usageInDriveTrash"]) == ("1024", "1024")


def test_taking_out_of_the_bin_takes_everything_out(drive: Drive) -> None:
    folder = drive.folder("a")
    stored(drive, parents=[folder])
    for trashed in (True, False):
        drive.send("PATCH", f"drive/v3/files/{folder}", json={"trashed": trashed})
    assert drive.quota()["usageInDriveTrash"] == "0"
    assert len(drive.names("trashed=false")) == 2


def test_emptying_the_bin_needs_the_whole_drive(browser: Browser, drive: Drive) -> None:
    assert drive.send("DELETE", "drive/v3/files/trash").status == 403
    full = drive_of(browser, "anna@example.com", scope=DRIVE)
    file_id = stored(drive)
    full.send("PATCH", f"drive/v3/files/{file_id}", json={"trashed": True})
    assert full.send("DELETE", "drive/v3/files/trash").status == 204
    assert full.quota()["usage"] == "0"


def test_renaming_and_moving_change_only_that(drive: Drive) -> None:
    folder, file_id = drive.folder("a"), stored(drive)
    path = f"drive/v3/files/{file_id}?addParents={folder}&fields=name,parents,size"
    answer = drive.send("PATCH", path, json={"name": "b.bin"}).json
    assert answer == {"name": "b.bin", "parents": [folder], "size": "1024"}


def test_a_folder_cannot_be_moved_into_itself(drive: Drive) -> None:
    outer = drive.folder("outer")
    inner = drive.folder("inner", parents=[outer])
    moved = drive.send("PATCH", f"drive/v3/files/{outer}?addParents={inner}", json={})
    assert moved.status == 400


def test_properties_are_merged_and_null_removes_one(drive: Drive) -> None:
    file_id = stored(drive, appProperties={"a": "1", "b": "2"})
    path = f"drive/v3/files/{file_id}?fields=appProperties"
    answer = drive.send("PATCH", path, json={"appProperties": {"a": None, "c": "3"}}).json
    assert answer == {"appProperties": {"b": "2", "c": "3"}}


def test_an_unknown_parent_is_not_found(drive: Drive) -> None:
    answer = drive.upload({"name": "a", "parents": [drive.new_id()]}, b"x")
    assert (answer.status, answer.reason) == (404, "notFound")


def test_a_file_has_one_parent(drive: Drive) -> None:
    parents = [drive.folder("a"), drive.folder("b")]
    assert drive.send("POST", "drive/v3/files", json={"parents": parents}).status == 400


def test_metadata_alone_makes_an_empty_file(drive: Drive) -> None:
    path = "drive/v3/files?fields=size,md5Checksum,mimeType"
    answer = drive.send("POST", path, json={"name": "a"}).json
    assert answer["size"] == "0"
    assert answer["md5Checksum"] == hashlib.md5(b"").hexdigest()
    assert answer["mimeType"] != FOLDER


def test_another_persons_file_is_not_found(browser: Browser, drive: Drive) -> None:
    ben = drive_of(browser, "ben@example.com")
    answer = ben.send("GET", f"drive/v3/files/{stored(drive)}")
    assert (answer.status, answer.reason) == (404, "notFound")


def test_the_root_is_not_seen_under_drive_file(browser: Browser, drive: Drive) -> None:
    assert drive.send("GET", "drive/v3/files/root").status == 404
    full = drive_of(browser, "anna@example.com", scope=DRIVE)
    assert full.send("GET", "drive/v3/files/root").json["name"] == "My Drive"


def test_old_clients_may_ask_for_the_root(compat_browser: Browser) -> None:
    drive = drive_of(compat_browser, "anna@example.com")
    assert drive.send("GET", "drive/v3/files/root?fields=id").json["id"]


def test_a_type_cannot_become_a_header(drive: Drive) -> None:
    file_id = stored(drive, mimeType="text/plain\r\nX-Smuggled: 1")
    answer = drive.send("GET", f"drive/v3/files/{file_id}?alt=media")
    assert "X-Smuggled" not in answer.headers


def test_a_body_that_is_not_json_is_a_parse_error(drive: Drive) -> None:
    answer = drive.send("POST", "drive/v3/files", body=b"{nonsense")
    assert (answer.status, answer.reason) == (400, "badRequest")


def test_an_unknown_path_is_404_in_the_envelope(drive: Drive) -> None:
    answer = drive.send("GET", "drive/v9/nothing")
    assert (answer.status, answer.reason) == (404, "notFound")
