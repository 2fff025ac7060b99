"""Answers that are not true, or not what was asked for."""

import hashlib
from typing import Any

import pytest

from cloudsim.weather.effects import Damage, Effect, Garble, Lie, Pages, Redirect, Repeat, Twin
from cloudsim.weather.rules import Rule
from cloudsim.weather.sky import Weather
from tests.cloudsim.client import Drive, OneDrive

pytestmark = pytest.mark.sim
LISTING = "drive/v3/files"


def rule(weather: Weather, effect: Effect, route: str = "*", **more: Any) -> None:
    weather.add_rule(Rule(f"r{len(weather.rules())}", effect, route=route, **more))


def test_a_reported_hash_lies(weather: Weather, drive: Drive, onedrive: OneDrive) -> None:
    rule(weather, Lie("hash"), times=None)
    digest = hashlib.sha256(b"hello").hexdigest()
    made = drive.upload({"name": "a"}, b"hello", "&fields=sha256Checksum").json
    assert len(made["sha256Checksum"]) == len(digest)
    assert made["sha256Checksum"] != digest
    item = onedrive.put("a.bin", b"hello").json
    weather.clear()
    honest = onedrive.send("GET", f"me/drive/items/{item['id']}").json
    assert honest["file"]["hashes"] != item["file"]["hashes"]
    assert honest["size"] == item["size"]


def test_a_hash_can_be_missing_and_a_size_wrong(weather: Weather, onedrive: OneDrive) -> None:
    rule(weather, Lie("no_hash"), "item.put")
    rule(weather, Lie("size"), "item.put")
    assert "hashes" not in onedrive.put("a.bin", b"hello").json["file"]
    assert onedrive.put("b.bin", b"hello").json["size"] == 6


def test_garbage_is_stored_under_a_hash_that_looks_right(weather: Weather, drive: Drive) -> None:
    rule(weather, Damage(at=-1), "upload.*")
    made = drive.upload({"name": "a"}, b"hello", "&fields=id,sha256Checksum").json
    assert made["sha256Checksum"] == hashlib.sha256(b"hello").hexdigest()
    assert drive.send("GET", f"drive/v3/files/{made['id']}?alt=media").data == b"helln"


def test_damage_finds_the_object_of_an_answer_without_its_id(
    weather: Weather, drive: Drive
) -> None:
    rule(weather, Damage(), "upload.*")
    drive.upload({"name": "a"}, b"hello", "&fields=name")
    file_id = drive.listed("").json["files"][0]["id"]
    assert drive.send("GET", f"drive/v3/files/{file_id}?alt=media").data == b"iello"


def test_a_session_that_only_began_has_nothing_to_damage(weather: Weather, drive: Drive) -> None:
    file_id = drive.upload({"name": "old"}, b"hello").json["id"]
    rule(weather, Damage(), "upload.start")
    rule(weather, Damage(), "upload.session")
    address = drive.begin({"name": "new"}, 5).location
    assert drive.send("GET", f"drive/v3/files/{file_id}?alt=media").data == b"hello"
    new_id = drive.browser.send("PUT", address, body=b"hello").json["id"]
    assert drive.send("GET", f"drive/v3/files/{new_id}?alt=media").data == b"iello"


def test_an_object_exists_twice_under_two_ids(weather: Weather, drive: Drive) -> None:
    rule(weather, Twin(), "upload.*")
    drive.upload({"name": "a"}, b"hello")
    found = drive.listed("name = 'a'", fields="files(id,md5Checksum)").json["files"]
    assert len({file["id"] for file in found}) == 2
    assert len({file["md5Checksum"] for file in found}) == 1


def test_entries_of_a_list_come_twice(weather: Weather, drive: Drive, onedrive: OneDrive) -> None:
    drive.upload({"name": "a"}, b"hello")
    onedrive.put("a.bin", b"hello")
    rule(weather, Repeat(), times=None)
    assert drive.names("") == ["a", "a"]
    assert len(onedrive.send("GET", "me/drive/root/children").json["value"]) == 2


def test_pages_loop_until_the_rule_goes(weather: Weather, drive: Drive, onedrive: OneDrive) -> None:
    drive.upload({"name": "a"}, b"hello")
    onedrive.put("a.bin", b"hello")
    rule(weather, Pages("loop"), times=None)
    token = drive.listed("").json["nextPageToken"]
    again = drive.listed("", pageToken=token).json
    assert (again["files"][0]["name"], again["nextPageToken"]) == ("a", token)
    link = onedrive.send("GET", "me/drive/root/children").json["@odata.nextLink"]
    headers = {"Authorization": f"Bearer {onedrive.token}"}
    page = onedrive.browser.send("GET", link, headers=headers).json
    assert (page["value"][0]["name"], page["@odata.nextLink"]) == ("a.bin", link)


def test_a_page_token_is_malformed_or_leads_elsewhere(
    weather: Weather, drive: Drive, onedrive: OneDrive
) -> None:
    rule(weather, Pages(), "files.list")
    rule(weather, Pages("expired"), "files.list")
    assert drive.listed("").json["nextPageToken"] == {"token": 7}
    token = drive.listed("").json["nextPageToken"]
    assert drive.listed("", pageToken=token).status == 400
    rule(weather, Pages("elsewhere", to="http://10.0.0.1/next"), "item.children")
    page = onedrive.send("GET", "me/drive/root/children").json
    assert page["@odata.nextLink"] == "http://10.0.0.1/next"


def test_addresses_lead_elsewhere(weather: Weather, drive: Drive, onedrive: OneDrive) -> None:
    item_id = onedrive.put("a.bin", b"hello").json["id"]
    rule(weather, Redirect("http://169.254.169.254/"), times=None)
    there = "http://169.254.169.254/"
    assert onedrive.send("GET", f"me/drive/items/{item_id}/content").location == there
    assert onedrive.begin("b.bin").json["uploadUrl"] == there
    item = onedrive.send("GET", f"me/drive/items/{item_id}").json
    assert item["@microsoft.graph.downloadUrl"] == there
    assert drive.begin({"name": "a"}, 5).location == there
    listing = drive.send("GET", LISTING)
    assert (listing.status, listing.location) == (302, there)


@pytest.mark.parametrize(
    ("form", "body"),
    [("empty", b""), ("array", b"[]"), ("nulls", b'{"files": null}')],
)
def test_an_answer_is_not_what_it_should_be(
    weather: Weather, drive: Drive, form: Any, body: bytes
) -> None:
    rule(weather, Garble(form), "files.list")
    answer = drive.listed("", fields="files")
    assert (answer.status, answer.data) == (200, body)


@pytest.mark.parametrize("form", ["garbage", "deep"])
def test_an_answer_cannot_be_parsed(weather: Weather, drive: Drive, form: Any) -> None:
    rule(weather, Garble(form), "files.list")
    with pytest.raises((ValueError, RecursionError)):
        _ = drive.send("GET", LISTING).json


def test_a_huge_answer_is_valid_json_without_being_held(weather: Weather, drive: Drive) -> None:
    rule(weather, Garble("huge", size=3_000_000), "files.list")
    answer = drive.listed("", fields="files")
    assert len(answer.data) > 3_000_000
    assert answer.json == {"files": []}


def test_a_garbled_creation_is_done(weather: Weather, drive: Drive) -> None:
    rule(weather, Garble("empty"), "upload.*")
    assert drive.upload({"name": "a"}, b"hello").data == b""
    assert drive.names("") == ["a"]
