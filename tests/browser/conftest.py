"""A real BalanceCloud and Debian's chromium; without one these tests are left out and say so."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.gallery import serve
from tests.browser.visitor import Visitor
from tests.journey.house import House, start

NAMES = ("chromium", "chromium-browser", "google-chrome")
SLOW_MACHINE_MS = 30_000  # what is expected comes; when is no matter of these tests
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("No chromium is installed here: the pages are not tried in a real browser.")
    expect.set_options(timeout=SLOW_MACHINE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def gallery() -> Iterator[str]:
    """The preview at an address."""
    with serve() as address:
        yield address


@pytest.fixture(scope="module")
def house(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The whole embedded shape, with the simulator."""
    house = start(tmp_path_factory.mktemp("house") / "data", RATE_LIMITS="0", TICK_SECONDS="2")
    yield house
    house.stop()


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def visitor(request: pytest.FixtureRequest, chromium: Browser, house: House) -> Iterator[Visitor]:
    """Somebody new with a fresh browser, once with scripts and once without."""
    context = chromium.new_context(java_script_enabled=request.param, accept_downloads=True)
    visitor = Visitor(context.new_page(), house.base, has_scripts=request.param)
    visitor.register(f"{secrets.token_hex(4)}@example.org")
    yield visitor
    context.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a folder in it."""
    top = tmp_path / "Travel"
    (top / "Lisbon").mkdir(parents=True)
    (top / "notes.txt").write_text("The ferry leaves at nine.")
    (top / "Lisbon" / "tram.txt").write_text("Line 28.")
    return top
