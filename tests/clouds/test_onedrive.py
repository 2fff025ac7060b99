"""OneDrive, at the simulator."""

import json

import pytest
import requests

from balancecloud.clouds.hashes import quick_xor
from balancecloud.clouds.oauth import HeldTokens
from balancecloud.clouds.onedrive import OneDrive
from balancecloud.clouds.onedrive_uploads import OneDriveLimits
from balancecloud.clouds.provider import Shard, ShardName
from balancecloud.clouds.registry import Installation
from balancecloud.errors import (
    AccessRefused,
    BadReply,
    DamagedInTransit,
    ObjectDiffers,
    ObjectMissing,
    Permanent,
    SignInAgain,
    Unreachable,
)
from cloudsim.app import Running
from tests.clouds.canned_onedrive import ELSEWHERE, ID, NAME, drive_with, item_json, refusal
from tests.clouds.provider_suite import new_name, new_shard, store
from tests.clouds.simulated import (
    FaultyWay,
    grant,
    grants_at,
    linked,
    new_person,
    with_faulty_way,
)
from tests.fakes.canned_way import canned
from tests.fakes.manual_clock import ManualClock

# --- at the simulator ---


def small_pages(shared: Installation) -> tuple[OneDrive, FaultyWay]:
    """Return an account whose listings come two by two."""
    faulty, way = with_faulty_way(shared)
    grants = grants_at("onedrive", faulty)
    tokens = HeldTokens(grant(grants, new_person()), grants, faulty.clock)
    return OneDrive(
        faulty.microsoft, tokens, None, way, limits=OneDriveLimits(items_per_page=2)
    ), way


@pytest.mark.sim
def test_a_listing_of_many_pages_has_each_object_once(shared: Installation) -> None:
    drive, way = small_pages(shared)
    names = [
        ShardName(f"{shelf}{number}bcdefgh") for shelf in ("aa", "bb", "cc") for number in range(3)
    ]
    stored = sorted(store(drive, new_shard(3), name)[1].object_id for name in names)
    assert sorted(one.object_id for one in drive.listing()) == stored
    assert sum("children" in request.url for request in way.sent) >= 8


@pytest.mark.sim
def test_shards_are_spread_over_sub_folders(shared: Installation) -> None:
    drive, way = small_pages(shared)
    store(drive, new_shard(3), ShardName("abcdefgh"))
    assert any(":/ab/abcdefgh:/content" in request.url for request in way.sent)


@pytest.mark.sim
def test_the_place_is_found_again(shared: Installation) -> None:
    person = new_person()
    first = linked("onedrive", shared, person)
    assert linked("onedrive", shared, person).ensure_place() == first.ensure_place()


@pytest.mark.sim
def test_content_is_read_without_the_token(shared: Installation) -> None:
    drive, way = small_pages(shared)
    _, stored = store(drive, new_shard(3))
    drive.get(stored.object_id, 0, 3)
    asked, read = way.sent[-2:]
    assert asked.url.endswith("/content")
    assert read.bearer is None


