"""The table of what bites who speaks to these clouds, row by row: what is stored, and how.

The rows about people, waits and addresses are in test_what_bites_on_the_way.py.
"""

from contextlib import suppress
from typing import Any

import pytest

from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.clouds.registry import Installation
from balancecloud.errors import (
    AccountFull,
    BadReply,
    ObjectMissing,
    ProviderError,
    Unreachable,
)
from cloudsim.app import Running
from cloudsim.weather.effects import Answer, Drop, KeepLess
from tests.clouds.linked_accounts import LinkedAccount, LinkedDrive, LinkedOneDrive
from tests.clouds.provider_suite import new_id, new_name, new_shard, store, stored_ids

pytestmark = pytest.mark.sim

GRANULE = 1_310_720 // 4  # 327,680 B: of Microsoft's
DRIVE: dict[str, Any] = {"multipart_bytes": 100, "part_bytes": 262_144}
ONEDRIVE: dict[str, Any] = {"part_bytes": GRANULE}
KINDS = {"drive": LinkedDrive, "personal": LinkedOneDrive, "work": LinkedOneDrive}


@pytest.fixture
def drive(sim: Running, shared: Installation) -> LinkedDrive:
    account = LinkedDrive(sim, shared)
    account.open()
    return account


@pytest.fixture
def work(sim: Running, shared: Installation) -> LinkedOneDrive:
    account = LinkedOneDrive(sim, shared, "work")
    account.open()
    return account


@pytest.fixture
def personal(sim: Running, shared: Installation) -> LinkedOneDrive:
    account = LinkedOneDrive(sim, shared)
    account.open()
    return account


