"""The page of the weather, and who may use it."""

import re
import urllib.parse
from pathlib import Path

import pytest

from cloudsim.app import Running, Settings, running
from cloudsim.conditions import Conditions
from cloudsim.weather.effects import Drop
from cloudsim.weather.rules import Rule
from cloudsim.weather.sky import Weather
from tests.cloudsim.client import Answer, Browser, Drive, OneDrive, drive_of

pytestmark = pytest.mark.sim
ANNAS = "google/anna@example.com"


def token(browser: Browser) -> str:
    page = browser.send("GET", "/weather").data.decode()
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def choose(browser: Browser, preset: str, account: str = ANNAS) -> Answer:
    fields = {"token": token(browser), "account": account, "preset": preset}
    return browser.post_form("/weather", fields)


def shown(browser: Browser) -> str:
    """The sentences of the page, without its marks."""
    page = browser.send("GET", "/weather").data.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_page_needs_no_control(compat_browser: Browser) -> None:
    assert "Nobody has opened a drive here yet" in shown(compat_browser)
    drive_of(compat_browser, "anna@example.com")
    assert choose(compat_browser, "slow").status == 303
    assert "Slow ." in shown(compat_browser).replace("Slow.", "Slow .")


def test_a_choice_shows_and_holds(browser: Browser, drive: Drive, weather: Weather) -> None:
    answer = choose(browser, "full")
    assert (answer.status, answer.location) == (303, "/weather")
    assert re.search(r"anna@example.com Full\. .* since \d\d:\d\d UTC, just now", shown(browser))
    assert drive.upload({"name": "a"}, b"x").reason == "storageQuotaExceeded"
    choose(browser, "fair")
    assert drive.upload({"name": "a"}, b"x").status == 200
    assert weather.conditions() == {}


@pytest.mark.parametrize(
    ("preset", "conditions"),
    [
        ("slow", Conditions(latency_s=0.4, jitter_s=0.2, up_bytes_s=1e6, down_bytes_s=1e6)),
        ("full", Conditions(full=True)),
        ("throttling", Conditions(requests_s=3, creations_s=0.5, retry_after_s=5)),
        ("unreachable", Conditions(outage="hangup")),
        ("revoked", Conditions()),
    ],
)
def test_each_button_brings_its_conditions(
    browser: Browser, drive: Drive, weather: Weather, preset: str, conditions: Conditions
) -> None:
    choose(browser, preset)
    assert weather.standing("google", "anna@example.com").conditions == conditions


def test_a_revoked_sign_in_shows_until_somebody_signs_in_again(
    browser: Browser, drive: Drive
) -> None:
    choose(browser, "revoked")
    assert drive.send("GET", "drive/v3/files").status == 401
    assert "anna@example.com Sign-in revoked." in shown(browser)
    drive_of(browser, "anna@example.com")
    assert "anna@example.com Fair." in shown(browser)


def test_fair_weather_for_all_ends_everything(
    browser: Browser, drive: Drive, onedrive: OneDrive, weather: Weather
) -> None:
    choose(browser, "unreachable")
    weather.add_rule(Rule("one", Drop()))
    browser.control("PUT", "accounts/microsoft/anna@example.com/state", {"state": "gone"})
    page = shown(browser)
    assert "1 rule as well" in page
    assert "anna@example.com Gone." in page
    browser.post_form("/weather", {"token": token(browser), "all": "fair"})
    assert (weather.conditions(), weather.rules()) == ({}, [])
    assert drive.send("GET", "drive/v3/files").status == 200
    assert onedrive.send("GET", "me/drive").status == 200


def test_one_account_can_be_fair_where_all_others_are_not(
    browser: Browser, drive: Drive, weather: Weather
) -> None:
    weather.set_conditions("google", "*", Conditions(full=True))
    assert "anna@example.com Set by a program." in shown(browser)
    choose(browser, "fair")
    assert "anna@example.com Fair." in shown(browser)
    assert drive.upload({"name": "a"}, b"x").status == 200


