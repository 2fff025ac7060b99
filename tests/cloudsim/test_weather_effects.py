"""What rules do to calls: answers, lost answers, lies, and acts behind the caller's back."""

from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import urllib3

from cloudsim.app import Running
from cloudsim.weather.effects import (
    Act,
    Answer,
    CutUpload,
    Delay,
    Drop,
    Effect,
    KeepLess,
)
from cloudsim.weather.rules import Rule
from cloudsim.weather.sky import Weather
from tests.cloudsim.client import (
    GOOGLE_TOKEN,
    MICROSOFT_TOKEN,
    Browser,
    Drive,
    OneDrive,
    google_tokens,
    microsoft_tokens,
    put_range,
    refresh_fields,
)

pytestmark = pytest.mark.sim
LISTING = "drive/v3/files"
GRANULE = 262_144


def rule(weather: Weather, effect: Effect, route: str = "*", **more: Any) -> None:
    weather.add_rule(Rule(f"r{len(weather.rules())}", effect, route=route, **more))


def last(sim: Running) -> dict[str, Any]:
    return sim.simulator.log.since(0)[-1]


@pytest.mark.parametrize(
    ("effect", "status", "reason"),
    [
        (Answer(403, "rateLimitExceeded"), 403, "rateLimitExceeded"),
        (Answer(429), 429, "rateLimitExceeded"),
        (Answer(401), 401, "authError"),
        (Answer(503), 503, "backendError"),
    ],
)
def test_google_errs_in_its_own_envelope(
    weather: Weather, drive: Drive, effect: Answer, status: int, reason: str
) -> None:
    rule(weather, effect, "files.list")
    answer = drive.send("GET", LISTING)
    assert (answer.status, answer.reason) == (status, reason)
    assert drive.send("GET", LISTING).status == 200


def test_a_limit_of_use_is_in_googles_domain_for_it(weather: Weather, drive: Drive) -> None:
    rule(weather, Answer(403, "userRateLimitExceeded", "User rate limit exceeded."))
    error = drive.send("GET", LISTING).json["error"]["errors"][0]
    assert error["domain"] == "usageLimits"
    assert error["message"] == "User rate limit exceeded."


def test_microsoft_errs_in_its_own_envelope(weather: Weather, onedrive: OneDrive) -> None:
    rule(weather, Answer(429, inner="throttledRequest", retry_after_s=7), "drive.get")
    answer = onedrive.send("GET", "me/drive")
    assert (answer.status, answer.reason) == (429, "activityLimitReached")
    assert answer.json["error"]["innerError"]["code"] == "throttledRequest"
    assert answer.headers["Retry-After"] == "7"


def test_a_content_host_errs_without_ids(weather: Weather, onedrive: OneDrive) -> None:
    item = onedrive.put("a.bin", b"hello").json
    rule(weather, Answer(401, "unauthenticated"), "content.download")
    answer = onedrive.browser.send("GET", item["@microsoft.graph.downloadUrl"])
    assert (answer.status, answer.reason) == (401, "unauthenticated")
    assert "innerError" not in answer.json["error"]


@pytest.mark.parametrize(("path", "provider"), [(GOOGLE_TOKEN, "g"), (MICROSOFT_TOKEN, "m")])
def test_a_token_endpoint_errs_as_oauth(
    weather: Weather, browser: Browser, path: str, provider: str
) -> None:
    tokens = (google_tokens if provider == "g" else microsoft_tokens)(browser, "anna@example.com")
    refusal = Answer(400, "invalid_grant", "AADSTS50173: The password was changed.")
    rule(weather, refusal, "oauth.token", account="anna@*")
    fields = refresh_fields(tokens["refresh_token"])
    answer = browser.post_form(path, fields)
    assert answer.status == 400
    assert answer.json["error"] == "invalid_grant"
    assert answer.json["error_codes"] == [50173]
    assert browser.post_form(path, fields).status == 200


