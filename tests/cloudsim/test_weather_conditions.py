"""What stands over an account: slowness, limits, outages, lags and policies."""

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from cloudsim.app import Running
from cloudsim.conditions import Conditions
from cloudsim.weather.sky import ANY, Weather
from tests.cloudsim.client import (
    GOOGLE_TOKEN,
    MICROSOFT_TOKEN,
    Browser,
    Drive,
    OneDrive,
    drive_of,
    google_tokens,
    microsoft_tokens,
    onedrive_of,
    put_range,
    refresh_fields,
)

pytestmark = pytest.mark.sim
ANNA = "anna@example.com"
ABOUT = "drive/v3/about?fields=storageQuota,user"


@pytest.fixture
def waited(weather: Weather) -> list[float]:
    """The waits, which take no time."""
    waits: list[float] = []
    weather.pause = waits.append
    return waits


def over(weather: Weather, provider: str, **conditions: Any) -> None:
    weather.set_conditions(provider, ANNA, Conditions(**conditions))


def test_every_answer_is_late(weather: Weather, waited: list[float], drive: Drive) -> None:
    over(weather, "google", latency_s=0.08)
    for _ in range(3):
        drive.send("GET", ABOUT)
    assert waited == [0.08] * 3


def test_jitter_is_drawn_by_the_seed(weather: Weather, waited: list[float], drive: Drive) -> None:
    over(weather, "google", latency_s=1, jitter_s=1)
    for _ in range(20):
        drive.send("GET", ABOUT)
    assert all(1 <= wait < 2 for wait in waited)
    assert len(set(waited)) == 20


def test_only_the_account_named_is_met(
    weather: Weather, waited: list[float], browser: Browser, drive: Drive
) -> None:
    ben = drive_of(browser, "ben@example.com")
    over(weather, "google", latency_s=0.5)
    ben.send("GET", ABOUT)
    assert waited == []
    weather.set_conditions("google", ANY, Conditions(latency_s=0.1))
    ben.send("GET", ABOUT)
    drive.send("GET", ABOUT)
    assert waited == [0.1, 0.5]


def test_a_download_takes_its_time(weather: Weather, drive: Drive) -> None:
    file_id = drive.upload({"name": "a"}, bytes(100_000)).json["id"]
    over(weather, "google", down_bytes_s=500_000)
    began = time.monotonic()
    answer = drive.send("GET", f"drive/v3/files/{file_id}?alt=media")
    took = time.monotonic() - began
    assert len(answer.data) == 100_000
    assert 0.12 < took < 0.6


def test_an_upload_takes_its_time(weather: Weather, onedrive: OneDrive) -> None:
    over(weather, "microsoft", up_bytes_s=500_000)
    began = time.monotonic()
    assert onedrive.put("a.bin", bytes(100_000)).status == 201
    assert 0.12 < time.monotonic() - began < 0.6


def test_connections_share_their_accounts_bandwidth(weather: Weather, drive: Drive) -> None:
    file_id = drive.upload({"name": "a"}, bytes(50_000)).json["id"]
    over(weather, "google", down_bytes_s=1_000_000)
    path = f"drive/v3/files/{file_id}?alt=media"
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: drive.send("GET", path), range(4)))
    took = time.monotonic() - began
    assert [len(one.data) for one in answers] == [50_000] * 4
    assert 0.12 < took < 0.8


def test_slowness_burns_no_time_of_the_processor(weather: Weather, drive: Drive) -> None:
    file_id = drive.upload({"name": "a"}, bytes(100_000)).json["id"]
    over(weather, "google", down_bytes_s=200_000)
    used = time.process_time()
    drive.send("GET", f"drive/v3/files/{file_id}?alt=media")
    assert time.process_time() - used < 0.2  # of half a second


def test_google_throttles_what_is_beyond_its_rate(weather: Weather, drive: Drive) -> None:
    over(weather, "google", requests_s=2)
    answers = [drive.send("GET", ABOUT) for _ in range(4)]
    assert [one.status for one in answers[:2]] == [200, 200]
    assert (answers[-1].status, answers[-1].reason) == (403, "rateLimitExceeded")
    assert "Retry-After" not in answers[-1].headers


def test_time_brings_new_room_below_the_rate(weather: Weather, sim: Running, drive: Drive) -> None:
    over(weather, "google", requests_s=1, throttle_reason="userRateLimitExceeded")
    assert drive.send("GET", ABOUT).status == 200
    assert drive.send("GET", ABOUT).reason == "userRateLimitExceeded"
    sim.simulator.services.clock.advance(1)
    assert drive.send("GET", ABOUT).status == 200


