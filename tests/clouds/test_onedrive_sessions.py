"""Uploads to OneDrive that do not get through in one request, and go on as sessions."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from balancecloud.clouds.http import Answer as Reply
from balancecloud.clouds.http import Deadlines, Request
from balancecloud.clouds.provider import Shard
from balancecloud.clouds.registry import Installation
from balancecloud.clouds.upload_sessions import HeldUploadSessions, KeptUpload
from balancecloud.errors import (
    AccountFull,
    BadReply,
    DamagedInTransit,
    ObjectDiffers,
    ProviderError,
    Unreachable,
)
from cloudsim.app import Running
from cloudsim.weather.effects import Act, Answer, Drop, KeepLess, Lie, Redirect
from tests.clouds.canned_onedrive import NAME, PART, drive_with, item_json, refusal
from tests.clouds.linked_accounts import LinkedOneDrive
from tests.clouds.provider_suite import new_name, new_shard, stored_ids
from tests.fakes.canned_way import canned

STEP = 327_680
LENGTH = 4 * STEP + 1000
SMALL: dict[str, Any] = {"part_bytes": STEP, "slow_seconds": 0.0}


@pytest.fixture(params=["person", "work"])
def account(sim: Running, shared: Installation, request: pytest.FixtureRequest) -> LinkedOneDrive:
    account = LinkedOneDrive(sim, shared, request.param)
    account.open()
    return account


def fragments(account: LinkedOneDrive, since: int = 0) -> list[int]:
    """Return the lengths of what went into sessions."""
    return [entry["sent_length"] for entry in account.cloud.asked("upload.fragment")[since:]]


@pytest.mark.sim
def test_a_put_that_ran_out_of_time_goes_on_in_parts(account: LinkedOneDrive) -> None:
    shard, name = new_shard(LENGTH), new_name()
    with pytest.raises(Unreachable):
        account.open(account.cut_line(STEP), **SMALL).put(name, shard, None)
    assert account.sessions.recall(name) == KeptUpload(None, None)
    stored = account.open(**SMALL).put(name, shard, None)
    assert fragments(account) == [STEP] * 4 + [1000]
    assert account.open().get(stored.object_id, 0, LENGTH) == shard.body
    assert account.sessions.recall(name) is None


@pytest.mark.sim
def test_after_a_slow_put_the_next_shard_goes_in_parts_at_once(account: LinkedOneDrive) -> None:
    drive = account.open(account.cut_line(STEP), **SMALL)
    with pytest.raises(Unreachable):
        drive.put(new_name(), new_shard(2 * STEP), None)
    drive.put(new_name(), new_shard(2 * STEP), None)
    assert fragments(account) == [STEP, STEP]


@pytest.mark.sim
def test_a_put_that_was_cut_at_once_is_repeated_as_it_was(account: LinkedOneDrive) -> None:
    name = new_name()
    account.cloud.rule(Drop("before"), "item.put")
    with pytest.raises(Unreachable):
        account.open().put(name, new_shard(1000), None)
    assert account.sessions.recall(name) is None


@pytest.mark.sim
def test_what_a_session_has_is_not_sent_again(account: LinkedOneDrive) -> None:
    shard, name = new_shard(LENGTH), new_name()
    account.sessions.note_slow(name)
    account.cloud.rule(Drop("before"), "upload.fragment", after=2)
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, None)
    before = len(fragments(account))
    stored = account.open(**SMALL).put(name, shard, None)
    assert fragments(account, before) == [STEP, STEP, 1000]
    assert stored_ids(account.open()) == [stored.object_id]


@pytest.mark.sim
@pytest.mark.parametrize("account", ["work"], indirect=True)
def test_a_link_too_slow_for_one_request_gets_there_in_parts(account: LinkedOneDrive) -> None:
    shard, name = new_shard(20 << 20), new_name()
    account.cloud.stand(up_bytes_s=15e6)  # 1.4 s for all of it, 0.1 s for a part
    hasty = account.client(Deadlines(1.0, 0.5, 0.6, 1e9))
    while not account.cloud.objects():
        with suppress(Unreachable):
            account.open(hasty, slow_seconds=0.5).put(name, shard, None)
    assert sum(fragments(account)) <= shard.length
    assert len(account.cloud.asked("item.createUploadSession")) == 1


@pytest.mark.sim
def test_a_session_that_ended_well_is_found_by_name_and_hash(account: LinkedOneDrive) -> None:
    shard, name = new_shard(LENGTH), new_name()
    account.sessions.note_slow(name)
    account.cloud.rule(Drop("after"), "upload.fragment", after=4)
    account.cloud.rule(Drop("before"), "item.get")  # and the process dies before it can ask
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, None)
    before = len(fragments(account))
    stored = account.open(**SMALL).put(name, shard, None)
    assert fragments(account, before) == []
    assert stored_ids(account.open()) == [stored.object_id]


@pytest.mark.sim
def test_a_session_that_is_gone_is_begun_anew(account: LinkedOneDrive) -> None:
    shard, name = new_shard(LENGTH), new_name()
    account.sessions.note_slow(name)
    account.cloud.rule(Drop("before"), "upload.fragment", after=2)
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, None)
    account.cloud.rule(Act("forget_session"), "upload.state")
    before = len(fragments(account))
    account.open(**SMALL).put(name, shard, None)
    assert fragments(account, before) == [STEP] * 4 + [1000]


@pytest.mark.sim
@pytest.mark.parametrize("status", [401, 403])
def test_an_address_that_ran_out_is_cancelled_and_another_asked_for(
    account: LinkedOneDrive, status: int
) -> None:
    shard, name = new_shard(LENGTH), new_name()
    account.sessions.note_slow(name)
    account.cloud.rule(Drop("before"), "upload.fragment")
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, None)
    account.cloud.rule(Answer(status, "accessDenied"), "upload.state")
    account.open(**SMALL).put(name, shard, None)  # at work the old one would block the name
    assert [one["status"] for one in account.cloud.asked("upload.cancel")] == [204]
    assert len(stored_ids(account.open())) == 1


@pytest.mark.sim
def test_a_session_whose_address_was_lost_keeps_nothing_from_being_stored(
    account: LinkedOneDrive,
) -> None:
    shard, name = new_shard(LENGTH), new_name()
    account.sessions.note_slow(name)
    account.cloud.rule(Drop("after"), "item.createUploadSession")
    with pytest.raises(Unreachable):
        account.open(**SMALL).put(name, shard, None)
    stored = account.open(**SMALL).put(name, shard, None)
    assert stored_ids(account.open()) == [stored.object_id]
    assert account.sessions.recall(name) is None


@pytest.mark.sim
def test_less_was_kept_than_was_sent(account: LinkedOneDrive) -> None:
    shard, name = new_shard(LENGTH), new_name()
    account.sessions.note_slow(name)
    account.cloud.rule(KeepLess(STEP), "upload.fragment", after=1)
    stored = account.open(**SMALL).put(name, shard, None)
    assert fragments(account) == [STEP, STEP, STEP, STEP, STEP, 1000]
    assert account.open().get(stored.object_id, 0, LENGTH) == shard.body


@pytest.mark.sim
def test_no_token_goes_to_a_sessions_address(account: LinkedOneDrive) -> None:
    shard, name = new_shard(LENGTH), new_name()
    account.sessions.note_slow(name)
    way = account.cut_line()
    account.cloud.rule(Drop("before"), "upload.fragment", after=2)
    with pytest.raises(Unreachable):
        account.open(way, **SMALL).put(name, shard, None)
    account.cloud.rule(Answer(403), "upload.state")
    account.open(way, **SMALL).put(name, shard, None)
    to_sessions = [one for one in way.sent if "/content/upload/" in one.url]
    assert {one.method for one in to_sessions} == {"PUT", "GET", "DELETE"}
    assert {one.bearer for one in to_sessions} == {None}


@pytest.mark.sim
def test_other_bytes_under_the_name_are_not_overwritten_by_a_session(
    account: LinkedOneDrive,
) -> None:
    name = new_name()
    stored = account.open().put(name, new_shard(10), None)
    account.sessions.note_slow(name)
    with pytest.raises(ObjectDiffers):
        account.open(**SMALL).put(name, new_shard(LENGTH), None)
    assert stored_ids(account.open()) == [stored.object_id]
    assert account.sessions.recall(name) is None


@pytest.mark.sim
def test_the_same_bytes_under_the_name_are_taken(account: LinkedOneDrive) -> None:
    name, shard = new_name(), new_shard(LENGTH)
    stored = account.open().put(name, shard, None)
    account.sessions.note_slow(name)
    assert account.open(**SMALL).put(name, shard, None).object_id == stored.object_id
    assert fragments(account) == []


@pytest.mark.sim
def test_a_full_drive_is_full_to_a_session_too(account: LinkedOneDrive) -> None:
    name = new_name()
    account.sessions.note_slow(name)
    account.cloud.fill_up()
    with pytest.raises(AccountFull):
        account.open(**SMALL).put(name, new_shard(LENGTH), None)


@pytest.mark.sim
def test_c16_what_a_session_brought_otherwise_is_removed(account: LinkedOneDrive) -> None:
    name = new_name()
    account.sessions.note_slow(name)
    account.cloud.rule(Lie("hash"), "upload.fragment", after=4)
    with pytest.raises(DamagedInTransit):
        account.open(**SMALL).put(name, new_shard(LENGTH), None)
    assert stored_ids(account.open()) == []
    assert account.sessions.recall(name) == KeptUpload(None, None)


@pytest.mark.sim
@pytest.mark.parametrize("place", ["https://evil.example/", "http://169.254.169.254/", "x"])
def test_a_session_at_another_place_gets_nothing(account: LinkedOneDrive, place: str) -> None:
    name, way = new_name(), account.cut_line()
    account.sessions.note_slow(name)
    account.cloud.rule(Redirect(place), "item.createUploadSession")
    with pytest.raises(BadReply):
        account.open(way, **SMALL).put(name, new_shard(LENGTH), None)
    assert fragments(account) == []
    assert account.sessions.recall(name) == KeptUpload(None, None)


# --- answers that the simulator does not give ---

ADDRESS = "https://public.1drv.com/up/secret"
BEGUN = canned(200, json.dumps({"uploadUrl": ADDRESS, "nextExpectedRanges": ["0-"]}).encode())


def expects(*ranges: object, status: int = 202) -> Reply:
    return canned(status, json.dumps({"nextExpectedRanges": list(ranges)}).encode())


def done(shard: Shard) -> Reply:
    return canned(201, item_json(shard))


def put_on(
    *plans: Reply | Callable[[Shard], Reply], length: int = 3 * PART, address: str = ADDRESS
) -> tuple[list[Request], HeldUploadSessions, ProviderError | None]:
    """Put a shard of which a session is kept."""
    sessions, shard = HeldUploadSessions(), new_shard(length)
    sessions.keep(NAME, KeptUpload(address, None))
    answers = [plan(shard) if callable(plan) else plan for plan in plans]
    drive, way = drive_with(*answers, sessions=sessions)
    try:
        drive.put(NAME, shard, None)
    except ProviderError as failure:
        return way.sent, sessions, failure
    return way.sent, sessions, None


def ranges_of(sent: list[Request]) -> list[str]:
    return [one.headers.get("Content-Range", one.method) for one in sent]


def test_a_fragment_that_overlaps_is_followed_by_a_question() -> None:
    total = 3 * PART
    sent, _, failure = put_on(
        expects("0-", status=200),
        refusal(416, "invalidRange", "fragmentOverlap"),
        expects(f"{PART}-{2 * PART}", f"{2 * PART}-", status=200),
        expects(f"{2 * PART}-"),
        done,
    )
    assert failure is None
    assert ranges_of(sent) == [
        "GET",
        f"bytes 0-{PART - 1}/{total}",
        "GET",
        f"bytes {PART}-{2 * PART - 1}/{total}",
        f"bytes {2 * PART}-{total - 1}/{total}",
    ]


@pytest.mark.parametrize(
    "told", [expects(), expects("x-"), expects(7), expects("9999999-"), canned(202, b"<html>")]
)
def test_expectations_that_make_no_sense_are_a_bad_reply(told: Reply) -> None:
    _, sessions, failure = put_on(expects("0-", status=200), told, refusal(404, "itemNotFound"))
    assert isinstance(failure, BadReply)
    assert sessions.recall(NAME) == KeptUpload(None, None)


def test_a_session_that_expects_the_same_again_and_again_is_given_up() -> None:
    sent, _, failure = put_on(expects("0-", status=200))
    assert isinstance(failure, ProviderError)
    assert len(sent) < 30


def test_a_session_that_has_all_and_made_nothing_is_begun_anew() -> None:
    sent, _, failure = put_on(
        expects(f"{PART}-", status=200),
        refusal(404, "itemNotFound"),
        canned(204),
        BEGUN,
        done,
        length=PART,
    )
    assert failure is None
    assert ranges_of(sent) == ["GET", "GET", "DELETE", "POST", f"bytes 0-{PART - 1}/{PART}"]


@pytest.mark.parametrize("address", ["https://evil.example/x", "http://10.0.0.1/", "nonsense"])
def test_a_kept_address_beyond_the_rules_is_not_asked(address: str) -> None:
    sent, sessions, failure = put_on(refusal(404, "itemNotFound"), address=address)
    assert isinstance(failure, BadReply)
    assert all("graph.microsoft.com" in one.url for one in sent)
    assert sessions.recall(NAME) == KeptUpload(None, None)  # the next try begins another