def test_retry_after_can_be_a_date(weather: Weather, sim: Running, drive: Drive) -> None:
    rule(weather, Answer(503, retry_after_s=3600, retry_after_as_date=True))
    told = parsedate_to_datetime(drive.send("GET", LISTING).headers["Retry-After"])
    assert 3590 < told.timestamp() - sim.simulator.services.clock.now() <= 3600


def test_an_answer_can_be_any_page_with_any_header(weather: Weather, drive: Drive) -> None:
    page = "<html>502 Bad Gateway</html>"
    rule(weather, Answer(502, body=page, headers={"X-Proxy": "tired"}))
    answer = drive.send("GET", LISTING)
    assert (answer.status, answer.data) == (502, page.encode())
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["X-Proxy"] == "tired"


def test_a_failure_can_be_told_although_all_was_done(weather: Weather, drive: Drive) -> None:
    rule(weather, Answer(503, when="after"), "upload.multipart")
    assert drive.upload({"name": "a"}, b"hello").status == 503
    assert drive.names("name = 'a'") == ["a"]


def test_a_refusal_before_leaves_nothing(weather: Weather, drive: Drive) -> None:
    rule(weather, Answer(503), "upload.multipart")
    assert drive.upload({"name": "a"}, b"hello").status == 503
    assert drive.names("") == []


@pytest.mark.parametrize(
    ("when", "kept"), [("at_once", []), ("before", []), ("after", ["a"])]
)  # fmt: skip
def test_a_dropped_call_is_done_or_not(
    weather: Weather, sim: Running, drive: Drive, when: Any, kept: list[str]
) -> None:
    rule(weather, Drop(when), "upload.multipart")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        drive.upload({"name": "a"}, b"hello")
    assert (last(sim)["status"], last(sim)["weather"]) == (0, "r0")
    assert drive.names("") == kept


def test_a_delay_comes_before_anything_is_done(weather: Weather, drive: Drive) -> None:
    waited: list[float] = []
    weather.pause = waited.append
    rule(weather, Delay(3, jitter_s=2), "files.list")
    drive.send("GET", LISTING)
    assert len(waited) == 1
    assert 3 <= waited[0] < 5


def test_the_log_names_the_rule_that_hit(weather: Weather, sim: Running, drive: Drive) -> None:
    weather.add_rule(Rule("thunder", Answer(500), route="files.list"))
    drive.send("GET", LISTING)
    assert last(sim)["weather"] == "thunder"
    drive.send("GET", LISTING)
    assert last(sim)["weather"] == ""


def test_a_part_of_which_less_is_kept_is_told_so(weather: Weather, drive: Drive) -> None:
    rule(weather, KeepLess(by=GRANULE), "upload.session")
    content = bytes(range(256)) * 1024 * 3
    address = drive.begin({"name": "a"}, len(content)).location
    part = put_range(drive.browser, address, content[: 2 * GRANULE], f"bytes 0-{2 * GRANULE - 1}/*")
    assert (part.status, part.headers["Range"]) == (308, f"bytes=0-{GRANULE - 1}")
    where = f"bytes {GRANULE}-{len(content) - 1}/{len(content)}"
    made = put_range(drive.browser, address, content[GRANULE:], where).json
    read = drive.send("GET", f"drive/v3/files/{made['id']}?alt=media")
    assert read.data == content


def test_a_part_of_which_nothing_is_kept_has_no_range(weather: Weather, drive: Drive) -> None:
    rule(weather, KeepLess(), "upload.session")
    address = drive.begin({"name": "a"}).location
    part = put_range(drive.browser, address, bytes(GRANULE), f"bytes 0-{GRANULE - 1}/*")
    assert part.status == 308
    assert "Range" not in part.headers


def test_onedrive_too_keeps_less_of_a_fragment(weather: Weather, onedrive: OneDrive) -> None:
    granule = 327_680
    rule(weather, KeepLess(by=1), "upload.fragment")
    address = onedrive.begin("a.bin").json["uploadUrl"]
    total = 3 * granule
    two = f"bytes 0-{2 * granule - 1}/{total}"
    part = put_range(onedrive.browser, address, bytes(2 * granule), two)
    assert part.json["nextExpectedRanges"] == [f"{granule}-"]
    rest = f"bytes {granule}-{total - 1}/{total}"
    assert put_range(onedrive.browser, address, bytes(2 * granule), rest).status == 201


