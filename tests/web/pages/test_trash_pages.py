"""The pages of the trash, in front of the real library."""

import pytest

from tests.web.browser import Browser
from tests.web.pages.test_files_pages import id_of, make_folder, upload

pytestmark = pytest.mark.real


@pytest.fixture
def owner(browser: Browser) -> Browser:
    browser.register()
    return browser


def delete(owner: Browser, node: str) -> None:
    gone = owner.submit(f"/files/{node}/details", {}, f"/files/{node}/delete")
    assert gone.status_code == 303


def test_what_was_deleted_is_taken_back_at_once(owner: Browser) -> None:
    photos = make_folder(owner, "Photos")
    upload(owner, "notes.txt", b"x", photos)
    node = id_of(owner, "notes.txt", f"/files/{photos}")
    delete(owner, node)

    back = owner.submit(f"/files/{photos}", {}, f"/trash/{node}/restore")

    assert back.headers["Location"] == f"/files/{photos}?sel={node}"
    assert "“notes.txt” is back in /Photos." in owner.get(f"/files/{photos}").text
    assert owner.get(f"/files/{node}/download").data == b"x"


def test_the_trash_says_where_things_were_and_when_they_go(owner: Browser) -> None:
    photos = make_folder(owner, "Photos")
    upload(owner, "notes.txt", b"x", photos)
    delete(owner, id_of(owner, "notes.txt", f"/files/{photos}"))

    page = owner.get("/trash").text

    assert "notes.txt" in page
    assert "/Photos" in page
    assert "kept here for 30 days" in page


def test_a_name_that_is_taken_by_now_is_said(owner: Browser) -> None:
    upload(owner, "notes.txt", b"x")
    node = id_of(owner, "notes.txt")
    delete(owner, node)
    upload(owner, "notes.txt", b"y")

    owner.submit("/trash", {}, f"/trash/{node}/restore")

    assert "“notes.txt” is back in All files as “notes (2).txt”." in owner.get("/files").text


def test_one_thing_is_deleted_for_good_after_a_question(owner: Browser) -> None:
    photos = make_folder(owner, "Photos")
    upload(owner, "notes.txt", b"x", photos)
    delete(owner, photos)

    assert "The folder and 1 thing in it" in owner.get(f"/trash/{photos}/delete").text
    gone = owner.submit(f"/trash/{photos}/delete", {})

    assert gone.headers["Location"] == "/trash"
    page = owner.get("/trash").text
    assert "“Photos” is deleted for good." in page
    assert "The trash is empty" in page


def test_the_trash_is_emptied_by_typing_a_word(owner: Browser) -> None:
    for name in ("one", "two"):
        delete(owner, make_folder(owner, name))

    assert "2 things with all versions" in owner.get("/trash/empty").text
    refused = owner.submit("/trash/empty", {"word": "yes"})
    assert refused.status_code == 422
    assert "Type “empty”" in refused.text
    assert "one" in owner.get("/trash").text
    assert owner.submit("/trash/empty", {"word": " Empty "}).headers["Location"] == "/trash"
    assert "The trash is empty." in owner.get("/trash").text


def test_t_15_a_hostile_name_stays_text_in_the_trash(owner: Browser) -> None:
    folder = make_folder(owner, "<img src=x onerror=alert(1)>")
    delete(owner, folder)
    for page in ("/files", "/trash", f"/trash/{folder}/delete"):
        assert "<img" not in owner.get(page).text, page
