"""What changed: changes of Drive, and delta of Graph."""

import pytest

from tests.cloudsim.client import DRIVE, Answer, Browser, Drive, OneDrive, drive_of

pytestmark = pytest.mark.sim


def start_of(drive: Drive) -> str:
    return str(drive.send("GET", "drive/v3/changes/startPageToken").json["startPageToken"])


def changes(drive: Drive, token: str, more: str = "") -> Answer:
    return drive.send("GET", f"drive/v3/changes?pageToken={token}{more}")


def test_what_is_made_changed_and_removed_shows_up_once_each(drive: Drive) -> None:
    token = start_of(drive)
    kept = drive.upload({"name": "kept"}, b"x").json["id"]
    gone = drive.upload({"name": "gone"}, b"x").json["id"]
    drive.send("PATCH", f"drive/v3/files/{kept}", json={"name": "renamed"})
    drive.send("DELETE", f"drive/v3/files/{gone}")
    page = changes(drive, token).json
    seen = [(one["fileId"], one["removed"], one.get("file", {}).get("name"))
            for one in page["changes"]]  # fmt: skip
    assert seen == [(kept, False, "renamed"), (gone, True, None)]
    assert changes(drive, page["newStartPageToken"]).json["changes"] == []


def test_an_id_that_was_given_up_can_be_taken_again_and_tells_so(drive: Drive) -> None:
    file_id = drive.send("GET", "drive/v3/files/generateIds?count=1").json["ids"][0]
    drive.upload({"id": file_id, "name": "first"}, b"x")
    drive.send("DELETE", f"drive/v3/files/{file_id}")
    token = start_of(drive)
    assert drive.upload({"id": file_id, "name": "second"}, b"y").status == 200
    told = changes(drive, token).json["changes"]
    assert [(one["fileId"], one["removed"], one["file"]["name"]) for one in told] == [
        (file_id, False, "second")
    ]


def test_changes_come_in_pages_that_end_in_a_new_start(drive: Drive) -> None:
    token = start_of(drive)
    wanted = [drive.upload({"name": str(number)}, b"").json["id"] for number in range(5)]
    seen = []
    while True:
        page = changes(drive, token, "&pageSize=2").json
        seen += [one["fileId"] for one in page["changes"]]
        if "newStartPageToken" in page:
            break
        token = page["nextPageToken"]
    assert seen == wanted
    assert start_of(drive) == page["newStartPageToken"]


def test_removals_may_be_left_out(drive: Drive) -> None:
    token = start_of(drive)
    gone = drive.upload({"name": "gone"}, b"x").json["id"]
    drive.send("DELETE", f"drive/v3/files/{gone}")
    assert changes(drive, token, "&includeRemoved=false").json["changes"] == []


def test_a_client_sees_the_changes_of_its_own_files_only(browser: Browser) -> None:
    anna = drive_of(browser, "anna@example.com")
    ben = drive_of(browser, "ben@example.com", scope=DRIVE)
    token = start_of(anna)
    ben.upload({"name": "his"}, b"x")
    assert changes(anna, token).json["changes"] == []


@pytest.mark.parametrize("token", ["", "0", "x", "-1"])
def test_an_invented_page_token_is_refused(drive: Drive, token: str) -> None:
    answer = changes(drive, token)
    assert (answer.status, answer.reason) == (400, "invalid")


def delta(onedrive: OneDrive, query: str = "", where: str = "root") -> Answer:
    return onedrive.send("GET", f"me/drive/{where}/delta{query}")


def follow(onedrive: OneDrive, link: str) -> Answer:
    headers = {"Authorization": f"Bearer {onedrive.token}"}
    return onedrive.browser.send("GET", link, headers=headers)


def names(answer: Answer) -> list[str]:
    return [item.get("name", "deleted") for item in answer.json["value"]]


def test_at_first_delta_tells_everything_and_nothing_that_is_gone(onedrive: OneDrive) -> None:
    onedrive.put("a/b", b"x")
    made = onedrive.put("gone", b"x").json["id"]
    onedrive.send("DELETE", f"me/drive/items/{made}")
    answer = delta(onedrive)
    assert names(answer) == ["root", "a", "b"]
    assert "token=" in answer.json["@odata.deltaLink"]


def test_afterwards_it_tells_what_changed_and_what_was_deleted(onedrive: OneDrive) -> None:
    gone = onedrive.put("gone", b"x").json["id"]
    link = delta(onedrive).json["@odata.deltaLink"]
    assert follow(onedrive, link).json["value"] == []
    onedrive.put("new", b"x")
    onedrive.send("DELETE", f"me/drive/items/{gone}")
    answer = follow(onedrive, link)
    assert names(answer) == ["new", "deleted"]
    deleted = answer.json["value"][1]
    assert (deleted["id"], deleted["deleted"]) == (gone, {"state": "deleted"})


def test_latest_begins_now(onedrive: OneDrive) -> None:
    onedrive.put("old", b"x")
    answer = delta(onedrive, "?token=latest")
    assert answer.json["value"] == []
    onedrive.put("new", b"x")
    assert names(follow(onedrive, answer.json["@odata.deltaLink"])) == ["new"]


def test_delta_comes_in_pages_by_absolute_links(onedrive: OneDrive) -> None:
    for number in range(5):
        onedrive.put(f"n{number}", b"x")
    answer = delta(onedrive, "?$top=2&$select=id,name")
    seen = names(answer)
    while link := answer.json.get("@odata.nextLink"):
        assert link.startswith(f"{onedrive.browser.base}/microsoft/v1.0/me/drive/root/delta?$top=2")
        answer = follow(onedrive, link)
        seen += names(answer)
    assert seen == ["root", "n0", "n1", "n2", "n3", "n4"]
    assert follow(onedrive, answer.json["@odata.deltaLink"]).json["value"] == []


def test_what_goes_between_two_pages_is_told(onedrive: OneDrive) -> None:
    made = [onedrive.put(f"n{number}", b"x").json["id"] for number in range(3)]
    first = delta(onedrive, "?$top=2")
    onedrive.send("DELETE", f"me/drive/items/{made[0]}")
    assert names(follow(onedrive, first.json["@odata.nextLink"])) == ["n2", "deleted"]


def test_a_folders_delta_tells_of_that_folder_alone(onedrive: OneDrive) -> None:
    onedrive.put("in/a", b"x")
    onedrive.put("out/b", b"x")
    assert names(delta(onedrive, where="root:/in:")) == ["in", "a"]


def test_an_old_or_invented_token_starts_anew(browser: Browser, onedrive: OneDrive) -> None:
    link = delta(onedrive).json["@odata.deltaLink"]
    browser.control("POST", "clock", {"seconds": 3000})
    assert follow(onedrive, link).status == 200
    for bad in (delta(onedrive, "?token=nonsense"), follow(onedrive, link + "A")):
        assert (bad.status, bad.reason) == (410, "resyncRequired")
        assert follow(onedrive, bad.location).status == 200
