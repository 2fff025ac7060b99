"""Google Drive, at the simulator."""

import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from balancecloud.clouds.google_drive import GoogleDrive
from balancecloud.clouds.google_uploads import DriveLimits
from balancecloud.clouds.http import Answer
from balancecloud.clouds.oauth import HeldTokens
from balancecloud.clouds.provider import ObjectId, Room, Shard, ShardName
from balancecloud.clouds.registry import Installation
from balancecloud.errors import (
    AccessRefused,
    BadReply,
    DamagedInTransit,
    ObjectDiffers,
    ObjectMissing,
    SignInAgain,
    Unreachable,
)
from tests.clouds.canned_google import ID, NAME, SESSION, drive_with, file_json, refusal
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


def session_uploads(shared: Installation) -> tuple[GoogleDrive, FaultyWay]:
    """Return an account that stores everything over 100 bytes in a session."""
    return small_limits(shared, DriveLimits(multipart_bytes=100))


def small_limits(shared: Installation, limits: DriveLimits) -> tuple[GoogleDrive, FaultyWay]:
    faulty, way = with_faulty_way(shared)
    grants = grants_at("google_drive", faulty)
    tokens = HeldTokens(grant(grants, new_person()), grants, faulty.clock)
    return GoogleDrive(faulty.google, tokens, None, way, limits=limits), way


@pytest.mark.parametrize("length", [101, 262_144, 1_000_001])
def test_a_large_shard_goes_through_a_session(shared: Installation, length: int) -> None:
    drive, way = session_uploads(shared)
    shard = new_shard(length)
    _, stored = store(drive, shard)
    assert drive.get(stored.object_id, 0, length) == shard.body
    assert [request.method for request in way.sent if "resumable" in request.url] == ["POST", "PUT"]


def test_f06_a_session_whose_answer_is_lost_leaves_one_object(shared: Installation) -> None:
    drive, way = session_uploads(shared)
    way.planned.append("lose")
    _, stored = store(drive, new_shard(5000))
    assert [one.object_id for one in drive.listing()] == [stored.object_id]


def test_f06_a_session_that_breaks_leaves_nothing_and_can_be_repeated(
    shared: Installation,
) -> None:
    drive, way = session_uploads(shared)
    shard, name, object_id = new_shard(5000), new_name(), drive.reserve(1)[0]
    way.planned.append("cut")
    with pytest.raises(Unreachable):
        drive.put(name, shard, object_id)
    assert list(drive.listing()) == []
    assert drive.put(name, shard, object_id).object_id == object_id


def test_a_listing_of_many_pages_has_each_object_once(shared: Installation) -> None:
    drive, way = small_limits(shared, DriveLimits(files_per_page=2))
    stored = sorted(store(drive, new_shard(3))[1].object_id for _ in range(7))
    assert sorted(one.object_id for one in drive.listing()) == stored
    assert sum("pageToken" in request.url for request in way.sent) >= 3


def test_the_place_is_found_again(shared: Installation) -> None:
    person = new_person()
    first = linked("google_drive", shared, person)
    assert linked("google_drive", shared, person).ensure_place() == first.ensure_place()


def test_an_account_finds_only_what_lies_in_its_folder(shared: Installation) -> None:
    drive, _ = small_limits(shared, DriveLimits())
    name, _ = store(drive, new_shard(3))
    elsewhere = GoogleDrive(drive._endpoints, drive._tokens, "root", drive._http)
    twin, _ = store(elsewhere, new_shard(3), name)
    assert (len(drive.find(twin)), len(list(drive.listing()))) == (1, 1)


def test_f32_a_folder_that_is_gone_needs_its_owner(shared: Installation) -> None:
    drive, _ = small_limits(shared, DriveLimits())
    drive.delete(ObjectId(drive.ensure_place()))
    with pytest.raises(AccessRefused):
        store(drive, new_shard(3))


def test_a_damaged_object_is_gone_and_the_shard_can_be_stored_again(shared: Installation) -> None:
    drive, way = small_limits(shared, DriveLimits())
    way.planned.append("damage")
    shard, name, object_id = new_shard(1000), new_name(), drive.reserve(1)[0]
    with pytest.raises(DamagedInTransit):
        drive.put(name, shard, object_id)
    drive.put(name, shard, drive.reserve(1)[0])
    assert len(drive.find(name)) == 1


# --- answers that the simulator does not give ---


def test_a_401_is_one_refresh() -> None:
    shard = new_shard(3)
    drive, way = drive_with(refusal(401, "authError"), canned(200, file_json(shard)))
    assert drive.stat(ID).length == 3
    assert [request.bearer for request in way.sent] == ["token-1", "token-2"]


def test_a_second_401_ends_the_grant() -> None:
    drive, way = drive_with(refusal(401, "authError"))
    with pytest.raises(SignInAgain):
        drive.stat(ID)
    assert len(way.sent) == 2


