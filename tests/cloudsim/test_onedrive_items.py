"""The drive and its items over Graph."""

from urllib.parse import quote

import pytest

from tests.cloudsim.client import Browser, OneDrive, microsoft_tokens, onedrive_of

pytestmark = pytest.mark.sim
CONTENT = bytes(range(256)) * 4


def made(onedrive: OneDrive, path: str = "a.bin", content: bytes = CONTENT) -> str:
    answer = onedrive.put(path, content)
    assert answer.status == 201, answer
    return str(answer.json["id"])


def test_a_personal_drive_tells_its_kind_owner_and_quota_in_numbers(onedrive: OneDrive) -> None:
    answer = onedrive.send("GET", "me/drive").json
    assert answer["driveType"] == "personal"
    assert len(answer["id"]) == 16
    assert answer["owner"]["user"]["displayName"] == "Anna"
    assert answer["quota"] == {
        "total": 15 * 1024**3,
        "used": 0,
        "remaining": 15 * 1024**3,
        "deleted": 0,
        "state": "normal",
    }


def test_a_work_drive_has_other_ids(work_drive: OneDrive) -> None:
    answer = work_drive.send("GET", "me/drive").json
    assert answer["driveType"] == "business"
    assert answer["id"].startswith("b!")
    assert made(work_drive).startswith("01")


def test_the_drive_is_the_same_after_a_new_consent(browser: Browser) -> None:
    first = onedrive_of(browser, "anna@example.com").send("GET", "me/drive?$select=id").json
    assert first == onedrive_of(browser, "anna@example.com").send("GET", "me/drive?$select=id").json


def test_a_personal_drive_id_is_known_in_any_case(onedrive: OneDrive) -> None:
    drive_id = onedrive.send("GET", "me/drive").json["id"]
    assert onedrive.send("GET", f"drives/{drive_id.upper()}").json["id"] == drive_id
    assert onedrive.send("GET", f"drives/{drive_id.upper()}/root").status == 200


def test_another_drive_is_not_found(onedrive: OneDrive) -> None:
    assert onedrive.send("GET", "drives/0123456789abcdef/root").reason == "itemNotFound"


def test_the_user_is_told(onedrive: OneDrive) -> None:
    assert onedrive.send("GET", "me").json["userPrincipalName"] == "anna@example.com"


def test_a_file_has_everything_clients_need(onedrive: OneDrive) -> None:
    item = onedrive.send("GET", f"me/drive/items/{made(onedrive, 'box/a.bin')}").json
    needed = {"id", "name", "size", "eTag", "cTag", "createdDateTime", "lastModifiedDateTime"}
    assert needed <= item.keys()
    assert item["parentReference"]["path"] == "/drive/root:/box"
    assert item["parentReference"]["driveType"] == "personal"
    assert item["file"]["hashes"].keys() == {"quickXorHash"}
    assert item["createdDateTime"].endswith("Z")
    assert "!" in item["id"]


def test_an_empty_file_has_no_hash(onedrive: OneDrive) -> None:
    answer = onedrive.put("a.bin", b"")
    assert (answer.status, answer.json["size"]) == (201, 0)
    assert "hashes" not in answer.json["file"]


def test_the_root_says_so(onedrive: OneDrive) -> None:
    made(onedrive)
    root = onedrive.send("GET", "me/drive/root").json
    assert (root["root"], root["folder"], root["size"]) == ({}, {"childCount": 1}, 1024)
    assert onedrive.send("GET", f"me/drive/items/{root['id']}").json["root"] == {}


@pytest.mark.parametrize(
    "path",
    [
        "me/drive/root:/box/a.bin",
        "me/drive/root:/box/a.bin:",
        "me/drive/root:/BOX/A.BIN:",
        "me/drive/root%3A/box/a.bin%3A",
        "me/drive/root:/box/a%2Ebin",
    ],
)
def test_a_path_is_read_in_each_spelling(onedrive: OneDrive, path: str) -> None:
    item_id = made(onedrive, "box/a.bin")
    assert onedrive.send("GET", path).json["id"] == item_id


