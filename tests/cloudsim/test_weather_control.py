"""The weather and the acts as JSON."""

import hashlib
from typing import Any

import pytest

from cloudsim.weather.sky import Weather
from tests.cloudsim.client import (
    MICROSOFT_TOKEN,
    Browser,
    Drive,
    OneDrive,
    microsoft_tokens,
    onedrive_of,
    refresh_fields,
)

pytestmark = pytest.mark.sim
ANNA = "accounts/google/anna@example.com"
ONEDRIVE = "accounts/microsoft/anna@example.com"
WHERE = "google/anna@example.com"
DROP = {"kind": "drop", "when": "after"}


def test_conditions_are_set_shown_and_taken_back(browser: Browser, drive: Drive) -> None:
    shown = browser.control("PUT", f"weather/conditions/{WHERE}", {"full": True})
    (one,) = shown["conditions"]
    assert (one["provider"], one["account"]) == ("google", "anna@example.com")
    assert one["conditions"] == {"full": True}
    assert drive.upload({"name": "a"}, b"x").reason == "storageQuotaExceeded"
    assert browser.control("DELETE", f"weather/conditions/{WHERE}")["conditions"] == []
    assert drive.upload({"name": "a"}, b"x").status == 200


def test_conditions_for_all_give_way_to_those_of_one(browser: Browser, drive: Drive) -> None:
    browser.control("PUT", "weather/conditions/google/*", {"outage": "unavailable"})
    assert drive.send("GET", "drive/v3/files").status == 503
    browser.control("PUT", f"weather/conditions/{WHERE}", {})
    assert drive.send("GET", "drive/v3/files").status == 200


def test_rules_are_added_counted_and_removed(browser: Browser, drive: Drive) -> None:
    sent = {"effect": {"kind": "answer", "status": 500}, "route": "files.list", "times": None}
    made = browser.control("POST", "weather/rules", sent)
    assert (made["name"], made["effect"]["status"], made["times"]) == ("rule-1", 500, None)
    assert drive.send("GET", "drive/v3/files").status == 500
    (shown,) = browser.control("GET", "weather")["rules"]
    assert (shown["calls"], shown["hits"]) == (1, 1)
    assert browser.control("DELETE", "weather/rules/rule-1")["rules"] == []
    assert drive.send("GET", "drive/v3/files").status == 200


def test_a_seed_is_set_and_fair_weather_keeps_it(browser: Browser) -> None:
    assert browser.control("PUT", "weather/seed", {"seed": 42})["seed"] == 42
    browser.control("POST", "weather/rules", {"effect": DROP})
    cleared = browser.control("DELETE", "weather")
    assert (cleared["seed"], cleared["rules"], cleared["conditions"]) == (42, [], [])


def test_a_reset_brings_fair_weather(browser: Browser, weather: Weather) -> None:
    browser.control("PUT", "weather/seed", {"seed": 42})
    browser.control("POST", "weather/rules", {"effect": DROP})
    browser.control("PUT", "weather/conditions/google/*", {"full": True})
    browser.control("POST", "reset")
    shown = browser.control("GET", "weather")
    assert (shown["seed"], shown["rules"], shown["conditions"]) == (1, [], [])
    assert browser.control("GET", "weather/marks")["marks"] == []


def test_marks_are_read_and_forgotten(browser: Browser, drive: Drive) -> None:
    drive.upload({"name": "a"}, b"x")
    marks = browser.control("GET", "weather/marks")["marks"]
    annas = next(one for one in marks if one["account"] == "anna@example.com")
    assert (annas["requests"], annas["creations"]) == (1, 1)
    browser.control("DELETE", "weather/marks")
    marks = browser.control("GET", "weather/marks")["marks"]
    assert {one["requests"] for one in marks} == {0}


def test_a_preset_is_chosen_by_its_word(browser: Browser, drive: Drive) -> None:
    shown = browser.control("PUT", f"weather/presets/{WHERE}", {"preset": "unreachable"})
    assert shown["conditions"][0]["conditions"] == {"outage": "hangup"}


@pytest.mark.parametrize(
    ("method", "path", "value", "status"),
    [
        ("PUT", "weather/seed", {"seed": "lucky"}, 400),
        ("PUT", f"weather/conditions/{WHERE}", {"mood": "grey"}, 400),
        ("PUT", f"weather/presets/{WHERE}", {"preset": "snow"}, 400),
        ("PUT", f"weather/presets/{WHERE}", {"preset": ["fair"]}, 400),
        ("PUT", "weather/presets/google/nobody@example.com", {"preset": "fair"}, 404),
        ("POST", "weather/rules", {"effect": {"kind": "hail"}}, 400),
        ("DELETE", "weather/rules/none", None, 404),
        ("POST", f"{ANNA}/objects/nothing/trash", None, 404),
    ],
)
def test_nonsense_is_refused(
    browser: Browser, drive: Drive, method: str, path: str, value: Any, status: int
) -> None:
    assert browser.send(method, f"/_sim/{path}", json=value).status == status


