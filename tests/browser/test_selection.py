"""Ticking rows and the menu of a row, as a person does it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.rules import GEOMETRY, findings_in_both_themes

pytestmark = [pytest.mark.browser, pytest.mark.every_page, pytest.mark.timeout(120)]


@pytest.fixture(params=[("light", 1440), ("dark", 390)], ids=["light wide", "dark narrow"])
def page(request: pytest.FixtureRequest, chromium: Browser, gallery: str) -> Iterator[Page]:
    theme, width = request.param
    page = chromium.new_page(
        viewport={"width": width, "height": 900}, color_scheme=theme, has_touch=width < 500
    )
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{gallery}/files")
    yield page
    assert complaints == []
    page.close()


def judged(page: Page) -> list[tuple[str, str, str]]:
    """Return what axe found, but for what it cannot see behind a bar that stays in sight."""
    return [one for one in findings_in_both_themes(page, "main") if one[2] not in GEOMETRY]


def test_rows_are_ticked_one_by_one_in_a_stretch_and_all(page: Page) -> None:
    boxes = page.locator("input[form=selection]")
    everything = page.get_by_label("Select all on this page")

    boxes.nth(1).check()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("input[form=selection]:checked")).to_have_count(4)
    expect(page.locator("[data-count]")).to_have_text("4 selected")
    expect(page.locator("#status")).to_have_text("4 selected")
    assert everything.evaluate("box => box.indeterminate")
    assert judged(page) == []

    everything.check()
    expect(page.locator("input[form=selection]:checked")).to_have_count(9)
    everything.uncheck()
    expect(page.locator("[data-count]")).to_have_text(re.compile("^Tick files"))


def test_targets_are_large_enough_for_fingers(page: Page) -> None:
    page.locator("input[form=selection]").first.check()
    least = 44 if page.evaluate("matchMedia('(pointer: coarse)').matches") else 24
    for place in ("input[form=selection]", "a.dots", "#selection button"):
        for box in (one.bounding_box() for one in page.locator(place).all()):
            assert box
            assert min(box["width"], box["height"]) >= least, place


def test_the_menu_of_a_row_is_its_own(page: Page) -> None:
    button = page.locator("#main").get_by_label("Actions for harbour-panorama.tif")
    menu = page.locator("#row-menu")
    node = button.locator("xpath=ancestor::tr").get_attribute("data-node")

    button.focus()
    page.keyboard.press("Enter")

    expect(menu).to_be_visible()
    expect(menu.get_by_role("link", name="Download", exact=True)).to_be_focused()
    expect(menu.get_by_role("link", name="Open", exact=True)).to_be_hidden()
    expect(menu.get_by_role("link", name="Rename")).to_have_attribute(
        "href", f"/files/{node}/rename"
    )
    expect(menu.locator("form")).to_have_attribute("action", f"/files/{node}/delete")
    assert findings_in_both_themes(page, "#row-menu") == []
    page.keyboard.press("ArrowDown")
    expect(menu.get_by_role("link", name="Details")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()


def test_a_menu_stays_on_the_screen(page: Page) -> None:
    page.locator("a.dots").last.click()

    box = page.locator("#row-menu").bounding_box()

    assert box
    size = page.viewport_size
    assert size
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] + box["height"] <= size["height"]
