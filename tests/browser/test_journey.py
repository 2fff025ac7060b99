"""The whole way through the pages, as a person goes it, with scripts and without."""

import os
import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.journey.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MIB = 1 << 20


@pytest.mark.every_page
def test_a_file_goes_to_the_clouds_and_comes_back_and_is_deleted(
    visitor: Visitor, house: House, tmp_path: Path
) -> None:
    page = visitor.page
    mark = secrets.token_hex(4)
    visitor.link("google_drive", "Google Drive", f"anna-{mark}@example.com")
    visitor.link("onedrive", "OneDrive", f"work.anna-{mark}@example.com")
    visitor.link_folder(house.data_dir / "folders" / mark)
    expect(page.locator(".account")).to_have_count(3)
    expect(page.locator(".account", has_text="Simulated")).to_have_count(2)

    content = os.urandom(11 * MIB + 17)
    big, empty = tmp_path / "panorama.bin", tmp_path / "empty.txt"
    big.write_bytes(content)
    empty.touch()
    visitor.upload(big, empty)
    visitor.wait_for_chip("Done")
    expect(page.locator("main")).to_contain_text("All 2 files are stored.")
    expect(page.locator(".jobfiles .chip")).to_have_text(["Stored", "Stored"])

    visitor.open_details("panorama.bin")
    expect(page.locator("#details")).to_contain_text("protected against the loss of 1 account")
    assert visitor.download("panorama.bin") == content
    assert visitor.download("empty.txt") == b""

    visitor.open_details("panorama.bin")
    visitor.click("Delete")
    expect(page.locator("main")).to_contain_text("“panorama.bin” is in the trash.")
    visitor.click("Undo")
    expect(page.locator("main")).to_contain_text("“panorama.bin” is back in All files.")
    visitor.click("Delete")
    visitor.go("/trash")
    page.get_by_role("link", name="Delete panorama.bin for good").click()
    visitor.click("Delete for good")
    expect(page).to_have_url(re.compile("/jobs/"))
    visitor.wait_for_chip("Done")
    visitor.go("/files")
    expect(page.locator(".files tbody tr")).to_have_count(1)
    assert visitor.complaints == []


@pytest.mark.every_page
def test_a_folder_keeps_its_tree_and_waits_for_an_account(visitor: Visitor, tree: Path) -> None:
    page = visitor.page
    visitor.upload(folder=tree)
    visitor.wait_for_chip("Needs you")
    expect(page.locator("main")).to_contain_text("No cloud account is linked")
    visitor.go("/files")
    page.get_by_role("link", name="Travel", exact=True).click()
    expect(page.locator(".files .chip")).to_have_text("Waiting for an account")
    assert visitor.download("notes.txt") == b"The ferry leaves at nine."
    page.get_by_role("link", name="Lisbon", exact=True).click()
    assert visitor.download("tram.txt") == b"Line 28."
    expect(page.locator(".crumbs")).to_have_text(re.compile(r"All files\s*Travel\s*Lisbon"))
    assert visitor.complaints == []


@pytest.mark.every_page
def test_folders_are_made_found_and_refused(visitor: Visitor) -> None:
    page = visitor.page
    for _ in range(2):
        visitor.go("/files")
        visitor.click("New folder")
        page.get_by_label("Name", exact=True).fill("Photos & <b>more")
        visitor.click("Make folder")
    expect(page).to_have_title(re.compile("^Error:"))
    expect(page.locator(".wrong")).to_contain_text("already something with that name")
    page.get_by_label("Search by name").fill("<b>")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("1 file or folder in your whole library")
    page.get_by_role("link", name="Photos & <b>more", exact=True).click()
    expect(page.locator("main")).to_contain_text("This folder is empty")


@pytest.mark.every_page
def test_settings_change_the_look_and_end_sessions(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("/settings")
    page.get_by_text("Dark", exact=True).click()
    visitor.click("Save")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    visitor.go("/settings/password")
    page.get_by_label("Current password").fill("not the right one")
    page.get_by_label("New password").fill("another long enough phrase")
    visitor.click("Change password")
    expect(page).to_have_title(re.compile("^Error:"))
    visitor.go("/settings/sessions")
    expect(page.locator("main")).to_contain_text("This one")
    page.locator("details.menu > summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))


@pytest.mark.every_page
def test_a_refused_upload_says_why_and_the_same_form_can_be_sent_again(
    visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.page
    notes = tmp_path / "notes.txt"
    notes.write_text("The ferry leaves at nine.")
    visitor.upload(notes)
    visitor.go("/files/upload")
    page.get_by_text("Ask me" if visitor.has_scripts else "Leave the old one").click()
    page.get_by_label("Files", exact=True).set_input_files(notes)
    visitor.click("Upload")
    if not visitor.has_scripts:
        expect(page.locator("main")).to_contain_text("already something with that name")
        return
    expect(page.locator(".queue")).to_contain_text("Something with that name is already there")
    page.get_by_role("button", name="Keep both").click()
    visitor.follow_uploads()
    expect(page.locator(".jobfiles")).to_contain_text("notes (2).txt")


@pytest.mark.every_page
@pytest.mark.parametrize("visitor", [True], ids=["with scripts"], indirect=True)
def test_lost_contact_is_said_and_mended(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    notes = tmp_path / "notes.txt"
    notes.write_text("The ferry leaves at nine.")
    visitor.upload(notes)
    page.route("**/body*", lambda route: route.abort())
    expect(page.locator("#stopped")).to_contain_text("Live updates stopped", timeout=20_000)
    page.unroute("**/body*")
    expect(page.locator("#stopped")).to_be_hidden(timeout=20_000)
    visitor.wait_for_chip("Needs you")
    expect(page.locator("#status")).to_contain_text("Needs you")


DROP = """() => {
  const brought = new DataTransfer();
  brought.items.add(new File(["The ferry leaves at nine."], "dropped.txt"));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: brought, bubbles: true }));
}"""


@pytest.mark.every_page
@pytest.mark.parametrize("visitor", [True], ids=["with scripts"], indirect=True)
def test_a_file_dropped_on_the_list_is_uploaded(visitor: Visitor) -> None:
    visitor.go("/files")
    visitor.page.evaluate(DROP)
    visitor.follow_uploads()
    expect(visitor.page.locator("h1")).to_contain_text("dropped.txt")
    visitor.go("/files")
    assert visitor.download("dropped.txt") == b"The ferry leaves at nine."
    assert visitor.complaints == []