def test_a_name_below_an_id_is_found(onedrive: OneDrive) -> None:
    item_id = made(onedrive, "box/a.bin")
    box = onedrive.send("GET", "me/drive/root:/box").json["id"]
    assert onedrive.send("GET", f"me/drive/items/{box}:/a.bin").json["id"] == item_id
    put = onedrive.send("PUT", f"me/drive/items/{box}:/b.bin:/content", body=b"x")
    assert put.json["parentReference"]["id"] == box


@pytest.mark.parametrize("name", ["50% off #1.bin", "ünïcode ✓.bin", "a+b&c=d.bin", "it's.bin"])
def test_odd_names_survive(onedrive: OneDrive, name: str) -> None:
    assert onedrive.put(name, b"x").json["name"] == name
    assert onedrive.send("GET", f"me/drive/root:/{quote(name)}").json["name"] == name


@pytest.mark.parametrize(
    "name", ["a*b", 'a"b', "a<b", "a?b", "a|b", "~a", " a", "a.", "a ", "a\\b"]
)
def test_forbidden_names_are_refused(onedrive: OneDrive, name: str) -> None:
    answer = onedrive.put(name, b"x")
    assert (answer.status, answer.reason) == (400, "invalidRequest")


def test_a_path_of_400_characters_is_too_long(onedrive: OneDrive) -> None:
    answer = onedrive.put("/".join(["a" * 100] * 4), b"x")
    assert answer.json["error"]["innerError"]["code"] == "pathIsTooLong"


def test_a_missing_item_is_not_found_with_ids_for_support(onedrive: OneDrive) -> None:
    answer = onedrive.send("GET", "me/drive/items/nothing", headers={"client-request-id": "c-1"})
    assert (answer.status, answer.reason) == (404, "itemNotFound")
    inner = answer.json["error"]["innerError"]
    assert inner["client-request-id"] == "c-1"
    assert answer.headers["request-id"] == inner["request-id"]


def test_another_persons_item_is_not_found(browser: Browser, onedrive: OneDrive) -> None:
    ben = onedrive_of(browser, "ben@example.com")
    assert ben.send("GET", f"me/drive/items/{made(onedrive)}").reason == "itemNotFound"


def test_children_come_in_pages_with_an_absolute_link(onedrive: OneDrive) -> None:
    for number in range(5):
        made(onedrive, f"box/f{number}", b"x")
    page = onedrive.send("GET", "me/drive/root:/box:/children?$top=2&$select=id,name").json
    names = [item["name"] for item in page["value"]]
    assert page["value"][0].keys() == {"id", "name"}
    while link := page.get("@odata.nextLink"):
        assert link.startswith(onedrive.browser.base)
        headers = {"Authorization": f"Bearer {onedrive.token}"}
        page = onedrive.browser.send("GET", link, headers=headers).json
        names += [item["name"] for item in page["value"]]
    assert names == ["f0", "f1", "f2", "f3", "f4"]


def test_an_invented_skip_token_is_refused(onedrive: OneDrive) -> None:
    assert onedrive.send("GET", "me/drive/root/children?$skiptoken=x").status == 400


def test_a_file_has_no_children(onedrive: OneDrive) -> None:
    path = f"me/drive/items/{made(onedrive)}"
    assert onedrive.send("GET", f"{path}/children").status == 400
    assert onedrive.send("PUT", f"{path}:/b.bin:/content", body=b"x").status == 400


def test_a_folder_is_made_once_under_fail(onedrive: OneDrive) -> None:
    sent = {"name": "box", "folder": {}, "@microsoft.graph.conflictBehavior": "fail"}
    first = onedrive.send("POST", "me/drive/root/children", json=sent)
    assert (first.status, first.json["folder"]) == (201, {"childCount": 0})
    again = onedrive.send("POST", "me/drive/root/children", json={**sent, "name": "BOX"})
    assert (again.status, again.reason) == (409, "nameAlreadyExists")


def test_a_folder_is_numbered_under_rename(onedrive: OneDrive) -> None:
    sent = {"name": "box", "folder": {}, "@microsoft.graph.conflictBehavior": "rename"}
    names = [onedrive.send("POST", "me/drive/root/children", json=sent).json["name"] for _ in "ab"]
    assert names == ["box", "box 1"]