def test_two_rules_cannot_have_one_name(browser: Browser) -> None:
    rule = {"effect": DROP, "name": "one"}
    browser.control("POST", "weather/rules", rule)
    assert browser.send("POST", "/_sim/weather/rules", json=rule).status == 409


def test_a_name_that_was_removed_is_given_again(browser: Browser) -> None:
    for _ in range(2):
        browser.control("POST", "weather/rules", {"effect": DROP})
    browser.control("DELETE", "weather/rules/rule-1")
    assert browser.control("POST", "weather/rules", {"effect": DROP})["name"] == "rule-1"


def test_an_object_is_binned_and_restored_behind_our_back(browser: Browser, drive: Drive) -> None:
    file_id = drive.upload({"name": "a"}, b"hello").json["id"]
    browser.control("POST", f"{ANNA}/objects/{file_id}/trash")
    assert drive.names("trashed = true") == ["a"]
    browser.control("POST", f"{ANNA}/objects/{file_id}/restore")
    assert drive.names("trashed = false") == ["a"]


def test_an_object_is_renamed_and_moved_behind_our_back(
    browser: Browser, onedrive: OneDrive
) -> None:
    item_id = onedrive.put("a.bin", b"hello").json["id"]
    folder_id = onedrive.put("folder/b.bin", b"hello").json["parentReference"]["id"]
    there = {"name": "c.bin", "parent": folder_id}
    browser.control("POST", f"{ONEDRIVE}/objects/{item_id}/move", there)
    assert onedrive.send("GET", "me/drive/root:/folder/c.bin").json["id"] == item_id
    taken = {"name": "b.bin"}
    answer = browser.send("POST", f"/_sim/{ONEDRIVE}/objects/{item_id}/move", json=taken)
    assert answer.status == 409


def test_an_object_is_rolled_back_with_an_honest_hash(browser: Browser, drive: Drive) -> None:
    made = drive.upload({"name": "a"}, b"first").json
    address = f"/_sim/{ANNA}/objects/{made['id']}/content"
    first = browser.send("GET", address).data
    kind = {"Content-Type": "application/octet-stream"}
    update = f"upload/drive/v3/files/{made['id']}?uploadType=media"
    drive.send("PATCH", update, body=b"second", headers=kind)
    assert browser.send("PUT", address, body=first).status == 200
    assert drive.send("GET", f"drive/v3/files/{made['id']}?alt=media").data == b"first"
    told = drive.send("GET", f"drive/v3/files/{made['id']}?fields=sha256Checksum,size").json
    assert told == {"sha256Checksum": hashlib.sha256(b"first").hexdigest(), "size": "5"}
    assert drive.quota()["usage"] == "5"


@pytest.mark.parametrize("honest", [True, False])
def test_two_contents_change_places(browser: Browser, drive: Drive, honest: bool) -> None:
    one, other = (drive.upload({"name": name}, name.encode()).json["id"] for name in ("a", "bb"))
    swap = {"with": other, "honest": honest}
    browser.control("POST", f"{ANNA}/objects/{one}/swap", swap)
    assert drive.send("GET", f"drive/v3/files/{one}?alt=media").data == b"bb"
    assert drive.send("GET", f"drive/v3/files/{other}?alt=media").data == b"a"
    told = drive.send("GET", f"drive/v3/files/{one}?fields=sha256Checksum").json
    hashed = b"bb" if honest else b"a"
    assert told["sha256Checksum"] == hashlib.sha256(hashed).hexdigest()


def test_a_refresh_token_is_rotated_away(browser: Browser) -> None:
    tokens = microsoft_tokens(browser, "anna@example.com")
    browser.control("POST", f"{ONEDRIVE}/rotate-away")
    refused = browser.post_form(MICROSOFT_TOKEN, refresh_fields(tokens["refresh_token"]))
    assert refused.json["error"] == "invalid_grant"
    assert OneDrive(browser, tokens["access_token"]).send("GET", "me/drive").status == 200


def test_a_drive_id_that_starts_with_zero_is_told_short(browser: Browser) -> None:
    onedrive = onedrive_of(browser, "anna@example.com")
    browser.control("POST", f"{ONEDRIVE}/zero-drive-id")
    whole = onedrive.send("GET", "me/drive").json["id"]
    assert whole.startswith("0")
    conditions = {"drive_ids": "short"}
    browser.control("PUT", "weather/conditions/microsoft/anna@example.com", conditions)
    assert onedrive.send("GET", "me/drive").json["id"] == whole.lstrip("0")
    assert onedrive.send("GET", f"drives/{whole.lstrip('0')}/root").status == 200