def test_what_a_program_set_is_told_by_its_names(
    browser: Browser, drive: Drive, weather: Weather
) -> None:
    weather.set_conditions("google", "anna@example.com", Conditions(down_bytes_s=2e6, in_flight=4))
    assert "Set by a program. down_bytes_s = 2000000, in_flight = 4." in shown(browser)


def test_time_passes_on_the_page(browser: Browser, drive: Drive, weather: Weather) -> None:
    choose(browser, "slow")
    weather.clock.advance(65)
    assert "a minute ago" in shown(browser)
    weather.clock.advance(120)
    assert "3 minutes ago" in shown(browser)


def test_a_form_without_the_pages_token_is_turned_away(browser: Browser, drive: Drive) -> None:
    for sent in ("", "x" * 43, "ä"):
        fields = {"token": sent, "account": ANNAS, "preset": "full"}
        assert browser.post_form("/weather", fields).status == 403
    assert "anna@example.com Fair." in shown(browser)


@pytest.mark.parametrize(
    "account", ["google/nobody@example.com", "apple/anna@example.com", "", "google"]
)
def test_an_account_that_is_not_there_is_refused(
    browser: Browser, drive: Drive, account: str
) -> None:
    assert choose(browser, "full", account).status == 400


def test_a_weather_that_is_not_there_is_refused(browser: Browser, drive: Drive) -> None:
    assert choose(browser, "snow").status == 400


FOREIGN = [
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://127.0.0.1:1"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Host": "evil.example"}, 400),
]


@pytest.mark.parametrize(("headers", "status"), FOREIGN)
def test_a_foreign_page_cannot_drive_the_weather(
    browser: Browser, drive: Drive, headers: dict[str, str], status: int
) -> None:
    fields = {"token": token(browser), "account": ANNAS, "preset": "full"}
    assert browser.post_form("/weather", fields, headers=headers).status == status
    assert "anna@example.com Fair." in shown(browser)


@pytest.mark.parametrize(("headers", "status"), FOREIGN)
def test_a_foreign_page_cannot_reach_the_control(
    browser: Browser, drive: Drive, headers: dict[str, str], status: int
) -> None:
    for method, path in (("POST", "reset"), ("GET", "log"), ("DELETE", "weather")):
        assert browser.send(method, f"/_sim/{path}", headers=headers).status == status
    assert drive.send("GET", "drive/v3/files").status == 200


def test_a_rebound_name_does_not_read_the_pages_token(browser: Browser, drive: Drive) -> None:
    answer = browser.send("GET", "/weather", headers={"Host": "evil.example"})
    assert answer.status == 400
    assert b"token" not in answer.data


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_page_itself_may(browser: Browser, drive: Drive, site: str) -> None:
    fields = {"token": token(browser), "account": ANNAS, "preset": "full"}
    headers = {"Origin": browser.base, "Sec-Fetch-Site": site}
    assert browser.post_form("/weather", fields, headers=headers).status == 303


def test_the_server_goes_by_localhost_too(sim: Running, browser: Browser) -> None:
    port = urllib.parse.urlsplit(sim.url).port
    assert browser.send("GET", "/weather", headers={"Host": f"localhost:{port}"}).status == 200


def test_behind_a_public_name_that_name_counts(tmp_path: Path) -> None:
    with running(Settings(data=tmp_path, public_url="https://sim.example/")) as sim:
        browser = Browser(sim.local_url)
        own = {"Host": "sim.example", "Origin": "https://sim.example"}
        assert browser.send("GET", "/weather", headers=own).status == 200


def test_the_page_runs_no_script_and_is_framed_by_nobody(browser: Browser) -> None:
    headers = browser.send("GET", "/weather").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_first_page_leads_to_the_weather(browser: Browser, drive: Drive) -> None:
    assert b'href="/weather"' in browser.send("GET", "/").data