def test_content_is_elsewhere_and_takes_a_range_without_a_token(onedrive: OneDrive) -> None:
    answer = onedrive.send("GET", f"me/drive/items/{made(onedrive)}/content")
    assert (answer.status, answer.data) == (302, b"")
    part = onedrive.browser.send("GET", answer.location, headers={"Range": "bytes=3-9"})
    assert (part.status, part.data) == (206, CONTENT[3:10])
    assert part.headers["Content-Range"] == "bytes 3-9/1024"
    assert onedrive.browser.send("GET", answer.location).data == CONTENT


def test_a_range_past_the_end_is_416(onedrive: OneDrive) -> None:
    address = onedrive.send("GET", f"me/drive/items/{made(onedrive)}/content").location
    answer = onedrive.browser.send("GET", address, headers={"Range": "bytes=1024-"})
    assert (answer.status, answer.reason) == (416, "invalidRange")
    assert answer.headers["Content-Range"] == "bytes */1024"


def test_strictly_a_token_at_the_download_address_is_401(onedrive: OneDrive) -> None:
    address = onedrive.send("GET", f"me/drive/items/{made(onedrive)}/content").location
    headers = {"Authorization": f"Bearer {onedrive.token}"}
    assert onedrive.browser.send("GET", address, headers=headers).status == 401


def test_compatibly_a_token_there_is_borne_with(compat_browser: Browser) -> None:
    onedrive = onedrive_of(compat_browser, "anna@example.com")
    address = onedrive.send("GET", f"me/drive/items/{made(onedrive)}/content").location
    headers = {"Authorization": f"Bearer {onedrive.token}"}
    assert compat_browser.send("GET", address, headers=headers).data == CONTENT


def test_a_download_address_expires(browser: Browser, onedrive: OneDrive) -> None:
    address = onedrive.send("GET", f"me/drive/items/{made(onedrive)}/content").location
    browser.control("POST", "clock", {"seconds": 901})
    assert browser.send("GET", address).status == 401


def test_a_changed_download_address_is_refused(onedrive: OneDrive) -> None:
    address = onedrive.send("GET", f"me/drive/items/{made(onedrive)}/content").location
    changed = address[:-1] + ("A" if address[-1] != "A" else "B")
    for other in (changed, address[:-20], address.rpartition("/")[0] + "/x"):
        assert onedrive.browser.send("GET", other).status == 401


def test_the_download_address_is_selected_beside_the_id_only(onedrive: OneDrive) -> None:
    path, url = f"me/drive/items/{made(onedrive)}", "@microsoft.graph.downloadUrl"
    assert url in onedrive.send("GET", path).json
    assert onedrive.send("GET", f"{path}?$select=id,{url}").json.keys() == {"id", url}
    assert onedrive.send("GET", f"{path}?$select=name,{url}").json.keys() == {"name"}


def test_deleting_goes_to_the_bin_which_counts(onedrive: OneDrive) -> None:
    item_id = made(onedrive)
    assert onedrive.send("DELETE", f"me/drive/items/{item_id}").status == 204
    assert onedrive.send("DELETE", f"me/drive/items/{item_id}").status == 404
    assert (onedrive.quota()["used"], onedrive.quota()["deleted"]) == (1024, 1024)


def test_a_binned_name_is_free_again(onedrive: OneDrive) -> None:
    onedrive.send("DELETE", f"me/drive/items/{made(onedrive)}")
    assert onedrive.put("a.bin", b"x").status == 201


def test_deleting_a_folder_takes_its_files_along(onedrive: OneDrive) -> None:
    item_id = made(onedrive, "box/deep/a.bin")
    onedrive.send("DELETE", "me/drive/root:/box")
    assert onedrive.send("GET", f"me/drive/items/{item_id}").status == 404
    assert onedrive.quota()["deleted"] == 1024


def test_a_work_account_deletes_for_good(work_drive: OneDrive) -> None:
    item_id = made(work_drive)
    path = f"me/drive/items/{item_id}/permanentDelete"
    assert work_drive.send("POST", path).status == 204
    assert work_drive.quota()["used"] == 0
    assert work_drive.send("POST", path).status == 404


def test_a_personal_account_has_no_permanent_delete(onedrive: OneDrive) -> None:
    answer = onedrive.send("POST", f"me/drive/items/{made(onedrive)}/permanentDelete")
    assert (answer.status, answer.json["error"]["message"]) == (400, "API not found")