def test_creations_alone_have_a_rate_of_their_own(weather: Weather, onedrive: OneDrive) -> None:
    over(weather, "microsoft", creations_s=1)
    assert onedrive.put("a.bin", b"x").status == 201
    refused = onedrive.put("b.bin", b"x")
    assert (refused.status, refused.reason) == (429, "activityLimitReached")
    assert refused.headers["Retry-After"] == "1"
    assert onedrive.send("GET", "me/drive").status == 200


def test_retry_after_grows_for_who_does_not_wait(
    weather: Weather, sim: Running, onedrive: OneDrive
) -> None:
    over(weather, "microsoft", requests_s=0.001, retry_after_s=2, retry_after_grows=True)
    told = [onedrive.send("GET", "me/drive").headers.get("Retry-After") for _ in range(4)]
    assert told == [None, "2", "4", "8"]
    sim.simulator.services.clock.advance(9)
    assert onedrive.send("GET", "me/drive").headers["Retry-After"] == "2"


def test_too_many_in_flight_are_throttled(weather: Weather, browser: Browser, drive: Drive) -> None:
    over(weather, "google", in_flight=1, down_bytes_s=4000)
    file_id = drive.upload({"name": "a"}, bytes(100_000)).json["id"]
    held = browser.pool.request(
        "GET", f"{browser.base}/google/drive/v3/files/{file_id}?alt=media", preload_content=False,
        headers={"Authorization": f"Bearer {drive.token}"},
    )  # fmt: skip
    assert drive.send("GET", ABOUT).reason == "rateLimitExceeded"
    held.close()


def test_an_outage_hangs_up_also_on_a_refresh(weather: Weather, browser: Browser) -> None:
    tokens = microsoft_tokens(browser, ANNA)
    over(weather, "microsoft", outage="hangup")
    drive = OneDrive(browser, tokens["access_token"])
    with pytest.raises(urllib3.exceptions.ProtocolError):
        drive.send("GET", "me/drive")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        browser.post_form(MICROSOFT_TOKEN, refresh_fields(tokens["refresh_token"]))
    weather.clear()
    assert drive.send("GET", "me/drive").status == 200


def test_an_outage_can_answer_503(
    weather: Weather, sim: Running, drive: Drive, onedrive: OneDrive
) -> None:
    over(weather, "google", outage="unavailable")
    over(weather, "microsoft", outage="unavailable")
    assert drive.send("GET", ABOUT).reason == "backendError"
    answer = onedrive.send("GET", "me/drive")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert sim.simulator.log.since(0)[-1]["weather"] == "outage"


def test_an_outage_can_be_silent_until_it_ends(
    weather: Weather, sim: Running, drive: Drive
) -> None:
    over(weather, "google", outage="silence")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(drive.send, "GET", ABOUT)
        while not sim.simulator.log.since(0)[-1]["weather"]:
            assert not waiting.done()
        weather.clear()
        with pytest.raises(urllib3.exceptions.ProtocolError):
            waiting.result(5)
    assert sim.simulator.log.since(0)[-1]["status"] == 0


def test_silence_ends_for_a_client_that_leaves(weather: Weather, drive: Drive) -> None:
    over(weather, "google", outage="silence")
    with pytest.raises(urllib3.exceptions.TimeoutError):
        drive.browser.pool.request(
            "GET", f"{drive.browser.base}/google/{ABOUT}", retries=False, timeout=0.05,
            headers={"Authorization": f"Bearer {drive.token}"},
        )  # fmt: skip
    gauge = weather.state("google", ANNA).gauge
    ends = time.monotonic() + 5
    while gauge.in_flight and time.monotonic() < ends:
        time.sleep(0.01)
    assert gauge.in_flight == 0


def test_a_full_google_takes_nothing_more(weather: Weather, drive: Drive) -> None:
    made = drive.upload({"name": "a"}, b"hello").json
    address = drive.begin({"name": "b"}, 5).location
    over(weather, "google", full=True)
    for refused in (
        drive.upload({"name": "c"}, b"hello"),
        drive.begin({"name": "c"}, 5),
        drive.browser.send("PUT", address, body=b"hello"),
    ):
        assert (refused.status, refused.reason) == (403, "storageQuotaExceeded")
    assert drive.quota()["limit"] == drive.quota()["usage"] == "5"
    assert drive.send("GET", f"drive/v3/files/{made['id']}?alt=media").data == b"hello"
    assert drive.send("DELETE", f"drive/v3/files/{made['id']}").status == 204


