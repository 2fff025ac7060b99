"""Uploads to Google Drive that break off, and go on where they were."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from balancecloud.clouds.google_drive import GoogleDrive
from balancecloud.clouds.http import Answer as Reply
from balancecloud.clouds.http import Deadlines
from balancecloud.clouds.provider import ObjectId, Shard
from balancecloud.clouds.registry import Installation
from balancecloud.clouds.upload_sessions import HeldUploadSessions, KeptUpload
from balancecloud.errors import AccountFull, BadReply, ProviderError, Unreachable
from cloudsim.app import Running
from cloudsim.weather.effects import Act, Answer, Drop, KeepLess
from tests.clouds.canned_google import ID, NAME, PART, SESSION, drive_with, file_json, refusal
from tests.clouds.linked_accounts import LinkedDrive
from tests.clouds.provider_suite import new_name, new_shard, stored_ids
from tests.fakes.canned_way import canned

LENGTH = 5 * PART + 1000
SMALL: dict[str, Any] = {"multipart_bytes": 100, "part_bytes": PART}


@pytest.fixture
def account(sim: Running, shared: Installation) -> LinkedDrive:
    account = LinkedDrive(sim, shared)
    account.open()
    return account


def sent(account: LinkedDrive, since: int = 0) -> list[int]:
    """Return the lengths of the bodies that went into sessions."""
    return [entry["sent_length"] for entry in account.cloud.asked("upload.session")[since:]]


@pytest.mark.sim
def test_what_a_session_has_is_not_sent_again(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(LENGTH), new_name(), account.open().reserve(1)[0]
    with pytest.raises(Unreachable):
        account.open(account.cut_line(2 * PART + 9), **SMALL).put(name, shard, object_id)
    before = len(sent(account))
    stored = account.open(**SMALL).put(name, shard, object_id)
    assert sent(account, before) == [0, PART, PART, PART, 1000]
    assert account.open().get(stored.object_id, 0, LENGTH) == shard.body
    assert stored_ids(account.open()) == [object_id]
    assert account.sessions.recall(name) is None


@pytest.mark.sim
def test_every_try_gets_further_until_all_is_there(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(LENGTH), new_name(), account.open().reserve(1)[0]
    line = account.cut_line(*[PART + 9] * 4)
    for _ in range(4):
        with pytest.raises(Unreachable):
            account.open(line, **{**SMALL, "part_bytes": 2 * PART}).put(name, shard, object_id)
    account.open(line, **SMALL).put(name, shard, object_id)
    assert sent(account)[-2:] == [PART, 1000]
    assert stored_ids(account.open()) == [object_id]


@pytest.mark.sim
def test_a_link_too_slow_for_one_request_gets_there_in_parts(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(20 << 20), new_name(), account.open().reserve(1)[0]
    account.cloud.stand(up_bytes_s=15e6)  # 1.4 s for all of it, 0.1 s for a part
    hasty = account.client(Deadlines(1.0, 0.5, 0.6, 1e9))
    while not account.cloud.objects():
        with suppress(Unreachable):  # also while the far end still reads what the last try sent
            account.open(hasty, multipart_bytes=100).put(name, shard, object_id)
    bodies = [length for length in sent(account) if length]
    assert bodies[0] == shard.length
    assert 0 < sum(bodies[1:]) < shard.length
    assert [one["status"] for one in account.cloud.asked("upload.start")] == [200]
    assert account.open().get(object_id, 0, shard.length) == shard.body


@pytest.mark.sim
def test_one_request_that_ran_out_of_time_goes_on_as_a_session(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(4 * PART), new_name(), account.open().reserve(1)[0]
    limits: dict[str, Any] = {"part_bytes": PART, "slow_seconds": 0.0}
    with pytest.raises(Unreachable):
        account.open(account.cut_line(PART), **limits).put(name, shard, object_id)
    assert account.sessions.recall(name) == KeptUpload(None, None)
    account.open(**limits).put(name, shard, object_id)
    assert sent(account) == [PART] * 4
    assert account.sessions.recall(name) is None


@pytest.mark.sim
def test_after_a_slow_put_the_next_shard_goes_in_parts_at_once(account: LinkedDrive) -> None:
    drive = account.open(account.cut_line(PART), part_bytes=PART, slow_seconds=0.0)
    with pytest.raises(Unreachable):
        drive.put(new_name(), new_shard(2 * PART), drive.reserve(1)[0])
    drive.put(new_name(), new_shard(2 * PART), drive.reserve(1)[0])
    assert sent(account) == [PART, PART]


@pytest.mark.sim
def test_one_request_that_was_cut_at_once_is_repeated_as_it_was(account: LinkedDrive) -> None:
    name, drive = new_name(), account.open()
    account.cloud.rule(Drop("before"), "upload.multipart")
    with pytest.raises(Unreachable):
        drive.put(name, new_shard(1000), drive.reserve(1)[0])
    assert account.sessions.recall(name) is None


@pytest.mark.sim
def test_a_session_that_is_gone_is_begun_anew(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(LENGTH), new_name(), account.open().reserve(1)[0]
    account.cloud.rule(Drop("before"), "upload.session")
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, object_id)
    account.cloud.rule(Act("forget_session"), "upload.session")
    account.open(**SMALL).put(name, shard, object_id)
    assert len(account.cloud.asked("upload.start")) == 2
    assert stored_ids(account.open()) == [object_id]


@pytest.mark.sim
def test_a_session_that_has_ended_well_sends_nothing_more(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(LENGTH), new_name(), account.open().reserve(1)[0]
    account.cloud.rule(Drop("after"), "upload.session")
    account.cloud.rule(Drop("before"), "files.get")  # and the process dies before it can ask
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, object_id)
    before = len(sent(account))
    assert account.open(**SMALL).put(name, shard, object_id).object_id == object_id
    assert sum(sent(account, before)) == 0
    assert stored_ids(account.open()) == [object_id]


@pytest.mark.sim
def test_parts_of_which_less_was_kept_are_sent_again(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(LENGTH), new_name(), account.open().reserve(1)[0]
    account.sessions.note_slow(name)
    account.cloud.rule(KeepLess(PART), "upload.session")
    account.cloud.rule(KeepLess(None), "upload.session", after=2)
    stored = account.open(**SMALL).put(name, shard, object_id)
    assert account.open().get(stored.object_id, 0, LENGTH) == shard.body
    assert sum(sent(account)) > LENGTH


@pytest.mark.sim
def test_a_session_of_another_id_is_given_up(account: LinkedDrive) -> None:
    shard, name = new_shard(LENGTH), new_name()
    first, second = account.open().reserve(2)
    account.cloud.rule(Drop("before"), "upload.session")
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, first)
    assert account.open(**SMALL).put(name, shard, second).object_id == second
    assert len(account.cloud.asked("upload.cancel")) == 1


@pytest.mark.sim
def test_a_full_drive_ends_a_continued_upload_as_full(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(LENGTH), new_name(), account.open().reserve(1)[0]
    account.cloud.rule(Drop("before"), "upload.session")
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, object_id)
    account.cloud.fill_up()
    with pytest.raises(AccountFull):
        account.open(**SMALL).put(name, shard, object_id)


@pytest.mark.sim
def test_a_refusal_in_the_middle_keeps_the_session(account: LinkedDrive) -> None:
    shard, name, object_id = new_shard(LENGTH), new_name(), account.open().reserve(1)[0]
    account.sessions.note_slow(name)
    account.cloud.rule(Answer(503, "backendError"), "upload.session", after=2)
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, object_id)
    account.open(**SMALL).put(name, shard, object_id)
    assert sum(sent(account)) <= LENGTH + PART
    assert len(account.cloud.asked("upload.start")) == 1


# --- answers that the simulator does not give ---

KEPT = KeptUpload("https://www.googleapis.com/upload/drive/v3/files?upload_id=7", ID)
GONE = refusal(404, "notFound")


def continued(
    *plans: Reply | Callable[[Shard], Reply], kept: KeptUpload = KEPT, length: int = 3 * PART
) -> tuple[list[str], GoogleDrive, HeldUploadSessions, Exception | None]:
    """Put a shard of which a session is kept; the first question, by id, finds nothing."""
    sessions = HeldUploadSessions()
    sessions.keep(NAME, kept)
    shard = new_shard(length)
    answers = [plan(shard) if callable(plan) else plan for plan in plans]
    drive, way = drive_with(GONE, *answers, sessions=sessions)
    failure: Exception | None = None
    try:
        drive.put(NAME, shard, ID)
    except ProviderError as error:
        failure = error
    ranges = [request.headers.get("Content-Range", request.method) for request in way.sent]
    return ranges, drive, sessions, failure


def done(shard: Shard) -> Reply:
    return canned(200, file_json(shard))


def test_the_question_goes_first_and_the_parts_follow() -> None:
    ranges, _, sessions, failure = continued(
        canned(308, b"", {"range": f"bytes=0-{PART - 1}"}),
        canned(308, b"", {"range": f"bytes=0-{2 * PART - 1}"}),
        done,
    )
    total = 3 * PART
    assert failure is None
    assert ranges == [
        "GET",
        f"bytes */{total}",
        f"bytes {PART}-{2 * PART - 1}/{total}",
        f"bytes {2 * PART}-{total - 1}/{total}",
    ]
    assert sessions.recall(NAME) is None


@pytest.mark.parametrize("address", ["https://evil.example/x", "http://169.254.169.254/", "x"])
def test_a_kept_address_beyond_the_rules_is_not_asked(address: str) -> None:
    ranges, _, _, failure = continued(SESSION, done, kept=KeptUpload(address, ID))
    assert failure is None
    assert ranges == ["GET", "POST", "PUT"] or ranges[:2] == ["GET", "POST"]


@pytest.mark.parametrize("range_", ["bytes=0-99999999", "nonsense", "bytes=5-9"])
def test_a_session_that_tells_nonsense_is_not_asked_again(range_: str) -> None:
    _, _, sessions, failure = continued(canned(308, b"", {"range": range_}), GONE)
    assert isinstance(failure, BadReply)
    assert sessions.recall(NAME) == KeptUpload(None, None)


@pytest.mark.parametrize("status", [400, 404, 410, 499])
def test_a_poisoned_session_is_followed_by_another(status: int) -> None:
    ranges, _, _, failure = continued(canned(status, b""), SESSION, done, length=PART)
    assert failure is None
    assert ranges[:3] == ["GET", f"bytes */{PART}", "POST"]


def test_a_session_that_keeps_a_byte_at_a_time_is_given_up() -> None:
    _, _, sessions, failure = continued(canned(308, b"", {"range": "bytes=0-0"}))
    assert isinstance(failure, Unreachable)
    assert sessions.recall(NAME) == KEPT


def test_l01_a_kept_address_does_not_show() -> None:
    assert "upload_id" not in repr(KEPT)
    assert KeptUpload(None, ObjectId("x")) != KeptUpload(None, None)