@pytest.mark.sim
def test_a_place_that_is_a_file_is_refused(shared: Installation) -> None:
    drive, _ = small_pages(shared)
    token = drive._tokens.current()
    answer = requests.put(
        f"{drive._drive}/root:/BalanceCloud:/content",
        data=b"x",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    assert answer.status_code == 201
    with pytest.raises(AccessRefused):
        drive.ensure_place()


@pytest.mark.sim
@pytest.mark.parametrize(("kind", "left"), [("person", 100), ("work", 0)])
def test_work_accounts_delete_for_good(
    sim: Running, shared: Installation, kind: str, left: int
) -> None:
    person = new_person(kind)
    drive = linked("onedrive", shared, person)
    _, stored = store(drive, new_shard(100))
    drive.delete(stored.object_id)
    drive.delete(stored.object_id)
    account = requests.get(f"{sim.url}/_sim/accounts/microsoft/{person}", timeout=10).json()
    assert account["binned"] == left  # the personal bin cannot be passed by


@pytest.mark.sim
def test_a_damaged_object_is_gone_and_the_shard_can_be_stored_again(shared: Installation) -> None:
    drive, way = small_pages(shared)
    way.planned.append("damage")
    shard, name = new_shard(1000), new_name()
    with pytest.raises(DamagedInTransit):
        drive.put(name, shard, None)
    stored = drive.put(name, shard, None)
    assert drive.get(stored.object_id, 0, 1000) == shard.body


# --- answers that the simulator does not give ---


def test_a_401_is_one_refresh() -> None:
    expired = refusal(401, "InvalidAuthenticationToken")
    drive, way = drive_with(expired, canned(200, item_json(new_shard(3))))
    assert drive.stat(ID).length == 3
    assert [request.bearer for request in way.sent] == ["token-1", "token-2"]


def test_a_second_401_ends_the_grant() -> None:
    drive, way = drive_with(refusal(401, "InvalidAuthenticationToken"))
    with pytest.raises(SignInAgain):
        drive.stat(ID)
    assert len(way.sent) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_expired_download_address_is_asked_for_anew(status: int) -> None:
    content = canned(206, b"23456", {"content-range": "bytes 1-5/9"})
    drive, way = drive_with(ELSEWHERE, canned(status), ELSEWHERE, content)
    assert drive.get(ID, 1, 5) == b"23456"
    assert [request.bearer for request in way.sent] == ["token-1", None, "token-1", None]


def test_a_download_address_that_never_works_is_unreachable_not_missing() -> None:
    drive, _ = drive_with(ELSEWHERE, canned(404), ELSEWHERE, canned(404))
    with pytest.raises(Unreachable):
        drive.get(ID, 1, 5)


def test_an_infected_object_counts_as_missing() -> None:
    drive, _ = drive_with(ELSEWHERE, canned(403, b"", {"x-virus-infected": "yes"}))
    with pytest.raises(ObjectMissing):
        drive.get(ID, 1, 5)


def test_a_taken_name_with_the_same_bytes_is_success() -> None:
    shard = new_shard(3)
    drive, way = drive_with(refusal(409, "nameAlreadyExists"), canned(200, item_json(shard)))
    assert drive.put(NAME, shard, None).object_id == ID
    assert "DELETE" not in "".join(way.asked)


def test_a_taken_name_with_other_bytes_is_refused() -> None:
    there = canned(200, item_json(new_shard(3)))
    drive, way = drive_with(refusal(409, "nameAlreadyExists"), there)
    with pytest.raises(ObjectDiffers):
        drive.put(NAME, new_shard(3), None)
    assert "DELETE" not in "".join(way.asked)


def test_a_taken_name_that_is_not_there_is_asked_for_again() -> None:
    gone = refusal(404, "itemNotFound")
    drive, _ = drive_with(refusal(409, "nameAlreadyExists"), gone)
    with pytest.raises(BadReply):
        drive.put(NAME, new_shard(3), None)


def test_nothing_is_ever_overwritten() -> None:
    shard = new_shard(3)
    drive, way = drive_with(canned(201, item_json(shard)))
    drive.put(NAME, shard, None)
    assert way.sent[0].url.endswith("?@microsoft.graph.conflictBehavior=fail")


def test_hashes_that_come_later_are_waited_for() -> None:
    shard, clock = new_shard(3), ManualClock()
    bare = canned(201, item_json(shard, with_hash=False))
    drive, _ = drive_with(bare, bare, canned(200, item_json(shard)), clock=clock)
    assert drive.put(NAME, shard, None).checksum == quick_xor(shard.body)
    assert len(clock.slept) == 2


def test_hashes_that_never_come_are_not_believed() -> None:
    drive, _ = drive_with(canned(201, item_json(new_shard(3), with_hash=False)))
    with pytest.raises(BadReply):
        drive.put(NAME, new_shard(3), None)


def test_an_empty_object_needs_no_hash() -> None:
    drive, _ = drive_with(canned(201, item_json(new_shard(0), with_hash=False)))
    assert drive.put(NAME, new_shard(0), None).checksum is None


@pytest.mark.parametrize("arrived", [new_shard(3), new_shard(4)], ids=["other bytes", "longer"])
def test_c16_what_arrived_otherwise_is_removed(arrived: Shard) -> None:
    drive_type = canned(200, b'{"id": "d", "driveType": "personal"}')
    drive, way = drive_with(canned(201, item_json(arrived)), drive_type, canned(204))
    with pytest.raises(DamagedInTransit):
        drive.put(NAME, new_shard(3), None)
    assert way.asked[-1] == "DELETE /v1.0/me/drive/items/the-id"


def test_an_object_too_large_for_one_request_is_refused() -> None:
    drive, way = drive_with(canned(500))
    with pytest.raises(Permanent):
        drive.put(NAME, Shard(bytes(250_000_001), b""), None)
    assert way.sent == []


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        ("9E5050496255E6C6", "9e5050496255e6c6"),
        ("e5050496255e6c6", "0e5050496255e6c6"),
        ("b!aBc-Def_0123456789", "b!abc-def_0123456789"),
    ],
)
def test_the_drives_id_has_one_spelling(told: str, subject: str) -> None:
    body = {"id": told, "owner": {"user": {"email": "a@example.com"}}}
    drive, _ = drive_with(canned(200, json.dumps(body).encode()))
    assert drive.identity().subject == subject


def test_the_address_is_asked_for_where_the_drive_does_not_tell_it() -> None:
    person = b'{"mail": null, "userPrincipalName": "a@example.com"}'
    drive, _ = drive_with(canned(200, b'{"id": "d"}'), canned(200, person))
    assert drive.identity().address == "a@example.com"


def test_an_address_that_nobody_tells_is_left_out() -> None:
    drive, _ = drive_with(canned(200, b'{"id": "d"}'), refusal(403, "accessDenied"))
    assert drive.identity().address is None


@pytest.mark.parametrize("quota", [{}, {"total": 0, "used": 0}])
def test_a_room_of_zeros_is_unknown_and_not_full(quota: dict[str, int]) -> None:
    drive, _ = drive_with(canned(200, json.dumps({"quota": quota}).encode()))
    with pytest.raises(BadReply):
        drive.room()


def test_a_next_page_elsewhere_is_not_followed() -> None:
    page = {"value": [], "@odata.nextLink": "https://evil.example/next"}
    drive, way = drive_with(canned(200, json.dumps(page).encode()))
    with pytest.raises(BadReply):
        list(drive.listing())
    assert len(way.sent) == 1


def test_a_name_that_differs_in_case_is_another_name() -> None:
    drive, _ = drive_with(canned(200, item_json(new_shard(3), name="ABCDEFGH")))
    assert drive.find(NAME) == []


def test_f31_a_deleted_item_counts_as_missing() -> None:
    drive, _ = drive_with(canned(200, item_json(new_shard(3), deleted={"state": "deleted"})))
    with pytest.raises(ObjectMissing):
        drive.stat(ID)