def test_a_full_onedrive_takes_nothing_more(weather: Weather, onedrive: OneDrive) -> None:
    onedrive.put("a.bin", b"hello")
    address = onedrive.begin("b.bin").json["uploadUrl"]
    over(weather, "microsoft", full=True)
    for refused in (
        onedrive.put("c.bin", b"hello"),
        onedrive.begin("c.bin"),
        put_range(onedrive.browser, address, b"hello", "bytes 0-4/5"),
    ):
        assert (refused.status, refused.reason) == (507, "quotaLimitReached")
    assert onedrive.quota()["remaining"] == 0
    assert onedrive.quota()["state"] == "exceeded"


def test_the_days_wall_is_googles_own_sentence(
    weather: Weather, sim: Running, drive: Drive
) -> None:
    over(weather, "google", daily_upload_bytes=100)
    assert drive.upload({"name": "a"}, bytes(200)).status == 200
    refused = drive.upload({"name": "b"}, b"x")
    assert (refused.status, refused.reason) == (403, "userRateLimitExceeded")
    assert refused.json["error"]["message"] == "User rate limit exceeded."
    assert drive.send("GET", ABOUT).status == 200


def test_the_wall_falls_after_a_day(weather: Weather, sim: Running, browser: Browser) -> None:
    over(weather, "microsoft", daily_upload_bytes=100)
    onedrive = onedrive_of(browser, ANNA)
    assert onedrive.put("a.bin", bytes(200)).status == 201
    refused = onedrive.put("b.bin", b"x")
    assert refused.status == 509
    assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    sim.simulator.services.clock.advance(86_400)
    assert onedrive_of(browser, ANNA).put("b.bin", b"x").status == 201


def test_a_new_object_is_listed_later_but_had_by_id_at_once(
    weather: Weather, sim: Running, drive: Drive, onedrive: OneDrive
) -> None:
    over(weather, "google", list_lag_s=5)
    over(weather, "microsoft", list_lag_s=5)
    file_id = drive.upload({"name": "a"}, b"hello").json["id"]
    item_id = onedrive.put("a.bin", b"hello").json["id"]
    assert drive.send("GET", f"drive/v3/files/{file_id}").status == 200
    assert onedrive.send("GET", f"me/drive/items/{item_id}").status == 200
    assert drive.names("name = 'a'") == []
    assert onedrive.send("GET", "me/drive/root:/a.bin").status == 404
    assert onedrive.send("GET", "me/drive/root/children").json["value"] == []
    assert onedrive.put("a.bin", b"hello").status == 409
    sim.simulator.services.clock.advance(5)
    assert drive.names("name = 'a'") == ["a"]
    assert onedrive.send("GET", "me/drive/root:/a.bin").status == 200
    assert len(onedrive.send("GET", "me/drive/root/children").json["value"]) == 1


def test_hashes_come_later(
    weather: Weather, sim: Running, drive: Drive, onedrive: OneDrive
) -> None:
    over(weather, "google", hashes_missing_s=5)
    over(weather, "microsoft", hashes_missing_s=5)
    made = drive.upload({"name": "a"}, b"hello", "&fields=name,sha256Checksum").json
    assert made == {"name": "a"}
    item = onedrive.put("a.bin", b"hello").json
    assert "hashes" not in item["file"]
    sim.simulator.services.clock.advance(5)
    listed = drive.listed("", fields="files(sha256Checksum)").json["files"]
    assert listed == [{"sha256Checksum": hashlib.sha256(b"hello").hexdigest()}]
    later = onedrive.send("GET", f"me/drive/items/{item['id']}").json
    assert base64.b64decode(later["file"]["hashes"]["quickXorHash"])


def test_a_quota_is_told_late_but_kept_exactly(
    weather: Weather, sim: Running, drive: Drive, onedrive: OneDrive
) -> None:
    for provider in ("google", "microsoft"):
        over(weather, provider, quota_lag_s=5)
        account = sim.simulator.services.accounts.open(
            "google" if provider == "google" else "microsoft", ANNA
        )
        sim.simulator.services.accounts.set_quota(account.id, 10)
    drive.upload({"name": "a"}, bytes(8))
    onedrive.put("a.bin", bytes(8))
    assert (drive.quota()["usage"], onedrive.quota()["used"]) == ("0", 0)
    assert drive.upload({"name": "b"}, bytes(8)).reason == "storageQuotaExceeded"
    assert onedrive.put("b.bin", bytes(8)).status == 507
    sim.simulator.services.clock.advance(5)
    assert (drive.quota()["usage"], onedrive.quota()["used"]) == ("8", 8)


