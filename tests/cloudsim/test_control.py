"""The control interface, the request log, and hooks around routes."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from cloudsim.app import Settings, running
from cloudsim.routing import Call, Route
from cloudsim.wire.messages import Response, json_response
from tests.cloudsim.client import (
    GOOGLE_TOKEN,
    Browser,
    Drive,
    OneDrive,
    drive_of,
    google_query,
    google_tokens,
    refresh_fields,
)

pytestmark = pytest.mark.sim
ANNA = "accounts/google/anna@example.com"


def objects(browser: Browser, account: str = ANNA) -> list[dict[str, Any]]:
    return list(browser.control("GET", f"{account}/objects?sha256=1")["objects"])


def test_without_control_there_is_no_control(compat_browser: Browser) -> None:
    assert compat_browser.send("GET", "/_sim/accounts").status == 404


def test_the_first_people_are_there_and_more_can_be_added(browser: Browser) -> None:
    browser.control("POST", "people", {"address": "dora@example.com"})
    people = browser.control("GET", "people")["people"]
    assert {"address": "dora@example.com", "name": "Dora"} in people
    assert len(people) == 4


def test_objects_are_told_with_the_hash_of_the_bytes_as_they_lie(
    browser: Browser, drive: Drive
) -> None:
    drive.upload({"name": "a"}, b"hello")
    found = objects(browser)
    assert [(one["name"], one["size"]) for one in found] == [("a", 5)]
    assert found[0]["sha256"] == hashlib.sha256(b"hello").hexdigest()
    content = browser.send("GET", f"/_sim/{ANNA}/objects/{found[0]['id']}/content")
    assert content.data == b"hello"


def test_what_is_in_the_bin_is_told_too(browser: Browser, onedrive: OneDrive) -> None:
    item_id = onedrive.put("a.bin", b"x").json["id"]
    onedrive.send("DELETE", f"me/drive/items/{item_id}")
    found = objects(browser, "accounts/microsoft/anna@example.com")
    assert [(one["id"], one["trashed"]) for one in found] == [(item_id, True)]


def test_a_damaged_object_keeps_its_size_and_reported_hash(browser: Browser, drive: Drive) -> None:
    made = drive.upload({"name": "a"}, b"hello", "&fields=id,sha256Checksum").json
    browser.control("POST", f"{ANNA}/objects/{made['id']}/corrupt", {"offset": 1})
    answer = drive.send("GET", f"drive/v3/files/{made['id']}?alt=media")
    assert answer.data == b"hdllo"
    told = drive.send("GET", f"drive/v3/files/{made['id']}?fields=sha256Checksum").json
    assert told["sha256Checksum"] == made["sha256Checksum"]
    assert objects(browser)[0]["sha256"] != made["sha256Checksum"]


def test_an_object_vanishes_behind_the_owners_back(browser: Browser, drive: Drive) -> None:
    file_id = drive.upload({"name": "a"}, b"hello").json["id"]
    browser.control("DELETE", f"{ANNA}/objects/{file_id}")
    assert drive.send("GET", f"drive/v3/files/{file_id}").status == 404
    assert drive.quota()["usage"] == "0"


def test_a_gone_account_answers_503_until_it_is_back(browser: Browser, drive: Drive) -> None:
    browser.control("PUT", f"{ANNA}/state", {"state": "gone"})
    answer = drive.send("GET", "drive/v3/about?fields=user")
    assert (answer.status, answer.reason) == (503, "backendError")
    browser.control("PUT", f"{ANNA}/state", {"state": "on"})
    assert drive.send("GET", "drive/v3/about?fields=user").status == 200


def test_a_gone_onedrive_says_when_to_come_again(browser: Browser, onedrive: OneDrive) -> None:
    browser.control("PUT", "accounts/microsoft/anna@example.com/state", {"state": "gone"})
    answer = onedrive.send("GET", "me/drive")
    assert (answer.status, answer.reason) == (503, "serviceNotAvailable")
    assert answer.headers["Retry-After"] == "30"


def test_a_revoked_grant_is_dead_for_access_and_refresh(browser: Browser) -> None:
    tokens = google_tokens(browser, "anna@example.com")
    browser.control("POST", f"{ANNA}/revoke")
    assert Drive(browser, tokens["access_token"]).send("GET", "drive/v3/files").status == 401
    refreshed = browser.post_form(GOOGLE_TOKEN, refresh_fields(tokens["refresh_token"]))
    assert refreshed.json["error"] == "invalid_grant"


def test_expired_access_is_mended_by_a_refresh(browser: Browser) -> None:
    tokens = google_tokens(browser, "anna@example.com")
    browser.control("POST", f"{ANNA}/expire")
    assert Drive(browser, tokens["access_token"]).send("GET", "drive/v3/files").status == 401
    fresh = browser.post_form(GOOGLE_TOKEN, refresh_fields(tokens["refresh_token"])).json
    assert Drive(browser, fresh["access_token"]).send("GET", "drive/v3/files").status == 200


def test_a_reset_empties_the_world(browser: Browser, drive: Drive, tmp_path: Path) -> None:
    drive.upload({"name": "a"}, b"hello")
    browser.control("POST", "reset")
    assert browser.control("GET", "accounts")["accounts"] == []
    assert len(browser.control("GET", "people")["people"]) == 3
    assert list((tmp_path / "sim" / "blobs").glob("*/*")) == []
    assert drive.send("GET", "drive/v3/files").status == 401


def test_the_log_names_route_account_and_status(browser: Browser, drive: Drive) -> None:
    drive.upload({"name": "a"}, b"hello")
    last = browser.control("GET", "log")["requests"][-1]
    assert (last["provider"], last["route"]) == ("google", "upload.multipart")
    assert (last["account"], last["status"]) == ("anna@example.com", 200)
    assert browser.control("GET", f"log?since={last['number']}")["requests"] == []


def test_the_log_knows_also_what_is_nowhere(browser: Browser) -> None:
    browser.send("GET", "/google/drive/v9/files")
    last = browser.control("GET", "log")["requests"][-1]
    assert (last["provider"], last["route"], last["status"]) == ("google", "", 404)


def test_the_log_holds_no_token_and_no_secret_address(browser: Browser, onedrive: OneDrive) -> None:
    item_id = onedrive.put("a.bin", b"x").json["id"]
    address = onedrive.send("GET", f"me/drive/items/{item_id}/content").location
    upload = onedrive.begin("b.bin", fileSize=1).json["uploadUrl"]
    browser.send("GET", address)
    browser.send("GET", upload)
    log = browser.send("GET", "/_sim/log").data.decode()
    for secret in (onedrive.token, address.rpartition("/")[2], upload.rpartition("/")[2]):
        assert secret not in log


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("GET", "accounts/google/nobody@example.com", None, 404),
        ("PUT", f"{ANNA}/quota", {"total": "much"}, 400),
        ("PUT", f"{ANNA}/state", {"state": "tired"}, 400),
        ("POST", "clock", {"seconds": -1}, 400),
        ("POST", "people", {"address": "nobody"}, 400),
        ("DELETE", f"{ANNA}/objects/nothing", None, 404),
        ("GET", "log?since=x", None, 400),
    ],
)
def test_nonsense_is_refused(
    browser: Browser, drive: Drive, method: str, path: str, value: Any, status: int
) -> None:
    assert browser.send(method, f"/_sim/{path}", json=value).status == status


class Rain:
    """Answers 429 in place of each listing, and marks every answer."""

    def before(self, route: Route, call: Call) -> Response | None:
        is_listing = (route.provider, route.name) == ("google", "files.list")
        whose = call.caller.account.person.address if call.caller else ""
        return json_response({"for": whose}, 429) if is_listing else None

    def after(self, route: Route, call: Call, response: Response) -> Response:
        return response.with_headers(("X-Rain", route.name))


def test_a_hook_answers_in_a_routes_place_and_changes_answers(tmp_path: Path) -> None:
    with running(Settings(data=tmp_path), hooks=[Rain()]) as sim:
        browser = Browser(sim.url)
        drive = drive_of(browser, "anna@example.com")
        refused = drive.send("GET", "drive/v3/files")
        assert (refused.status, refused.json) == (429, {"for": "anna@example.com"})
        assert browser.send("GET", google_query()).headers["X-Rain"] == "oauth.authorize"
