"""The keys of the pages, and pages in a dialog, in front of the real library."""

import re
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.rules import findings_in_every_look
from tests.browser.visitor import Visitor
from tests.journey.house import House

pytestmark = [pytest.mark.browser, pytest.mark.every_page, pytest.mark.timeout(300)]

NAMES = ("Autumn", "Spring", "Summer", "Winter")


@pytest.fixture(scope="module")
def visitor(chromium: Browser, house: House) -> Iterator[Visitor]:
    """Somebody with four folders in one; nothing is complained of all the while."""
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    visitor = Visitor(page, house.base, has_scripts=True)
    visitor.register(f"{secrets.token_hex(4)}@example.org")
    for name in NAMES:
        visitor.go("/files/new-folder")
        page.get_by_label("Name", exact=True).fill(name)
        visitor.click("Make folder")
    yield visitor
    refused = "the server responded with a status of 409"  # a name that was taken, below
    assert [one for one in visitor.complaints if refused not in one] == []
    page.close()


@pytest.fixture
def page(visitor: Visitor) -> Page:
    visitor.go("/files")
    return visitor.page


def name(page: Page, called: str) -> Locator:
    return page.locator(".files .name a", has_text=called)


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def test_arrows_space_and_shift_select_and_esc_lets_go(page: Page) -> None:
    ticked = page.locator("input[form=selection]:checked")
    page.keyboard.press("ArrowDown")
    expect(name(page, "Autumn")).to_be_focused()
    page.keyboard.press("Space")
    expect(ticked).to_have_count(1)
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(name(page, "Summer")).to_be_focused()
    expect(page.locator("[data-count]")).to_have_text("3 selected")
    expect(page.locator("#status")).to_have_text("3 selected")
    page.keyboard.press("ArrowUp")
    expect(name(page, "Spring")).to_be_focused()
    page.keyboard.press("Escape")
    expect(ticked).to_have_count(0)


def test_enter_opens_and_backspace_goes_up(page: Page) -> None:
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Autumn")
    page.keyboard.press("Backspace")
    expect(page.locator("h1")).to_have_text("All files")


@pytest.mark.parametrize(("keys", "path"), [("gj", "/jobs"), ("ga", "/clouds"), ("gf", "/files")])
def test_g_and_a_letter_go_to_a_page(page: Page, keys: str, path: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(f"{path}$"))


def test_a_dialog_takes_the_focus_esc_closes_it_and_the_focus_returns(page: Page) -> None:
    name(page, "Spring").focus()
    page.keyboard.press("F2")
    expect(dialog(page)).to_have_accessible_name("Rename “Spring”")
    expect(dialog(page).get_by_label("Name")).to_be_focused()
    assert findings_in_every_look(page, "#dialog") == []
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(name(page, "Spring")).to_be_focused()


def test_a_form_in_a_dialog_does_what_its_page_does(page: Page) -> None:
    page.keyboard.press("n")
    dialog(page).get_by_label("Name").fill("Autumn")
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("^Error: "))  # the page says what was wrong
    expect(page.get_by_label("Name", exact=True)).to_have_value("Autumn")


def test_moving_goes_through_folders_without_leaving_the_dialog(page: Page) -> None:
    name(page, "Winter").focus()
    page.keyboard.press("m")
    dialog(page).get_by_role("link", name="Autumn").click()
    expect(dialog(page).get_by_role("button", name="Move here")).to_be_visible()
    assert findings_in_every_look(page, "#dialog") == []
    dialog(page).get_by_role("link", name="Cancel").click()
    expect(dialog(page)).to_have_count(0)
    expect(page).to_have_url(re.compile("/files$"))


def test_the_list_of_keys_opens_over_the_page_and_its_keys_rest_meanwhile(page: Page) -> None:
    page.keyboard.press("?")
    expect(dialog(page)).to_have_accessible_name("Keys")
    expect(dialog(page).get_by_role("heading", name="Keys")).to_be_focused()
    assert findings_in_every_look(page, "#dialog") == []
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).not_to_be_focused()
    dialog(page).get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search by name")).to_be_focused()


def test_typing_is_no_key_press(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("gj?u n")
    expect(page.get_by_role("searchbox")).to_have_value("gj?u n")
    page.keyboard.press("Delete")
    expect(page).to_have_url(re.compile("/files$"))
    expect(dialog(page)).to_have_count(0)


def test_del_moves_to_the_trash_and_undo_brings_it_back(page: Page) -> None:
    name(page, "Summer").focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("status").filter(has_text="Undo")).to_be_visible()
    expect(name(page, "Summer")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    page.goto(page.url.rsplit("/", 1)[0] + "/files")
    expect(name(page, "Summer")).to_be_visible()


def test_one_switch_turns_single_keys_off(page: Page, visitor: Visitor) -> None:
    choose(visitor, "Off")
    visitor.go("/files")
    for key in ("/", "?", "u", "n", "g", "j", "ArrowDown", "F2", "m", "Delete", "Backspace"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile("/files$"))
    expect(dialog(page)).to_have_count(0)
    assert page.evaluate("document.activeElement === document.body")
    page.get_by_role("link", name="New folder").click()  # a dialog needs no key
    expect(dialog(page)).to_be_visible()
    choose(visitor, "On")


def choose(visitor: Visitor, wanted: str) -> None:
    visitor.go("/settings/keys")
    visitor.page.get_by_label(wanted, exact=True).check()
    visitor.click("Save")
    expect(visitor.page.get_by_role("status").filter(has_text=wanted.lower())).to_be_visible()