def test_renaming_and_moving_keep_the_id(onedrive: OneDrive) -> None:
    item_id, box = made(onedrive), made_folder(onedrive, "box")
    sent = {"name": "b.bin", "parentReference": {"id": box}}
    answer = onedrive.send("PATCH", f"me/drive/items/{item_id}", json=sent).json
    assert (answer["id"], answer["name"]) == (item_id, "b.bin")
    assert onedrive.send("GET", "me/drive/root:/box/b.bin").json["id"] == item_id


def made_folder(onedrive: OneDrive, name: str) -> str:
    sent = {"name": name, "folder": {}}
    return str(onedrive.send("POST", "me/drive/root/children", json=sent).json["id"])


def test_moving_onto_a_taken_name_is_refused(onedrive: OneDrive) -> None:
    made(onedrive, "a.bin")
    item_id = made(onedrive, "b.bin")
    answer = onedrive.send("PATCH", f"me/drive/items/{item_id}", json={"name": "A.bin"})
    assert answer.reason == "nameAlreadyExists"


def test_a_folder_is_not_moved_into_itself(onedrive: OneDrive) -> None:
    box = made_folder(onedrive, "box")
    sent = {"parentReference": {"id": box}}
    assert onedrive.send("PATCH", f"me/drive/items/{box}", json=sent).status == 400


def test_a_stale_etag_is_412(onedrive: OneDrive) -> None:
    path = f"me/drive/items/{made(onedrive)}"
    etag = onedrive.send("GET", path).json["eTag"]
    headers = {"If-Match": etag}
    assert onedrive.send("PATCH", path, json={"name": "b"}, headers=headers).status == 200
    answer = onedrive.send("DELETE", path, headers=headers)
    assert (answer.status, answer.reason) == (412, "resourceModified")


def test_the_app_folder_is_made_and_bounds_its_scope(browser: Browser) -> None:
    scope = "Files.ReadWrite.AppFolder"
    token = microsoft_tokens(browser, "ben@example.com", scope=scope)["access_token"]
    onedrive = OneDrive(browser, token)
    put = onedrive.send("PUT", "me/drive/special/approot:/a.bin:/content", body=b"x")
    assert put.status == 201
    assert onedrive.send("GET", f"me/drive/items/{put.json['id']}").status == 200
    outside = onedrive.send("GET", "me/drive/root/children")
    assert (outside.status, outside.reason) == (403, "accessDenied")


def test_the_bound_scope_does_not_reach_other_items(browser: Browser) -> None:
    item_id = made(onedrive_of(browser, "ben@example.com"))
    grantless = onedrive_of(browser, "chiara@example.com", scope="Files.ReadWrite.AppFolder")
    assert grantless.send("GET", f"me/drive/items/{item_id}").status == 404


def test_an_unknown_path_is_a_bad_request(onedrive: OneDrive) -> None:
    assert onedrive.send("GET", "me/calendar").status == 400


def test_unreadable_json_is_a_bad_request(onedrive: OneDrive) -> None:
    answer = onedrive.send("POST", "me/drive/root/children", body=b"[1]")
    assert (answer.status, answer.reason) == (400, "BadRequest")


def test_a_folder_that_is_there_stays_under_replace(onedrive: OneDrive) -> None:
    onedrive.put("kept/a", b"x")
    sent = {"name": "kept", "folder": {}, "@microsoft.graph.conflictBehavior": "replace"}
    answer = onedrive.send("POST", "me/drive/root/children", json=sent)
    assert (answer.status, answer.json["folder"]["childCount"]) == (200, 1)


def test_a_folder_is_made_with_what_is_missing_of_its_path(onedrive: OneDrive) -> None:
    sent = {"name": "c", "folder": {}}
    answer = onedrive.send("POST", "me/drive/root:/a/b:/children", json=sent)
    assert answer.status == 201
    assert answer.json["parentReference"]["path"] == "/drive/root:/a/b"


def test_the_app_folder_takes_no_session_before_it_is_made(browser: Browser) -> None:
    onedrive = onedrive_of(browser, "anna@example.com", scope="Files.ReadWrite.AppFolder")
    address = "me/drive/special/approot:/a:/createUploadSession"
    assert onedrive.send("POST", address, json={}).status == 403
    onedrive.send("GET", "me/drive/special/approot")
    assert onedrive.send("POST", address, json={}).status == 200