def test_an_old_object_keeps_its_hash_beside_a_new_one(weather: Weather, drive: Drive) -> None:
    drive.upload({"name": "old"}, b"hello")
    weather.clock.advance(60)
    over(weather, "google", hashes_missing_s=30)
    drive.upload({"name": "new"}, b"hello")
    listed = drive.listed("", fields="files(id,name,md5Checksum)", orderBy="name").json["files"]
    assert [("md5Checksum" in file) for file in listed] == [False, True]


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [("upper", {"0ABC"}), ("changing", {"0ABC", "0abc"}), ("short", {"abc"})],
)
def test_a_drive_id_is_spelled_otherwise(
    weather: Weather, sim: Running, onedrive: OneDrive, spelling: str, expected: set[str]
) -> None:
    rows = sim.simulator.services.database
    with rows.changing() as changing:
        changing.execute("UPDATE accounts SET drive_id = '0abc'")
    over(weather, "microsoft", drive_ids=spelling)
    told = set()
    for _ in range(2):
        told.add(onedrive.send("GET", "me/drive?$select=id").json["id"])
        told.add(onedrive.send("GET", "me/drives").json["value"][0]["id"])
        root = onedrive.send("GET", "me/drive/root").json
        told.add(root["parentReference"]["driveId"])
    assert told == expected


def test_a_strict_refresh_ends_the_old_token(weather: Weather, browser: Browser) -> None:
    over(weather, "microsoft", refresh="strict")
    old = refresh_fields(microsoft_tokens(browser, ANNA)["refresh_token"])
    new = browser.post_form(MICROSOFT_TOKEN, old).json["refresh_token"]
    assert browser.post_form(MICROSOFT_TOKEN, old).json["error"] == "invalid_grant"
    assert browser.post_form(MICROSOFT_TOKEN, refresh_fields(new)).status == 200


def test_a_graceful_refresh_ends_it_later(weather: Weather, sim: Running, browser: Browser) -> None:
    over(weather, "microsoft", refresh="grace", refresh_grace_s=30)
    old = refresh_fields(microsoft_tokens(browser, ANNA)["refresh_token"])
    assert browser.post_form(MICROSOFT_TOKEN, old).status == 200
    assert browser.post_form(MICROSOFT_TOKEN, old).status == 200
    sim.simulator.services.clock.advance(31)
    assert browser.post_form(MICROSOFT_TOKEN, old).json["error"] == "invalid_grant"


def test_a_refresh_keeps_the_old_token_as_a_rule(weather: Weather, browser: Browser) -> None:
    over(weather, "microsoft", latency_s=0.001)
    old = refresh_fields(microsoft_tokens(browser, ANNA)["refresh_token"])
    assert [browser.post_form(MICROSOFT_TOKEN, old).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("provider", ["google", "microsoft"])
def test_refresh_tokens_can_die_early(
    weather: Weather, sim: Running, browser: Browser, provider: str
) -> None:
    over(weather, provider, refresh_lifetime_s=7 * 86_400)
    made = (google_tokens if provider == "google" else microsoft_tokens)(browser, ANNA)
    path = GOOGLE_TOKEN if provider == "google" else MICROSOFT_TOKEN
    fields = refresh_fields(made["refresh_token"])
    sim.simulator.services.clock.advance(7 * 86_400 - 60)
    assert browser.post_form(path, fields).status == 200
    sim.simulator.services.clock.advance(61)
    assert browser.post_form(path, fields).json["error"] == "invalid_grant"


def test_the_app_folder_fault_is_mended_by_a_wider_grant(
    weather: Weather, browser: Browser
) -> None:
    over(weather, "microsoft", app_folder_fault=True)
    narrow = {"scope": "Files.ReadWrite.AppFolder offline_access"}
    refused = onedrive_of(browser, ANNA, **narrow).send("GET", "me/drive/special/approot")
    assert (refused.status, refused.reason) == (403, "accessDenied")
    assert refused.json["error"]["innerError"]["code"] == "serviceReadOnly"
    onedrive_of(browser, ANNA)
    again = onedrive_of(browser, ANNA, **narrow)
    assert again.send("GET", "me/drive/special/approot").status == 200


def test_a_hanged_up_account_stays_hung_up_for_downloads(
    weather: Weather, onedrive: OneDrive
) -> None:
    address = onedrive.put("a.bin", b"hello").json["@microsoft.graph.downloadUrl"]
    over(weather, "microsoft", outage="hangup")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        onedrive.browser.send("GET", address)
