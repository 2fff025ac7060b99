"""Check 24: a job in bad weather."""

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from balancecloud.cli.embedded.valkey import Valkey
from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.services.databases import Databases
from tests.soak.soak_house import SoakHouse, soak_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.every_page,
    pytest.mark.long,  # it goes by seconds, which a busy machine takes longer for
    pytest.mark.real,
    pytest.mark.sim,
    pytest.mark.timeout(300),
]

MIB = 1 << 20
TOLD_SECONDS = 12
SOON_SECONDS = 2
CLOUDS = (
    ("google_drive", "Google Drive"),
    ("onedrive", "OneDrive"),
    ("google_drive", "Google Drive"),
)
# Notes when the page first says each of these, by the clock of this machine.
WATCH = """() => {
  window.seen = {};
  const words = { chip: ".lines .chip", callout: ".callout", left: "[data-left]" };
  const look = () => {
    for (const [name, place] of Object.entries(words)) {
      const found = [...document.querySelectorAll(place)].find(
        (one) => name === "left" || /slow(ed)? down/i.test(one.textContent));
      if (found) window.seen[name] ??= Date.now() / 1000;
    }
  };
  const all = { childList: true, subtree: true, characterData: true };
  new MutationObserver(look).observe(document, all);
}"""


@pytest.fixture(scope="module")
def weathered(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, valkey: Valkey
) -> Iterator[SoakHouse]:
    folder = tmp_path_factory.mktemp("weathered")
    with databases.clean() as url, soak_house(folder, url, valkey.url()) as house:
        yield house


@pytest.fixture
def clouds(weathered: SoakHouse) -> Iterator[list[str]]:
    """Addresses of three accounts that nobody else has, each so slow that a job takes a minute."""
    # At work: a personal OneDrive keeps in its bin what a program removes.
    addresses = [f"work.{secrets.token_hex(4)}@example.com" for _ in CLOUDS]
    for (provider, _), address in zip(CLOUDS, addresses, strict=True):
        weathered.sky.set_conditions(provider, address, up_bytes_s=3e5)
    yield addresses
    weathered.sky.clear(seed=1)


@pytest.fixture
def owner(chromium: Browser, weathered: SoakHouse, clouds: list[str]) -> Iterator[Visitor]:
    """Somebody who linked them."""
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    visitor = Visitor(page, weathered.machines.base("web-1"), has_scripts=True)
    visitor.register(f"{secrets.token_hex(4)}@example.org")
    for (provider, title), address in zip(CLOUDS, clouds, strict=True):
        visitor.link(provider, title, address)
    yield visitor
    assert visitor.complaints == []
    page.close()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(os.urandom(40 * MIB))
    return path


def wait_until(page: Page, is_so: Callable[[], object], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        page.wait_for_timeout(50)


def test_check_24_a_cloud_that_asks_for_patience_is_told_of_and_the_others_go_on(
    weathered: SoakHouse, owner: Visitor, clouds: list[str], film: Path
) -> None:
    page, sky = owner.page, weathered.sky
    owner.upload(film)
    page.evaluate(WATCH)
    answer = {"kind": "answer", "status": 429, "retry_after_s": TOLD_SECONDS}
    met = {"provider": "microsoft", "account": clouds[1], "method": "PUT", "times": 1}
    sky.add_rule({"name": "patience", **met, "effect": answer})

    def refused() -> list[dict[str, Any]]:
        return [one for one in sky.requests(clouds[1]) if one["weather"] == "patience"]

    wait_until(page, refused)
    page.wait_for_function("() => Object.keys(window.seen).length === 3")
    [at] = [one["at"] for one in refused()]
    seen = page.evaluate("window.seen")
    assert set(seen) == {"chip", "callout", "left"}
    assert max(seen.values()) - at <= SOON_SECONDS

    left = page.locator(".callout [data-left]")
    first = int(left.inner_text())
    assert 0 < first <= TOLD_SECONDS + 1
    expect(left).not_to_have_text(str(first))
    expect(left).to_have_text(re.compile(r"^[0-7]$"))
    others = [one for address in (clouds[0], clouds[2]) for one in sky.requests(address)]
    assert [one for one in others if one["at"] > at]
    early = [one for one in sky.requests(clouds[1]) if at + 0.5 < one["began"] < at + TOLD_SECONDS]
    assert early == []

    expect(page.locator(".callout", has_text="slow down")).to_have_count(0, timeout=30_000)
    sky.clear(seed=1)
    owner.wait_for_chip("Done")
    assert page.get_by_text("Slowed down").count() == 0


def test_check_25_pause_stops_all_traffic_resume_goes_on_and_cancel_leaves_nothing(
    weathered: SoakHouse, owner: Visitor, clouds: list[str], tmp_path: Path
) -> None:
    page, sky = owner.page, weathered.sky
    for (provider, _), address in zip(CLOUDS, clouds, strict=True):
        sky.set_conditions(provider, address, up_bytes_s=2e6)  # many shards come in half a minute
    film = tmp_path / "long film.bin"
    film.write_bytes(os.urandom(160 * MIB))

    def begun() -> list[float]:
        return [one["began"] for address in clouds for one in sky.requests(address)]

    def stored() -> list[str]:
        return [
            name
            for (provider, _), address in zip(CLOUDS, clouds, strict=True)
            for name in sky.shards(provider, address).values()
        ]

    owner.upload(film)
    wait_until(page, lambda: len(stored()) > 3)
    asked = time.time()
    owner.click("Pause")
    owner.wait_for_chip("Paused")
    page.wait_for_timeout(1000 * (SOON_SECONDS + 2))  # it is quiet for as long as it may last
    assert [at for at in begun() if at > asked + SOON_SECONDS] == []

    resumed = time.time()
    owner.click("Resume")
    wait_until(page, lambda: max(begun()) > resumed)
    before = len(stored())
    wait_until(page, lambda: len(stored()) > before)

    page.get_by_text("Cancel job", exact=True).first.click()
    page.locator("details[open]").get_by_role("button", name="Cancel job").click()
    owner.wait_for_chip("Cancelled")
    sky.clear(seed=1)
    wait_until(page, lambda: not stored(), PATIENCE_MS / 1000)
