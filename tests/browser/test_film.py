"""The newcomer's film: from the first page to every byte back, with scripts and without."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser import film_tree
from tests.browser.film_tree import Contents
from tests.browser.visitor import PASSWORD, PATIENCE_MS, Visitor
from tests.journey.house import House

pytestmark = [pytest.mark.browser, pytest.mark.every_page, pytest.mark.timeout(300)]

PORTO, LISBON = "Travel/Porto", "Travel/Lisbon 2026"
PHOTOS, NOTES = f"{PORTO}/photos", f"{LISBON}/notes, all"
MIDWAY = re.compile(r"^([5-9]\d|1\d\d) of 300 received")
NAME_IS_TAKEN = "Failed to load resource: the server responded with a status of 409 (CONFLICT)"
ANOTHER_TEXT = b"The ferry leaves at ten."


@pytest.fixture
def contents() -> Contents:
    return film_tree.make(seed=300)


@pytest.fixture
def folder(contents: Contents, tmp_path: Path) -> Path:
    return film_tree.write(contents, tmp_path)


@pytest.fixture
def newcomer(request: pytest.FixtureRequest, chromium: Browser, house: House) -> Iterator[Visitor]:
    """Somebody who has two accounts linked a minute after having registered."""
    context = chromium.new_context(java_script_enabled=request.param, accept_downloads=True)
    visitor = Visitor(context.new_page(), house.base, has_scripts=request.param)
    mark = secrets.token_hex(4)
    visitor.register(f"{mark}@example.org")
    visitor.link("google_drive", "Google Drive", f"{mark}@example.com")
    visitor.link("onedrive", "OneDrive", f"work.{mark}@example.com")
    yield visitor
    context.close()


@pytest.mark.parametrize("newcomer", [False], indirect=True, ids=["without scripts"])
def test_without_scripts_a_newcomer_keeps_every_byte(
    newcomer: Visitor, contents: Contents, folder: Path, tmp_path: Path
) -> None:
    newcomer.upload(folder=folder)
    newcomer.wait_for_chip("Done")
    expect(newcomer.page.locator("main")).to_contain_text("All 300 files are stored.")

    live_with(newcomer, contents, tmp_path)

    end_a_session_and_change_the_password(newcomer)
    unlink_one_account(newcomer)
    assert film_tree.unzip(zip_of_all(newcomer)) == contents
    assert newcomer.complaints == []


@pytest.mark.parametrize("newcomer", [True], indirect=True, ids=["with scripts"])
def test_a_newcomer_drops_a_folder_closes_the_tab_comes_back_and_keeps_every_byte(
    newcomer: Visitor, contents: Contents, folder: Path, tmp_path: Path
) -> None:
    newcomer.go("/files")
    drop(newcomer, folder)
    expect(newcomer.page.locator("[data-figure]")).to_have_text(MIDWAY, timeout=PATIENCE_MS)
    newcomer.page.close()

    back = Visitor(newcomer.page.context.new_page(), newcomer.base, has_scripts=True)
    back.go("/files")
    drop(back, folder)
    answer_for_all(back, "Skip")
    back.follow_uploads()
    back.wait_for_chip("Done")

    live_with(back, contents, tmp_path)
    assert newcomer.complaints == []
    assert set(back.complaints) == {NAME_IS_TAKEN}  # as the browser itself notes each of them


def drop(visitor: Visitor, folder: Path) -> None:
    """Drop a folder of this machine on the page, as the file manager would."""
    chromium = visitor.page.context.new_cdp_session(visitor.page)
    carried = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        chromium.send(
            "Input.dispatchDragEvent", {"type": step, "x": 600, "y": 500, "data": carried}
        )


def answer_for_all(visitor: Visitor, answer: str) -> None:
    """Answer what to do with names that are taken, once for all of them."""
    first = visitor.page.locator("[data-ask]:visible").first
    # More of them come, above it too: it is told by its name from here on.
    asked = visitor.page.get_by_role("group", name=name_of(first), exact=True)
    asked.get_by_label("Do this for all").check()
    asked.get_by_role("button", name=answer).click()


def name_of(group: Locator) -> str:
    name: str = group.evaluate("one => one.getAttribute('aria-label')")
    return name


def live_with(visitor: Visitor, contents: Contents, tmp_path: Path) -> None:
    """Do what one does with files, in the library and in `contents`, and compare every byte."""
    look_around(visitor)
    rearrange(visitor, contents)
    delete_and_have_it_back(visitor)
    go_back_to_the_old_version(visitor, contents, tmp_path)
    assert film_tree.unzip(zip_of_all(visitor)) == contents


def look_around(visitor: Visitor) -> None:
    """Preview a text, and find it and its like by a part of the name."""
    page = visitor.page
    enter(visitor, PHOTOS)
    page.locator("main").get_by_role("link", name="07 photo.txt", exact=True).click()
    visitor.click("Preview")
    expect(page.locator("pre.text")).to_contain_text("The ferry leaves at nine.")
    page.get_by_label("Search by name").fill("07 PHOTO")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("5 files and folders in your whole library")
    expect(page.locator(".files tbody tr")).to_have_count(5)
    expect(page.locator(".files tbody")).to_contain_text(f"/{PHOTOS}")


def rearrange(visitor: Visitor, contents: Contents) -> None:
    """Rename a file, move it to another folder, and rename a folder full of others."""
    page = visitor.page
    enter(visitor, NOTES)
    choose(visitor, "03 note.txt", "Rename")
    rename(visitor, "packing ✓.txt")
    expect(page.locator("main")).to_contain_text("“03 note.txt” is called “packing ✓.txt” now.")
    choose(visitor, "packing ✓.txt", "Move")
    places = page.locator("section[aria-labelledby=place]")
    for name in ("All files", "Travel", "Porto"):
        places.get_by_role("link", name=name, exact=True).click()
        expect(page.locator("#place")).to_have_text(name)
    places.get_by_role("button", name="Move here").click()
    expect(page.locator("main")).to_contain_text("“packing ✓.txt” is in Porto now.")
    contents[f"{PORTO}/packing ✓.txt"] = contents.pop(f"{NOTES}/03 note.txt")

    enter(visitor, LISBON)
    choose(visitor, "tickets", "Rename")
    rename(visitor, "Tickets & more")
    expect(page.locator("main")).to_contain_text("“tickets” is called “Tickets & more” now.")
    for path in [path for path in contents if path.startswith(f"{LISBON}/tickets/")]:
        contents[path.replace("/tickets/", "/Tickets & more/")] = contents.pop(path)


def delete_and_have_it_back(visitor: Visitor) -> None:
    """Undo one deletion at once, and take a whole folder out of the trash later."""
    main = visitor.page.locator("main")
    enter(visitor, PHOTOS)
    choose(visitor, "11 photo.txt", "Delete")
    expect(main).to_contain_text("“11 photo.txt” is in the trash.")
    visitor.click("Undo")
    expect(main).to_contain_text(f"“11 photo.txt” is back in /{PHOTOS}.")
    enter(visitor, PORTO)
    choose(visitor, "photos", "Delete")
    expect(main).to_contain_text("“photos” is in the trash.")
    visitor.go("/trash")
    visitor.click("Restore")
    expect(main).to_contain_text(f"“photos” is back in /{PORTO}.")
    visitor.go("/trash")
    expect(main).to_contain_text("The trash is empty")


def go_back_to_the_old_version(visitor: Visitor, contents: Contents, tmp_path: Path) -> None:
    """Upload another text under the same name, and make the one before it current again."""
    page = visitor.page
    enter(visitor, PHOTOS)
    newer = tmp_path / "07 photo.txt"
    newer.write_bytes(ANOTHER_TEXT)
    visitor.click("Upload")
    page.get_by_label("Files", exact=True).set_input_files(newer)
    visitor.click("Upload")
    if visitor.has_scripts:
        visitor.follow_uploads()
    visitor.wait_for_chip("Done")
    enter(visitor, PHOTOS)
    assert visitor.download("07 photo.txt") == ANOTHER_TEXT
    page.locator("main").get_by_role("link", name="07 photo.txt", exact=True).click()
    expect(page.locator(".versions li")).to_have_count(2)
    visitor.click("Make current")
    expect(page.locator("main")).to_contain_text(
        "Version 1 of “07 photo.txt” is the current one now."
    )
    enter(visitor, PHOTOS)
    assert visitor.download("07 photo.txt") == contents[f"{PHOTOS}/07 photo.txt"]


def end_a_session_and_change_the_password(visitor: Visitor) -> None:
    """Sign in from a second browser, send it away, and change the password."""
    page = visitor.page
    visitor.go("/settings/password")
    email = page.locator("input[name=username]").input_value()
    elsewhere = page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    other = Visitor(elsewhere.new_page(), visitor.base, has_scripts=False)
    other.sign_in(email)
    visitor.go("/settings/sessions")
    visitor.click("Sign out")
    expect(page.locator("main")).to_contain_text("That session has ended.")
    other.page.reload()
    expect(other.page).to_have_url(re.compile("/sign-in"))
    elsewhere.close()

    visitor.go("/settings/password")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill(f"{PASSWORD} and more")
    visitor.click("Change password")
    expect(page.locator("main")).to_contain_text("Your password is changed.")


def unlink_one_account(visitor: Visitor) -> None:
    """Let go of one of the two accounts although it holds data: the other one has everything."""
    page = visitor.page
    visitor.go("/clouds")
    page.locator(".account", has_text="OneDrive").get_by_role("link", name="Unlink").click()
    expect(page.locator("main")).not_to_contain_text("would be lost")
    name = page.locator("h1").inner_text().removeprefix("Unlink ").removesuffix("?")
    page.get_by_label("Type the account's name").fill(name)
    visitor.click("Unlink")
    expect(page.locator("main")).to_contain_text("The account is unlinked.")
    expect(page.locator(".account")).to_have_count(1)


# --- steps ------------------------------------------------------------------------------------


def enter(visitor: Visitor, path: str) -> None:
    """Open a folder as one does, one name after the other."""
    visitor.go("/files")
    for name in path.split("/"):
        visitor.page.locator(".files").get_by_role("link", name=name, exact=True).click()
        expect(visitor.page.locator("h1")).to_have_text(name)


def choose(visitor: Visitor, name: str, act: str) -> None:
    """Choose what to do with something: from its menu, or without scripts beside the list."""
    page = visitor.page
    page.locator("main").get_by_label(f"Actions for {name}", exact=True).click()
    offered = page.locator("#row-menu:popover-open" if visitor.has_scripts else "#details")
    offered.get_by_text(act, exact=True).click()


def rename(visitor: Visitor, name: str) -> None:
    """Fill in the form that gives a name, on a page of its own or over the list."""
    form = visitor.page.locator("form[action$='/rename']")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_role("button", name="Rename").click()


def zip_of_all(visitor: Visitor) -> bytes:
    """Download the folder as a ZIP."""
    visitor.go("/files")
    with visitor.page.expect_download() as waiting:
        choose(visitor, film_tree.TOP, "Download as ZIP")
    return Path(waiting.value.path()).read_bytes()