def test_what_came_before_a_cut_is_kept_by_a_session(weather: Weather, drive: Drive) -> None:
    content = bytes(range(256)) * 1024 * 3
    rule(weather, CutUpload(GRANULE + 100), "upload.session")
    address = drive.begin({"name": "a"}, len(content)).location
    with pytest.raises(urllib3.exceptions.ProtocolError):
        drive.browser.send("PUT", address, body=content)
    state = put_range(drive.browser, address, b"", f"bytes */{len(content)}")
    assert (state.status, state.headers["Range"]) == (308, f"bytes=0-{GRANULE - 1}")
    where = f"bytes {GRANULE}-{len(content) - 1}/{len(content)}"
    assert put_range(drive.browser, address, content[GRANULE:], where).status == 200


def test_a_simple_upload_that_is_cut_leaves_nothing(weather: Weather, onedrive: OneDrive) -> None:
    rule(weather, CutUpload(3), "item.put")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        onedrive.put("a.bin", b"hello")
    assert onedrive.put("a.bin", b"hello").status == 201


def test_a_session_expires_under_way(weather: Weather, drive: Drive) -> None:
    rule(weather, Act("forget_session"), "upload.session")
    address = drive.begin({"name": "a"}, 5).location
    assert drive.browser.send("PUT", address, body=b"hello").status == 404


def test_a_session_is_said_to_be_gone_though_complete(weather: Weather, onedrive: OneDrive) -> None:
    gone = Answer(404, "itemNotFound", "The upload session was not found", when="after")
    rule(weather, gone, "upload.fragment")
    address = onedrive.begin("a.bin").json["uploadUrl"]
    assert put_range(onedrive.browser, address, b"hello", "bytes 0-4/5").status == 404
    assert onedrive.send("GET", "me/drive/root:/a.bin").json["size"] == 5


def test_a_token_expires_just_before_a_call(weather: Weather, browser: Browser) -> None:
    tokens = google_tokens(browser, "anna@example.com")
    rule(weather, Act("expire_access"), "files.list")
    assert Drive(browser, tokens["access_token"]).send("GET", LISTING).status == 401
    fresh = browser.post_form(GOOGLE_TOKEN, refresh_fields(tokens["refresh_token"])).json
    assert Drive(browser, fresh["access_token"]).send("GET", LISTING).status == 200


@pytest.mark.parametrize("act", ["revoke", "rotate_away"])
def test_a_refresh_token_dies_just_before_it_is_used(
    weather: Weather, browser: Browser, act: Any
) -> None:
    tokens = microsoft_tokens(browser, "anna@example.com")
    rule(weather, Act(act), "oauth.token")
    answer = browser.post_form(MICROSOFT_TOKEN, refresh_fields(tokens["refresh_token"]))
    assert answer.json["error"] == "invalid_grant"
    drive = OneDrive(browser, tokens["access_token"])
    assert drive.send("GET", "me/drive").status == (401 if act == "revoke" else 200)


@pytest.mark.parametrize("act", ["delete", "trash"])
def test_an_object_goes_just_before_it_is_read(
    weather: Weather, drive: Drive, onedrive: OneDrive, act: Any
) -> None:
    file_id = drive.upload({"name": "a"}, b"hello").json["id"]
    item_id = onedrive.put("a.bin", b"hello").json["id"]
    rule(weather, Act(act), "*.get")
    rule(weather, Act(act), "item.content")
    assert onedrive.send("GET", f"me/drive/items/{item_id}/content").status == 404
    answer = drive.send("GET", f"drive/v3/files/{file_id}?fields=trashed")
    assert answer.status == 404 if act == "delete" else answer.json["trashed"]


def test_a_long_delay_ends_when_the_weather_does(weather: Weather, drive: Drive) -> None:
    rule(weather, Delay(3600), "files.list")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(drive.send, "GET", LISTING)
        while not weather.rules()[0].hits:
            assert not waiting.done()
        weather.close()
        assert waiting.result(5).status == 200