def test_a_session_that_kept_less_gets_the_rest() -> None:
    shard = new_shard(10)
    drive, way = drive_with(
        SESSION,
        canned(308, b"", {"range": "bytes=0-5"}),
        canned(308, b""),
        canned(200, file_json(shard)),
    )
    drive.put(NAME, shard, ID)
    sent = [b"".join(bytes(part) for part in request.parts) for request in way.sent[1:]]
    ranges = [request.headers.get("Content-Range") for request in way.sent[1:]]
    assert sent == [shard.body, shard.body[6:], shard.body]
    assert ranges == [None, "bytes 6-9/10", None]


def test_a_session_that_keeps_nothing_is_given_up() -> None:
    drive, way = drive_with(SESSION, canned(308, b""))
    with pytest.raises(Unreachable):
        drive.put(NAME, new_shard(10), ID)
    assert len(way.sent) < 15


@pytest.mark.parametrize("kept", ["bytes=0-9", "bytes=0-99", "bytes=3-5", "0-5", "bytes=0-x", ""])
def test_a_session_that_keeps_nonsense_is_a_bad_reply(kept: str) -> None:
    drive, _ = drive_with(SESSION, canned(308, b"", {"range": kept}))
    with pytest.raises(BadReply):
        drive.put(NAME, new_shard(10), ID)


def test_a_session_at_another_place_is_refused() -> None:
    drive, way = drive_with(canned(200, b"", {"location": "https://evil.example/"}))
    with pytest.raises(BadReply):
        drive.put(NAME, new_shard(10), ID)
    assert all("evil" not in request.url for request in way.sent)


def test_checksums_that_come_later_are_waited_for() -> None:
    shard, clock = new_shard(3), ManualClock()
    bare = canned(200, file_json(shard, sha256Checksum=None, md5Checksum=None))
    drive, _ = drive_with(bare, bare, canned(200, file_json(shard)), clock=clock)
    assert drive.put(NAME, shard, ID).checksum == shard.sha256
    assert len(clock.slept) == 2


def test_checksums_that_never_come_are_not_believed() -> None:
    shard = new_shard(3)
    bare = canned(200, file_json(shard, sha256Checksum=None, md5Checksum=None))
    drive, _ = drive_with(bare)
    with pytest.raises(BadReply):
        drive.put(NAME, shard, ID)


def test_md5_does_where_there_is_no_sha256() -> None:
    shard = new_shard(3)
    drive, _ = drive_with(canned(200, file_json(shard, sha256Checksum=None)))
    assert drive.put(NAME, shard, ID).object_id == ID


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256Checksum": "00" * 32},
        {"size": "4"},
        {"sha256Checksum": None, "md5Checksum": "00" * 16},
    ],
)
def test_c16_what_arrived_otherwise_is_removed(changes: dict[str, object]) -> None:
    shard = new_shard(3)
    drive, way = drive_with(canned(200, file_json(shard, **changes)), canned(204))
    with pytest.raises(DamagedInTransit):
        drive.put(NAME, shard, ID)
    assert way.asked[-1] == "DELETE /drive/v3/files/the-id"


def test_an_id_in_use_by_the_same_bytes_is_success() -> None:
    shard = new_shard(3)
    drive, way = drive_with(refusal(409, "fileIdInUse"), canned(200, file_json(shard)))
    assert drive.put(NAME, shard, ID).object_id == ID
    assert "DELETE" not in "".join(way.asked)


@pytest.mark.parametrize(
    "there",
    [
        canned(200, file_json(new_shard(3))),
        canned(200, file_json(Shard(b"abc", hashlib.sha256(b"abc").digest()), trashed=True)),
        refusal(404, "notFound"),
    ],
    ids=["other bytes", "in the bin", "deleted"],
)
def test_an_id_in_use_otherwise_needs_another_id(there: Answer) -> None:
    drive, way = drive_with(refusal(409, "fileIdInUse"), there)
    with pytest.raises(ObjectDiffers):
        drive.put(NAME, Shard(b"abc", hashlib.sha256(b"abc").digest()), ID)
    assert "DELETE" not in "".join(way.asked)


def test_f31_an_object_in_the_bin_counts_as_missing() -> None:
    drive, _ = drive_with(canned(200, file_json(new_shard(3), trashed=True)))
    with pytest.raises(ObjectMissing):
        drive.stat(ID)


def test_an_answer_about_another_object_is_not_believed() -> None:
    drive, _ = drive_with(canned(200, file_json(new_shard(3), id="another")))
    with pytest.raises(BadReply):
        drive.stat(ID)


def test_an_account_without_a_limit_has_no_total() -> None:
    drive, _ = drive_with(canned(200, b'{"storageQuota": {"usage": "12"}}'))
    assert drive.room() == Room(used=12, total=None)


def test_a_name_with_quotes_is_escaped_in_the_query() -> None:
    drive, way = drive_with(canned(200, b'{"files": []}'))
    drive.find(ShardName("it's\\x"))
    query = parse_qs(urlsplit(way.sent[0].url).query)["q"][0]
    assert query.startswith("name='it\\'s\\\\x' and ")


def test_a_name_that_differs_in_case_is_another_name() -> None:
    listed = {"files": [json.loads(file_json(new_shard(3), name="A-NAME"))]}
    drive, _ = drive_with(canned(200, json.dumps(listed).encode()))
    assert drive.find(NAME) == []
