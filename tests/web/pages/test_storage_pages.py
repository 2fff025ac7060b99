"""The storage pages in front of the real library: where things lie, and what would be lost."""

import uuid

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from balancecloud.extensions import db
from balancecloud.models.clouds import Pack, ShardRow
from balancecloud.models.people import User
from balancecloud.models.states import ShardState, VersionState
from tests.library import libraries
from tests.library.libraries import Library
from tests.web.browser import Browser

pytestmark = pytest.mark.real

STORED = ShardState.STORED


class Shelf:
    """A folder with one file on two accounts, and a file on the first account alone."""

    def __init__(self, session: Session) -> None:
        user_id = session.scalars(select(User.id)).one()
        self.library = Library(user_id)
        self.first, self.second = (
            libraries.add_account(session, self.library, name) for name in ("a", "b")
        )
        self.folder = libraries.add_folder(session, self.library, "Photos")
        twice = {self.first: STORED, self.second: STORED}
        both = libraries.add_pack(session, self.library, 1, twice)
        once = libraries.add_pack(session, self.library, 1, {self.first: STORED})
        add = libraries.add_version
        add(session, self.library, "a.jpg", [both], parent_id=self.folder)
        add(session, self.library, "only-here.txt", [once], state=VersionState.DEGRADED)


@pytest.fixture
def owner(browser: Browser) -> Browser:
    browser.register()
    return browser


@pytest.fixture
def shelf(app: Flask, owner: Browser) -> Shelf:
    with app.app_context():
        made = Shelf(db.session())
        db.session().commit()
    return made


def test_an_empty_library_has_a_storage_page_a_map_and_no_question(owner: Browser) -> None:
    assert "Nothing stored yet" in owner.get("/storage").text
    assert "Nothing here yet" in owner.get("/storage/map").text
    assert "No cloud account linked" in owner.get("/storage/what-if").text
    assert "Everything is protected as asked" in owner.get("/storage/less-protected").text


def test_the_answer_says_how_many_files_stay_readable_and_names_those_that_do_not(
    owner: Browser, shelf: Shelf
) -> None:
    without_one = owner.get(f"/storage/what-if?account={shelf.second}").text
    assert "All 2 files" in without_one
    assert "/Photos/a.jpg" in without_one  # less protected
    without_two = owner.get(f"/storage/what-if?account={shelf.first}&account={shelf.second}").text
    assert '2 files</span><span class="muted">of 2 would be lost' in without_two
    assert "/only-here.txt" in without_two


@pytest.mark.parametrize("wrong", ["nonsense", str(uuid.UUID(int=7)), "%00"])
def test_a_question_about_no_account_of_theirs_is_not_found(owner: Browser, wrong: str) -> None:
    assert owner.get(f"/storage/what-if?account={wrong}").status_code == 404


def test_the_map_goes_from_folders_down_to_a_files_chunks(owner: Browser, shelf: Shelf) -> None:
    top = owner.get("/storage/map").text
    assert f'href="/storage/map/{shelf.folder}"' in top
    assert "<b>50 %</b>" in top
    assert "<b>100 %</b>" in top
    inside = owner.get(f"/storage/map/{shelf.folder}").text
    where = inside.split('/where">')[0].rsplit('href="', 1)[1] + "/where"
    chunks = owner.get(where).text
    assert "protected against the loss of 1 account" in chunks
    assert chunks.count("Disk 0: 1 of 1 stored") == 1


def test_what_is_less_protected_says_what_is_being_done(owner: Browser, shelf: Shelf) -> None:
    page = owner.get("/storage/less-protected").text
    assert "/only-here.txt" in page
    assert "Next in line" in page
    assert f'href="/files/{shelf.folder}/where"' not in page


@pytest.mark.usefixtures("shelf")
def test_a_chunk_of_which_too_little_is_left_is_said_to_be_unreadable(
    app: Flask, owner: Browser
) -> None:
    with app.app_context():
        session = db.session()
        session.execute(update(ShardRow).values(state=ShardState.MISSING))
        session.execute(update(Pack).values(k=1))
        session.commit()
    page = owner.get("/storage/map").text
    where = page.split('/where">')[0].rsplit('href="', 1)[1] + "/where"
    assert "1 of them cannot be read now" in owner.get(where).text


def test_the_storage_page_shows_kinds_and_folders_and_goes_into_one(
    owner: Browser, shelf: Shelf
) -> None:
    page = owner.get("/storage").text
    assert "Pictures" in page
    assert f'href="/storage?folder={shelf.folder}#by-folder"' in page
    inside = owner.get(f"/storage?folder={shelf.folder}").text
    assert "Files in this folder" in inside
    assert owner.get(f"/storage?folder={uuid.uuid4()}").status_code == 404
    assert owner.get("/storage?folder=x").status_code == 404


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("kind=picture", 1),
        ("kind=folder", 1),
        ("kind=video", 0),
        ("q=a&kind=picture", 1),
        ("q=only&kind=picture", 0),
        ("since=2020-01-01", 3),
        ("until=2020-01-01", 0),
        ("smallest=1", 0),
        ("largest=1", 2),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_a_search_is_narrowed_down(owner: Browser, query: str, hits: int) -> None:
    page = owner.get(f"/search?{query}")
    assert page.status_code == 200
    assert page.text.count("data-node=") == hits


def test_a_search_is_narrowed_down_to_a_folder(owner: Browser, shelf: Shelf) -> None:
    page = owner.get(f"/search?in={shelf.folder}").text
    assert page.count("data-node=") == 1
    assert "1 file or folder in “Photos” and below" in page
    assert f'<option value="{shelf.folder}" selected>' in page


def test_a_search_from_a_folder_reaches_it_however_deep_it_lies(
    app: Flask, owner: Browser, shelf: Shelf
) -> None:
    with app.app_context():
        deep = libraries.add_folder(db.session(), shelf.library, "Deep", parent_id=shelf.folder)
        db.session().commit()
    assert f'name="from" value="{deep}"' in owner.get(f"/files/{deep}").text
    found = owner.get(f"/search?q=a&from={deep}").text
    assert f'<option value="{deep}">Deep</option>' in found
    assert f'href="/search?q=a&amp;in={deep}">Search only in “Deep”' in found
    inside = owner.get(f"/search?q=a&in={deep}").text
    assert f'href="/search?q=a&amp;from={deep}">Search your whole library' in inside
    assert "Search only" not in owner.get(f"/search?q=a&from={uuid.uuid4()}").text


@pytest.mark.parametrize(
    "query", ["kind=x", "since=x", "until=9999-12-31", "smallest=-1", "largest=1.5", "in=x"]
)
def test_what_no_search_can_be_narrowed_down_to_is_refused(owner: Browser, query: str) -> None:
    assert owner.get(f"/search?{query}").status_code == 422
