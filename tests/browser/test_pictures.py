"""Check 30: a page looks the same each time, and has its theme from the first paint on."""

import io
from typing import Literal

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page

from tests.browser.studio import IS_DRAWN, SIZES, THEMES

pytestmark = [pytest.mark.browser, pytest.mark.every_page, pytest.mark.timeout(300)]

SCREENS = (
    "files",
    "files-empty",
    "details",
    "search",
    "upload",
    "jobs",
    "job",
    "clouds",
    "storage",
    "where",
    "settings",
    "sign-in",
)
ALIKE = 0.001  # a thousandth of all points
NOTICED = 8  # of 255: less is how a curve is drawn
PAPER = {"light": (247, 248, 246), "dark": (14, 21, 19)}  # --bg


def picture(page: Page) -> Image.Image:
    page.wait_for_function(IS_DRAWN)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def differing(one: Image.Image, other: Image.Image) -> float:
    """Return the share of points that anybody could tell apart."""
    apart = ImageChops.difference(one, other).convert("L").point(lambda by: 255 * (by > NOTICED))
    return apart.histogram()[255] / (apart.width * apart.height)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", THEMES)
def test_two_renderings_of_a_page_are_the_same(
    theme: str, size: str, chromium: Browser, gallery: str
) -> None:
    width, height = SIZES[size]
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.goto(f"{gallery}/{SCREENS[0]}")  # the letters are there from here on
    page.wait_for_function(IS_DRAWN)
    taken: dict[str, list[Image.Image]] = {name: [] for name in SCREENS}
    for _ in range(2):
        for name, pictures in taken.items():
            page.goto(f"{gallery}/{name}?theme={theme}")
            pictures.append(picture(page))
    page.close()
    apart = {name: differing(*pictures) for name, pictures in taken.items()}
    assert {name: share for name, share in apart.items() if share >= ALIKE} == {}
    assert differing(taken["files"][0], taken["jobs"][0]) > ALIKE  # the ruler measures


@pytest.mark.parametrize("theme", THEMES)
def test_the_first_paint_has_the_theme_that_was_chosen(
    theme: str, chromium: Browser, gallery: str
) -> None:
    other: Literal["light", "dark"] = "light" if theme == "dark" else "dark"
    context = chromium.new_context(java_script_enabled=False, color_scheme=other)
    page = context.new_page()
    page.goto(f"{gallery}/sign-in?theme={theme}")
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    assert taken.getpixel((4, 4)) == PAPER[theme]
