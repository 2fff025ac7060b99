"""files.list: the query grammar, the order and the pages."""

from pathlib import Path

import pytest

from cloudsim.app import Settings, running
from tests.cloudsim.client import (
    DRIVE,
    DRIVE_FILE,
    FOLDER,
    GOOGLE_TOKEN,
    Browser,
    Drive,
    code_fields,
    drive_of,
    google_query,
)

pytestmark = pytest.mark.sim


@pytest.fixture
def filled(drive: Drive) -> Drive:
    """A folder with two files, and a third, in the bin, beside it."""
    folder = drive.folder("Box")
    drive.upload({"name": "Alpha", "parents": [folder], "appProperties": {"k": "v"}}, b"1")
    drive.upload({"name": "it's", "parents": [folder], "starred": True}, b"22")
    binned = drive.upload({"name": "old"}, b"333").json["id"]
    drive.send("PATCH", f"drive/v3/files/{binned}", json={"trashed": True})
    return drive


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"Box", "Alpha", "it's", "old"}),
        ("trashed=false", {"Box", "Alpha", "it's"}),
        ("trashed = true", {"old"}),
        ("trashed", {"old"}),
        ("not trashed", {"Box", "Alpha", "it's"}),
        ("'root' in parents and trashed=false", {"Box"}),
        ("name='alpha'", {"Alpha"}),
        (r"name = 'it\'s'", {"it's"}),
        ("name contains 'lph'", {"Alpha"}),
        ("name != 'Alpha' and trashed=false", {"Box", "it's"}),
        (f"mimeType='{FOLDER}'", {"Box"}),
        (f"mimeType!='{FOLDER}' and trashed=false", {"Alpha", "it's"}),
        ("(name='Alpha' or name='old') and not trashed=true", {"Alpha"}),
        ("name='Alpha' or name='old' and trashed=false", {"Alpha"}),
        ("modifiedTime >= '2020-01-01T00:00:00'", {"Box", "Alpha", "it's", "old"}),
        ("modifiedTime < '2020-01-01T00:00:00Z'", set()),
        ("appProperties has { key='k' and value='v' }", {"Alpha"}),
        ("appProperties has {key='k' and value='w'}", set()),
        ("sharedWithMe", set()),
        ("starred=true", {"it's"}),
        ("'me' in owners and name='old'", {"old"}),
    ],
)
def test_a_query_finds_what_it_says(filled: Drive, query: str, names: set[str]) -> None:
    assert set(filled.names(query)) == names


@pytest.mark.parametrize(
    "query",
    [
        "nonsense",
        "name=",
        "name='a",
        "name='a' and",
        "(name='a'",
        "name='a')",
        "trashed=perhaps",
        "modifiedTime > 'yesterday'",
        "size > '5'",
        "1=1",
        "name='a'; DROP TABLE objects",
        "'x' in nowhere",
    ],
)
def test_an_unreadable_query_is_refused(filled: Drive, query: str) -> None:
    answer = filled.listed(query)
    assert (answer.status, answer.reason) == (400, "invalid")
    assert answer.json["error"]["errors"][0]["location"] == "q"


def test_children_are_found_by_their_folder(filled: Drive) -> None:
    folder = filled.listed("name='Box'").json["files"][0]["id"]
    assert set(filled.names(f"'{folder}' in parents")) == {"Alpha", "it's"}


def test_pages_hold_each_file_once(drive: Drive) -> None:
    for number in range(7):
        drive.send("POST", "drive/v3/files", json={"name": f"f{number}"})
    names, token, pages = [], "", 0
    while True:
        more = {"pageToken": token} if token else {}
        page = drive.listed("trashed=false", pageSize="3", **more).json
        names += [file["name"] for file in page["files"]]
        pages += 1
        if "nextPageToken" not in page:
            break
        token = page["nextPageToken"]
    assert (sorted(names), pages) == ([f"f{number}" for number in range(7)], 3)


