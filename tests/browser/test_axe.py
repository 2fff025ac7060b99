"""Checks 1 and 2: what axe says of every page and state, in every theme and width."""

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.rules import (
    GEOMETRY,
    WIDTHS,
    findings_in_both_themes,
    findings_in_every_look,
    shift_of,
)
from tests.browser.test_access import WHOLE, opened
from tests.browser.wayward_proxy import standing_before

pytestmark = [pytest.mark.browser, pytest.mark.every_page, pytest.mark.timeout(1200)]

# Of what floats over or scrolls within the page axe cannot tell what lies behind it. Those parts
# wear the same colours as the others, which are judged with nothing open.
OPEN_ONE = """which => document.querySelectorAll("details").forEach((one, index) => {
  one.open = index === which;
})"""
# What axe cannot judge for us: a page that refreshes itself was asked to; whether a person's own
# film has captions, and what is in their PDF, is theirs.
ALLOWED = {
    "job-auto": "meta-refresh",
    "preview-film": "video-caption",
    "preview-pdf": "frame-tested",
}


# What a browser says of the preview alone: pictures and texts of files and bodies of jobs are not
# there, pages follow one another in one tab, and the policy of a PDF's page is the real page's.
ONLY_HERE = (
    "Failed to load resource",
    "Autofocus processing was blocked",
    "Framing '",
    "postMessage",  # said by the viewer of PDF that is the browser's own
)


# How long, in milliseconds, something was to be seen before the page was whole.
BEFORE_THE_END = """() => performance.getEntriesByType("navigation")[0].domInteractive
  - performance.getEntriesByName("first-contentful-paint")[0].startTime"""


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_and_nothing_jumps_on_any_page(
    width: int, chromium: Browser, gallery: str
) -> None:
    page = opened(chromium, (width, 900))
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    wrong: dict[str, object] = {}
    for name in WHOLE:
        page.goto(f"{gallery}/{name}")
        if (shift := shift_of(page)) > 0.02:
            wrong[f"{name} shifts"] = shift
        found = findings_in_both_themes(page)
        if found := [one for one in found if one[0] != ALLOWED.get(name)]:
            wrong[name] = found
    page.close()
    assert wrong == {}
    assert [one for one in complaints if not any(part in one for part in ONLY_HERE)] == []


def test_check_2_menus_and_tables_that_are_open_hold_too(chromium: Browser, gallery: str) -> None:
    page = opened(chromium, (WIDTHS[0], 900))
    for name in ("job", "where", "files-selected", "search-near", "unlink"):
        page.goto(f"{gallery}/{name}")
        for which in range(page.locator("details").count()):
            page.evaluate(OPEN_ONE, which)
            found = findings_in_every_look(page, "details[open]")
            assert [one for one in found if one[2] not in GEOMETRY] == [], name
    page.close()


@pytest.mark.parametrize(("name", "width"), [("clouds", 390), ("job", 1440), ("register", 390)])
def test_nothing_jumps_when_the_letters_come_late(
    name: str, width: int, chromium: Browser, gallery: str
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/*.woff2", hold)
    page.goto(f"{gallery}/{name}", wait_until="commit")
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
    for route in held:
        route.continue_()
    page.wait_for_function("() => document.fonts.status === 'loaded'")
    shift = shift_of(page)
    context.close()
    assert held
    assert shift <= 0.001


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_jumps_when_a_page_comes_in_drops(
    width: int, chromium: Browser, gallery: str
) -> None:
    page = opened(chromium, (width, 900))
    drawn: list[float] = []
    jumped = {}
    with standing_before(gallery) as proxy:
        proxy.drips = True
        for name in (
            "sign-in-wrong",
            "register-first",
            "error-404",
            "files",
            "preview-sound",
            "map",
        ):
            page.goto(f"{proxy.base}/{name}")
            if (shift := shift_of(page)) > 0.02:
                jumped[name] = shift
            drawn.append(page.evaluate(BEFORE_THE_END))
    page.close()
    assert jumped == {}
    assert min(drawn) > 0