@pytest.fixture(params=["drive", "personal", "work"])
def account(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def put_until_it_works(
    account: Any, name: Any, shard: Any, object_id: ObjectId | None, **limits: Any
) -> ObjectId:
    """Put as process after process would."""
    for _ in range(6):
        try:
            stored = account.open(**limits).put(name, shard, object_id)
        except Unreachable:
            continue
        return ObjectId(stored.object_id)
    raise AssertionError("it never worked")


def fragments(account: LinkedAccount) -> list[int]:
    return [one["status"] for one in account.cloud.asked("upload.fragment")]


def test_bites_01_a_create_whose_answer_is_lost_makes_no_twin(drive: LinkedDrive) -> None:
    shard, name, object_id = new_shard(1000), new_name(), drive.open().reserve(1)[0]
    drive.cloud.rule(Drop("after"), "upload.multipart")
    drive.cloud.rule(Drop("before"), "files.get")  # nor is there an answer to "is it there?"
    with pytest.raises(Unreachable):
        drive.open().put(name, shard, object_id)
    drive.cloud.stand(list_lag_s=30.0)  # and no listing would show it
    assert drive.open().put(name, shard, object_id).object_id == object_id
    assert [one.id for one in drive.cloud.objects()] == [object_id]
    assert drive.cloud.asked("upload.multipart")[-1]["status"] == 409


def test_bites_02_a_fragment_stored_though_503_is_asked_for_not_sent_again(
    work: LinkedOneDrive,
) -> None:
    shard, name = new_shard(3 * GRANULE), new_name()
    work.sessions.note_slow(name)
    work.cloud.rule(Answer(503, "serviceNotAvailable", when="after"), "upload.fragment", after=1)
    put_until_it_works(work, name, shard, None, **ONEDRIVE)
    assert fragments(work) == [202, 503, 201]  # and no 416
    work.cloud.rule(
        Answer(416, "invalidRange", inner="fragmentOverlap"), "upload.fragment", after=1
    )
    name = new_name()
    work.sessions.note_slow(name)
    put_until_it_works(work, name, shard, None, **ONEDRIVE)
    assert len(work.cloud.objects()) == 2


def test_bites_03_a_session_that_is_not_found_may_have_stored_everything(
    personal: LinkedOneDrive,
) -> None:
    shard, name = new_shard(2 * GRANULE), new_name()
    personal.sessions.note_slow(name)
    personal.cloud.rule(Drop("after"), "upload.fragment", after=1)
    personal.cloud.rule(Drop("before"), "item.get")
    with pytest.raises(Unreachable):
        personal.open(**ONEDRIVE).put(name, shard, None)
    before = len(fragments(personal))
    personal.open(**ONEDRIVE).put(name, shard, None)
    entries = personal.cloud.sim.simulator.log.since(0)
    assert [one["status"] for one in entries if one["route"] == "upload.state"][-1] == 404
    assert len(fragments(personal)) == before
    assert len(personal.cloud.objects()) == 1


def test_bites_04_a_pending_session_of_ours_does_not_keep_its_name(work: LinkedOneDrive) -> None:
    shard, name = new_shard(2 * GRANULE), new_name()
    work.sessions.note_slow(name)
    work.cloud.rule(Drop("before"), "upload.fragment")
    with pytest.raises(Unreachable):
        work.open(**ONEDRIVE).put(name, shard, None)
    work.cloud.rule(Answer(403, "accessDenied"), "upload.state")  # its address has run out
    work.open(**ONEDRIVE).put(name, shard, None)
    assert len(work.cloud.asked("upload.cancel")) == 1
    lost = new_name()
    work.sessions.note_slow(lost)
    work.cloud.rule(Drop("after"), "item.createUploadSession")  # its address was never known
    put_until_it_works(work, lost, shard, None, **ONEDRIVE)
    assert 409 in [one["status"] for one in work.cloud.asked("item.createUploadSession")]
    assert len(work.cloud.objects()) == 2


def test_bites_05_a_308_is_no_redirect_and_tells_what_was_kept(drive: LinkedDrive) -> None:
    shard, name, object_id = new_shard(4 * 262_144), new_name(), drive.open().reserve(1)[0]
    drive.sessions.note_slow(name)
    drive.cloud.rule(KeepLess(None), "upload.session")  # no Range at all
    drive.cloud.rule(KeepLess(262_144), "upload.session", after=2)  # less than was sent
    drive.open(**DRIVE).put(name, shard, object_id)
    assert [one["status"] for one in drive.cloud.asked("upload.session")][:3] == [308] * 3
    assert drive.open().get(object_id, 0, shard.length) == shard.body


def test_bites_06_no_token_goes_to_a_pre_authenticated_address(work: LinkedOneDrive) -> None:
    shard, name = new_shard(2 * GRANULE), new_name()
    work.sessions.note_slow(name)
    work.cloud.rule(Drop("before"), "upload.fragment", after=1)
    with pytest.raises(Unreachable):
        work.open(**ONEDRIVE).put(name, shard, None)
    work.cloud.rule(Answer(403), "upload.state")  # so that it is cancelled as well
    stored = work.open(**ONEDRIVE).put(name, shard, None)
    work.open().get(stored.object_id, 0, 10)
    # The simulator is strict: with a token each of these would be a 401.
    for route in ("upload.fragment", "upload.cancel", "content.download"):
        statuses = {one["status"] for one in work.cloud.asked(route)}
        assert statuses, route
        assert 401 not in statuses, route


def test_bites_08_a_listing_that_lags_behind_loses_nothing(account: Any) -> None:
    opened: Provider = account.open()
    lag = opened.traits.listing_lag_seconds
    account.cloud.stand(list_lag_s=lag)
    shard, name, object_id = new_shard(100), new_name(), new_id(opened)
    stored = opened.put(name, shard, object_id)
    assert opened.get(stored.object_id, 0, 100) == shard.body
    assert opened.stat(stored.object_id).length == 100
    assert stored_ids(opened) == []
    try:
        assert opened.put(name, shard, object_id).object_id == stored.object_id
    except BadReply:
        assert isinstance(account, LinkedOneDrive)
    account.cloud.let_pass(lag)
    assert opened.put(name, shard, object_id).object_id == stored.object_id
    assert stored_ids(opened) == [stored.object_id]


def test_bites_12_an_empty_object_is_stored_as_any_other(account: Any) -> None:
    shard = new_shard(0)
    for is_slow in (False, True):
        opened, name = account.open(), new_name()
        if is_slow:
            account.sessions.note_slow(name)
        object_id = new_id(opened)
        stored = opened.put(name, shard, object_id)
        assert opened.put(name, shard, object_id).object_id == stored.object_id
        assert opened.stat(stored.object_id).length == 0
        assert opened.get(stored.object_id, 0, 0) == b""
    assert len(account.cloud.objects()) == 2
    assert account.cloud.asked("upload.fragment") + account.cloud.asked("upload.session") == []


def test_bites_14_what_the_bin_holds_counts_and_a_refusal_is_the_truth(
    personal: LinkedOneDrive, work: LinkedOneDrive, drive: LinkedDrive
) -> None:
    shard = new_shard(1000)
    for account, counts in ((personal, True), (work, False), (drive, False)):
        opened: Provider = account.open()
        before = opened.room().used
        name, stored = store(opened, shard)
        assert opened.put(name, shard, stored.object_id).object_id == stored.object_id
        assert opened.room().used == before + 1000  # a repeated put makes no version
        opened.delete(stored.object_id)
        assert opened.room().used == (before + 1000 if counts else before)
    for account, route, refusal in (
        (work, "item.put", Answer(507, "quotaLimitReached")),
        (drive, "upload.*", Answer(403, "storageQuotaExceeded")),
    ):
        account.cloud.rule(refusal, route)
        opened = account.open()
        assert (opened.room().total or 0) > 1 << 30  # whatever the figures say
        with pytest.raises(AccountFull):
            store(opened, shard)


@pytest.mark.parametrize("cut", [0, 1, 500, 999, 1000])
def test_bites_17_a_put_that_is_cut_anywhere_can_be_begun_again(account: Any, cut: int) -> None:
    opened: Provider = account.open()
    shard, name, object_id = new_shard(1000), new_name(), new_id(opened)
    with suppress(Unreachable):  # where all the bytes came it is found to be there
        account.open(account.cut_line(cut)).put(name, shard, object_id)
    stored = account.open().put(name, shard, object_id)
    assert opened.get(stored.object_id, 0, 1000) == shard.body
    assert [one.id for one in account.cloud.objects()] == [stored.object_id]


def test_bites_18_what_an_abuse_scanner_holds_back_counts_as_missing(
    drive: LinkedDrive, work: LinkedOneDrive
) -> None:
    infected = Answer(403, body="", headers={"X-Virus-Infected": "Win32/Random"})
    flagged = Answer(403, "cannotDownloadAbusiveFile")
    for account, route, effect in (
        (drive, "files.get.media", flagged),
        (work, "content.download", infected),
        (work, "item.content", Answer(403, "malwareDetected")),
    ):
        opened: Provider = account.open()
        _, stored = store(opened, new_shard(10))
        with account.cloud.under(effect, route), pytest.raises(ObjectMissing):
            opened.get(stored.object_id, 0, 10)
        with account.cloud.under(Answer(403, body="<html>no</html>"), route):
            with pytest.raises(ProviderError) as caught:
                opened.get(stored.object_id, 0, 10)
            assert not isinstance(caught.value, ObjectMissing)  # a bare 403 loses no shard