def test_a_page_neither_skips_nor_repeats_when_files_vanish_between(drive: Drive) -> None:
    ids = [
        drive.send("POST", "drive/v3/files", json={"name": f"f{number}"}).json["id"]
        for number in range(6)
    ]
    more = {"pageSize": "2", "orderBy": "name desc"}
    first = drive.listed("trashed=false", **more).json
    assert [file["name"] for file in first["files"]] == ["f5", "f4"]
    drive.send("DELETE", f"drive/v3/files/{ids[5]}")
    second = drive.listed("trashed=false", pageToken=first["nextPageToken"], **more).json
    assert [file["name"] for file in second["files"]] == ["f3", "f2"]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name", ["a", "b", "c"]),
        ("name desc", ["c", "b", "a"]),
        ("createdTime desc", ["b", "c", "a"]),
        ("folder,name", ["b", "a", "c"]),
        ("quotaBytesUsed desc,name", ["c", "a", "b"]),
        ("modifiedTime desc,createdTime desc", ["b", "c", "a"]),
    ],
)
def test_the_order_is_as_asked_for(drive: Drive, order: str, names: list[str]) -> None:
    drive.upload({"name": "a", "createdTime": "2020-01-01T00:00:00Z",
                  "modifiedTime": "2020-01-01T00:00:00Z"}, b"1")  # fmt: skip
    drive.upload({"name": "c", "createdTime": "2021-01-01T00:00:00Z",
                  "modifiedTime": "2021-01-01T00:00:00Z"}, b"22")  # fmt: skip
    drive.folder("b")
    assert drive.names("trashed=false", orderBy=order) == names


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "!!!"])
def test_an_invented_page_token_is_refused(drive: Drive, token: str) -> None:
    answer = drive.listed("", pageToken=token)
    assert (answer.status, answer.reason) == (400, "invalid")


def test_a_page_token_fits_its_own_query_only(drive: Drive) -> None:
    for name in "ab":
        drive.folder(name)
    token = drive.listed("trashed=false", pageSize="1").json["nextPageToken"]
    assert drive.listed("trashed=true", pageSize="1", pageToken=token).status == 400


@pytest.mark.parametrize("more", [{"pageSize": "0"}, {"pageSize": "1001"}, {"orderBy": "colour"}])
def test_a_wrong_size_or_order_is_refused(drive: Drive, more: dict[str, str]) -> None:
    assert drive.listed("", **more).status == 400


def test_the_wanted_fields_of_each_file_come(drive: Drive) -> None:
    drive.upload({"name": "a"}, b"12345")
    answer = drive.listed("", fields="nextPageToken,incompleteSearch,files(name,size)")
    assert answer.json == {"incompleteSearch": False, "files": [{"name": "a", "size": "5"}]}


def test_drive_file_shows_only_what_its_own_client_made(tmp_path: Path) -> None:
    clients = (("balancecloud-demo", "simulated-not-secret"), ("another", "word"))
    with running(Settings(data=tmp_path, clients=clients)) as sim:
        browser = Browser(sim.url)
        ours = drive_of(browser, "anna@example.com")
        file_id = ours.upload({"name": "a"}, b"x").json["id"]
        theirs = Drive(browser, _token_of_another(browser, DRIVE_FILE))
        assert theirs.names("") == []
        assert theirs.send("GET", f"drive/v3/files/{file_id}").reason == "notFound"
        assert theirs.upload({"parents": [file_id]}, b"x").reason == "notFound"
        everything = Drive(browser, _token_of_another(browser, DRIVE))
        assert everything.names("") == ["a"]


def _token_of_another(browser: Browser, scope: str) -> str:
    query = google_query(sim_person="anna@example.com", client_id="another", scope=scope)
    code = browser.send("GET", query).location_query["code"]
    fields = code_fields(code, client_id="another", client_secret="word")
    return str(browser.post_form(GOOGLE_TOKEN, fields).json["access_token"])
