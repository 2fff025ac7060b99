"""The table of what bites who speaks to these clouds, row by row: people, waits, addresses."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from balancecloud.clouds.http import HostRules, HttpClient, Request
from balancecloud.clouds.oauth import HeldTokens
from balancecloud.clouds.provider import Provider
from balancecloud.clouds.registry import Installation
from balancecloud.errors import AccessRefused, SignInAgain, Throttled, Unreachable
from cloudsim.app import Running
from cloudsim.weather import acts
from cloudsim.weather.effects import Answer, Delay, Drop, Redirect
from tests.clouds.linked_accounts import LinkedDrive, LinkedOneDrive
from tests.clouds.provider_suite import at_once, new_shard, store
from tests.clouds.scripted_server import ScriptedServer, answer
from tests.clouds.simulated import grant, grants_at, new_person
from tests.fakes.manual_clock import ManualClock

pytestmark = pytest.mark.sim


@pytest.fixture
def drive(sim: Running, shared: Installation) -> LinkedDrive:
    return LinkedDrive(sim, shared)


@pytest.fixture
def onedrive(sim: Running, shared: Installation) -> LinkedOneDrive:
    return LinkedOneDrive(sim, shared)


@pytest.fixture(params=["drive", "onedrive"])
def account(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_bites_07_refreshers_at_once_lose_no_token(onedrive: LinkedOneDrive) -> None:
    opened = onedrive.open()
    onedrive.cloud.stand(refresh="strict")  # the old refresh token dies at once
    for _ in range(2):
        onedrive.cloud.expire()
        at_once(6, opened.room)
    assert [one["status"] for one in onedrive.cloud.asked("oauth.token")] == [200, 200]


def test_bites_07_a_new_token_that_was_lost_ends_the_grant_and_does_not_loop(
    onedrive: LinkedOneDrive,
) -> None:
    opened = onedrive.open()
    onedrive.cloud.stand(refresh="strict")
    onedrive.cloud.expire()
    onedrive.cloud.rule(Drop("after"), "oauth.token")
    with pytest.raises(Unreachable):
        opened.room()
    with pytest.raises(SignInAgain):
        opened.room()
    assert len(onedrive.cloud.asked("oauth.token")) <= 2


def test_bites_07_google_gives_lasting_access_the_second_time_too(shared: Installation) -> None:
    grants, person = grants_at("google_drive", shared), new_person()
    first, second = grant(grants, person), grant(grants, person)
    assert first.refresh_token
    assert second.refresh_token


def test_bites_09_a_drives_id_in_another_spelling_is_the_same_account(
    sim: Running, onedrive: LinkedOneDrive
) -> None:
    acts.give_zero_drive_id(sim.simulator.services, onedrive.cloud.account)
    opened = onedrive.open()
    subjects = set()
    for spelling in ("plain", "upper", "changing", "changing", "short"):
        onedrive.cloud.stand(drive_ids=spelling)
        subjects.add(opened.identity().subject)
    assert len(subjects) == 1
    assert subjects.pop().startswith("0")


def test_bites_10_a_personal_account_that_was_moved_is_used_by_its_own_drive_alone(
    onedrive: LinkedOneDrive,
) -> None:
    opened = onedrive.open()
    shard = new_shard(10)
    _, stored = store(opened, shard)
    assert "!s" in stored.object_id  # as ids look since the move
    assert opened.get(stored.object_id, 0, 10) == shard.body
    opened.delete(stored.object_id)
    assert onedrive.cloud.asked("drives.list") == []  # 403 for who was moved


def test_bites_10_the_fault_of_the_app_folder_asks_for_another_consent(
    onedrive: LinkedOneDrive,
) -> None:
    opened = onedrive.open()
    onedrive.cloud.rule(Answer(403, "accessDenied", inner="serviceReadOnly"), times=None)
    with pytest.raises(AccessRefused) as caught:
        opened.room()
    assert "Link it again" in caught.value.sentence


def test_bites_11_a_request_that_hangs_holds_up_no_other(account: Any) -> None:
    opened: Provider = account.open()
    opened.room()
    account.cloud.rule(Delay(0.5))
    ends: list[str] = []

    def ask(who: str) -> None:
        opened.room()
        ends.append(who)

    slow = threading.Thread(target=ask, args=("slow",))
    slow.start()
    while not account.cloud.sim.simulator.weather.rules()[-1].hits:
        assert slow.is_alive()
    at_once(4, lambda: ask("quick"))
    slow.join()
    assert ends == ["quick"] * 4 + ["slow"]


def test_bites_11_what_is_spoken_is_http_1_1() -> None:
    with ScriptedServer(answer("200 OK", b"{}")) as server:
        client = HttpClient(HostRules.of((server.url,), ()), ManualClock())
        client.send(Request("GET", server.url))
    assert server.requests[0].split(b"\r\n")[0].endswith(b" HTTP/1.1")


def test_bites_13_a_local_clock_that_is_wrong_costs_one_refresh(
    sim: Running, shared: Installation
) -> None:
    for kind in (LinkedDrive, LinkedOneDrive):
        clock = ManualClock()  # stands still, days behind the simulator's
        account = kind(sim, shared)
        account.tokens = HeldTokens(account.tokens.tokens, grants_at(account.name, shared), clock)
        opened = account.open()
        account.cloud.expire()  # long ago there, and fresh by our clock
        opened.room()
        assert len(account.cloud.asked("oauth.token")) == 1
        clock.advance(timedelta(days=400).total_seconds())  # and the other way round
        opened.room()
        assert len(account.cloud.asked("oauth.token")) == 2


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        (Answer(429, "rateLimitExceeded"), (None, None)),
        (Answer(429, "rateLimitExceeded", retry_after_s=1e9), (86_400, 86_400)),
        (
            Answer(429, "rateLimitExceeded", retry_after_s=3600, retry_after_as_date=True),
            (3500, 86_400),  # its clock is ahead of ours
        ),
        (Answer(429, "rateLimitExceeded", headers={"Retry-After": "7"}), (7, 7)),
    ],
    ids=["missing", "huge", "date", "seconds"],
)
def test_bites_15_a_wait_is_read_however_it_is_told(
    account: Any, told: Answer, waits: tuple[float | None, float | None]
) -> None:
    opened: Provider = account.open()
    account.cloud.rule(told)
    with pytest.raises(Throttled) as caught:
        opened.room()
    low, high = waits
    if low is None or high is None:
        assert caught.value.retry_after is None
    else:
        assert caught.value.retry_after is not None
        assert low <= caught.value.retry_after <= high


def test_bites_16_a_server_error_in_html_or_empty_is_asked_again(account: Any) -> None:
    opened: Provider = account.open()
    for status in (500, 502, 503, 504):
        for body in ("<html><h1>Server Error</h1></html>", ""):
            with account.cloud.under(Answer(status, body=body)):
                with pytest.raises(Unreachable):
                    opened.room()
                with pytest.raises(Unreachable):
                    store(opened, new_shard(10))
    assert account.cloud.objects() == []


def test_bites_19_a_signed_address_is_used_as_it_came(
    sim: Running, onedrive: LinkedOneDrive
) -> None:
    query = "tempauth=a%2Fb+c%20d/==&sig=%7e~!%C3%A4&x=%2f&&y"
    content = answer("206 Partial Content", b"123", "Content-Range: bytes 0-2/10")
    with ScriptedServer(content) as server:
        rules = HostRules.of((onedrive.shared.microsoft.graph, server.url), ())
        opened = onedrive.open(HttpClient(rules, onedrive.shared.clock))
        _, stored = store(opened, new_shard(10))
        onedrive.cloud.rule(Redirect(f"{server.url}/a%20b/c;d?{query}"), "item.content")
        assert opened.get(stored.object_id, 0, 3) == b"123"
    line, head = server.requests[0].split(b"\r\n", 1)
    assert line == f"GET /a%20b/c;d?{query} HTTP/1.1".encode()
    assert b"authorization" not in head.lower()
