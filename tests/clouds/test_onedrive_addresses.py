"""Pre-authenticated download addresses: kept for a while in memory, dropped when refused."""

import pytest

from balancecloud.clouds.addresses import MOST, SECONDS, DownloadAddresses
from balancecloud.clouds.provider import ObjectId
from balancecloud.clouds.registry import Installation
from balancecloud.errors import ObjectMissing, Unreachable
from cloudsim.app import Running
from tests.clouds.canned_onedrive import ELSEWHERE, ID, drive_with, refusal
from tests.clouds.linked_accounts import LinkedOneDrive
from tests.clouds.provider_suite import new_name, new_shard, store
from tests.fakes.canned_way import canned
from tests.fakes.manual_clock import ManualClock

CONTENT = canned(206, b"23456", {"content-range": "bytes 1-5/9"})


@pytest.mark.sim
def test_a_second_read_is_one_round_trip(sim: Running, shared: Installation) -> None:
    account = LinkedOneDrive(sim, shared, "work")
    drive = account.open()
    shard = new_shard(1000)
    _, stored = store(drive, shard, new_name())
    assert drive.get(stored.object_id, 0, 10) == bytes(shard.body)[:10]
    assert len(account.cloud.asked("item.content")) == 1

    assert drive.get(stored.object_id, 500, 10) == bytes(shard.body)[500:510]

    assert len(account.cloud.asked("item.content")) == 1
    assert len(account.cloud.asked("content.download")) == 2


@pytest.mark.sim
def test_an_object_that_is_gone_is_missing_though_its_address_was_known(
    sim: Running, shared: Installation
) -> None:
    account = LinkedOneDrive(sim, shared, "work")
    drive = account.open()
    _, stored = store(drive, new_shard(1000), new_name())
    drive.get(stored.object_id, 0, 10)
    account.cloud.remove(stored.object_id)

    with pytest.raises(ObjectMissing):
        drive.get(stored.object_id, 0, 10)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_known_address_that_is_refused_is_asked_for_anew(status: int) -> None:
    drive, way = drive_with(ELSEWHERE, CONTENT, canned(status), ELSEWHERE, CONTENT, CONTENT)

    for _ in range(3):
        assert drive.get(ID, 1, 5) == b"23456"

    bearers = [request.bearer for request in way.sent]
    assert bearers == ["token-1", None, None, "token-1", None, None]


def test_a_known_address_that_does_not_answer_is_forgotten() -> None:
    drive, way = drive_with(ELSEWHERE, CONTENT, Unreachable(), ELSEWHERE, CONTENT)
    drive.get(ID, 1, 5)
    with pytest.raises(Unreachable):
        drive.get(ID, 1, 5)

    assert drive.get(ID, 1, 5) == b"23456"
    assert way.sent[-2].bearer == "token-1"


def test_an_address_is_not_used_beyond_its_time() -> None:
    clock = ManualClock()
    drive, way = drive_with(ELSEWHERE, CONTENT, ELSEWHERE, CONTENT, clock=clock)
    drive.get(ID, 1, 5)
    clock.advance(SECONDS)

    drive.get(ID, 1, 5)

    assert [request.bearer for request in way.sent] == ["token-1", None, "token-1", None]


def test_the_address_of_a_deleted_object_is_forgotten() -> None:
    drive_type = canned(200, b'{"driveType":"business"}')
    drive, way = drive_with(
        ELSEWHERE, CONTENT, drive_type, canned(204), refusal(404, "itemNotFound")
    )
    drive.get(ID, 1, 5)
    drive.delete(ID)

    with pytest.raises(ObjectMissing):
        drive.get(ID, 1, 5)
    assert way.sent[-1].bearer == "token-1"


def test_few_are_kept_and_none_shows() -> None:
    known = DownloadAddresses(ManualClock())
    for number in range(MOST + 1):
        known.keep(ObjectId(str(number)), f"https://secret-{number}")

    assert known.of(ObjectId("0")) is None
    assert known.of(ObjectId(str(MOST))) == f"https://secret-{MOST}"
    assert "secret" not in repr(known)
    assert "secret" not in repr(known._known)
