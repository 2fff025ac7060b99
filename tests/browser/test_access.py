"""What holds for every page of the preview in a browser, at the widths and themes people have."""

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.rules import RING
from tests.web.pages import preview

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WHOLE = [name for name in preview.PAGES if name != "job-body"]
# A wide screen, a phone, and a screen of 1280 by 1024 at 400 percent.
SIZES = {"wide": (1440, 900), "phone": (390, 844), "at 400 percent": (320, 256)}
WALKED = [
    ("wide", "files-selected"),
    ("wide", "job"),
    ("wide", "what-if-losing"),
    ("phone", "files"),
    ("phone", "upload"),
    ("phone", "settings"),
    ("at 400 percent", "files"),
    ("at 400 percent", "clouds"),
]


def opened(chromium: Browser, size: tuple[int, int]) -> Page:
    """Return a page of that size; a small one is touched."""
    width, height = size
    return chromium.new_page(
        viewport={"width": width, "height": height}, has_touch=width < 832, is_mobile=width < 832
    )


@pytest.mark.every_page
def test_nothing_scrolls_sideways_on_the_narrowest_screens(chromium: Browser, gallery: str) -> None:
    page = opened(chromium, SIZES["at 400 percent"])
    wide = []
    for name in WHOLE:
        page.goto(f"{gallery}/{name}")
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            wide.append(name)
    page.close()
    assert wide == []


@pytest.mark.every_page
@pytest.mark.parametrize(("size", "name"), WALKED)
def test_tab_reaches_everything_with_a_ring_that_nothing_covers(
    chromium: Browser, gallery: str, size: str, name: str
) -> None:
    page = opened(chromium, SIZES[size])
    page.goto(f"{gallery}/{name}")
    for _ in range(page.evaluate(RING.WATCH)):
        page.keyboard.press("Tab")
    found = page.evaluate(RING.FOUND)
    page.close()
    assert found == []


@pytest.mark.every_page
def test_fingers_find_targets_of_44_pixels_in_bars_and_rows(
    chromium: Browser, gallery: str
) -> None:
    page = opened(chromium, SIZES["phone"])
    small = {}
    for name in ("files", "search", "trash", "jobs", "clouds-states", "storage", "move", "map"):
        page.goto(f"{gallery}/{name}")
        if found := page.evaluate(RING.SMALL):
            small[name] = found
    page.close()
    assert small == {}


def test_the_first_tab_stop_skips_to_the_content(chromium: Browser, gallery: str) -> None:
    page = chromium.new_page()
    page.goto(f"{gallery}/files")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.close()


def test_a_first_view_asks_for_at_most_eight_things_and_is_there_at_once(
    chromium: Browser, gallery: str
) -> None:
    for name in ("sign-in", "files", "job", "upload"):
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{gallery}/{name}")
        page.wait_for_load_state("load")
        asked = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
        asked = [one for one in asked if "/static/" in one]  # pictures of files come as one scrolls
        assert 2 <= len(asked) < 8, asked  # the page itself is the eighth
        context.close()


@pytest.mark.long  # it tells of the machine as much as of the page
@pytest.mark.parametrize("name", ["sign-in", "files", "job"])
def test_the_largest_thing_is_painted_within_800_milliseconds(
    chromium: Browser, gallery: str, name: str
) -> None:
    assert min(painted_after(chromium, f"{gallery}/{name}") for _ in range(3)) <= 800


def painted_after(chromium: Browser, address: str) -> float:
    """Return when a new browser had painted the largest thing of a page, in milliseconds."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(address)
    at = float(page.evaluate(RING.PAINTED))
    context.close()
    return at


@pytest.mark.parametrize("name", ["job", "files", "what-if-losing"])
def test_with_forced_colours_and_less_motion_nothing_moves(
    chromium: Browser, gallery: str, name: str
) -> None:
    context = chromium.new_context(forced_colors="active", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{gallery}/{name}")
    longest = """Math.max(...Array.from(document.querySelectorAll("*"), one => {
        const style = getComputedStyle(one);
        return Math.max(parseFloat(style.transitionDuration), parseFloat(style.animationDuration));
    }))"""
    assert page.evaluate(longest) <= 0.01
    # A state never hangs on a colour: each bar and chip has a border, each chip its words.
    assert (
        page.evaluate("""[...document.querySelectorAll(".chip")].filter(one =>
        one.checkVisibility() && (!one.innerText.trim()
            || !parseFloat(getComputedStyle(one).borderTopWidth))).length""")
        == 0
    )
    context.close()
