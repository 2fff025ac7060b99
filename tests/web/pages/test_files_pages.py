"""The pages of files, in front of the real library."""

import io
import re

import pytest
from werkzeug.test import TestResponse

from tests.web.browser import Browser

pytestmark = pytest.mark.real

ID = re.compile("[0-9a-f]{8}-[0-9a-f-]{27}")


@pytest.fixture
def owner(browser: Browser) -> Browser:
    browser.register()
    return browser


def make_folder(owner: Browser, name: str, parent: str = "") -> str:
    answer = owner.submit("/files/new-folder", {"name": name, "parent": parent})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removeprefix("/files/")


def upload(owner: Browser, name: str, content: bytes, folder: str = "") -> TestResponse:
    page = f"/files/{folder}/upload" if folder else "/files/upload"
    fields = {
        "csrf_token": owner.token(page),
        "parent_id": folder,
        "conflict": "version",
        "files": (io.BytesIO(content), name),
    }
    origin = {"Origin": owner.base_url}
    return owner.client.post(page, data=fields, base_url=owner.base_url, headers=origin)


def id_of(owner: Browser, name: str, page: str = "/files") -> str:
    row = next(row for row in owner.get(page).text.split("<tr")[1:] if f">{name}<" in row)
    own: str = ID.findall(row.split("</tr>")[0])[-1]  # the last link of a row is the node's own
    return own


def test_an_empty_library_says_what_to_do_first(owner: Browser) -> None:
    assert "Connect a cloud account first" in owner.get("/files").text


def test_a_folder_is_made_where_it_was_asked_for(owner: Browser) -> None:
    photos = make_folder(owner, "Photos")
    travel = make_folder(owner, "Travel", photos)
    page = owner.get(f"/files/{travel}").text
    assert "This folder is empty" in page
    assert page.index(">All files<") < page.index(">Photos<") < page.index(">Travel<")
    assert ">Travel<" in owner.get(f"/files/{photos}").text


def test_a_taken_or_impossible_name_is_said_beside_the_field(owner: Browser) -> None:
    make_folder(owner, "Photos")
    taken = owner.submit("/files/new-folder", {"name": "Photos", "parent": ""})
    assert taken.status_code == 409
    assert "already something with that name" in taken.text
    assert 'value="Photos"' in taken.text
    assert owner.submit("/files/new-folder", {"name": "", "parent": ""}).status_code == 422


def test_a_file_is_listed_searched_shown_and_deleted(owner: Browser) -> None:
    photos = make_folder(owner, "Photos")
    assert upload(owner, "sunset.jpg", b"red", photos).status_code == 303
    node = id_of(owner, "sunset.jpg", f"/files/{photos}")
    assert "Where is this file?" in owner.get(f"/files/{photos}?sel={node}").text
    assert "/Photos" in owner.get("/search?q=SUNSET").text
    assert "Nothing of it lies on a cloud account yet" in owner.get(f"/files/{node}/details").text
    gone = owner.submit(f"/files/{photos}/details", {}, f"/files/{photos}/delete")
    assert gone.headers["Location"] == "/files"
    told = owner.get("/files").text
    assert "“Photos” is in the trash." in told
    assert f'action="/trash/{photos}/restore"' in told
    assert owner.get(f"/files/{node}/details").status_code == 404


def test_t_24_wildcards_in_a_search_are_letters(owner: Browser) -> None:
    make_folder(owner, "Photos")
    make_folder(owner, "100%")
    found = owner.get("/search?q=%25").text.partition("<table")[2]
    assert ">100%<" in found
    assert ">Photos<" not in found


@pytest.mark.parametrize("query", ["q=a%00b", "q=a&page=99999999999999999999"])
def test_t_24_a_search_that_no_database_could_ask_is_no_fault_of_ours(
    owner: Browser, query: str
) -> None:
    assert owner.get(f"/search?{query}").status_code in {200, 422}


def test_t_15_a_hostile_name_stays_text(owner: Browser) -> None:
    name = "<img src=x onerror=alert(1)>{{7*7}}"
    folder = make_folder(owner, name)
    for page in (
        "/files",
        f"/files/{folder}",
        f"/files/{folder}/details",
        f"/files/{folder}/rename",
        f"/files/{folder}/move",
    ):
        text = owner.get(page).text
        assert "<img" not in text, page
        assert "{{7*7}}" in text, page


def test_sorting_goes_both_ways_and_an_unknown_column_is_refused(owner: Browser) -> None:
    for name in ("b", "A", "c"):
        make_folder(owner, name)
    names = re.compile('href="/files/[^"/]*">([abcA])<')
    assert names.findall(owner.get("/files?sort=name").text) == ["A", "b", "c"]
    assert names.findall(owner.get("/files?sort=-name").text) == ["c", "b", "A"]
    assert owner.get("/files?sort=password").status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/files?sel=x", "/files/7d0f8f6e-5a55-4a3e-9a2f-3f1c2b9d0e11", "/files/new-folder?parent=x"],
)
def test_what_is_not_there_is_404(owner: Browser, path: str) -> None:
    assert owner.get(path).status_code == 404


def test_the_storage_page_counts_files_and_promises_nothing_yet(owner: Browser) -> None:
    upload(owner, "a.txt", b"abc")
    page = owner.get("/storage").text
    assert "1 file" in page
    assert "Not protected against the loss of an account" in page


def test_the_theme_is_in_the_first_byte_of_the_page(owner: Browser) -> None:
    owner.submit("/settings", {"theme": "dark"}, action="/settings/look")
    assert 'data-theme="dark"' in owner.get("/files").text[:300]


def test_a_file_gets_another_name(owner: Browser) -> None:
    upload(owner, "notes.txt", b"x")
    node = id_of(owner, "notes.txt")
    assert 'value="notes.txt"' in owner.get(f"/files/{node}/rename").text
    renamed = owner.submit(f"/files/{node}/rename", {"name": "diary.txt"})
    assert renamed.headers["Location"] == f"/files?sel={node}"
    page = owner.get("/files").text
    assert "“notes.txt” is called “diary.txt” now." in page
    assert ">diary.txt<" in page
    assert ">notes.txt<" not in page


def test_a_name_that_is_taken_is_said_on_the_page_that_asked(owner: Browser) -> None:
    upload(owner, "notes.txt", b"x")
    upload(owner, "diary.txt", b"y")
    node = id_of(owner, "notes.txt")
    taken = owner.submit(f"/files/{node}/rename", {"name": "diary.txt"})
    assert taken.status_code == 409
    assert "There is already something with that name" in taken.text
    assert 'value="diary.txt"' in taken.text
    assert owner.submit(f"/files/{node}/rename", {"name": "a/b"}).status_code == 422


def test_a_file_is_moved_by_going_to_its_new_place(owner: Browser) -> None:
    photos = make_folder(owner, "Photos")
    travel = make_folder(owner, "Travel", photos)
    upload(owner, "notes.txt", b"x")
    node = id_of(owner, "notes.txt")
    at_the_root = owner.get(f"/files/{node}/move").text
    assert "It is here already" in at_the_root
    assert f"/files/{node}/move?to={photos}" in at_the_root
    assert f"/files/{node}/move?to={travel}" in owner.get(f"/files/{node}/move?to={photos}").text
    moved = owner.submit(f"/files/{node}/move?to={travel}", {"to": travel})
    assert moved.headers["Location"] == f"/files/{travel}?sel={node}"
    assert "“notes.txt” is in Travel now." in owner.get(f"/files/{travel}").text
    assert owner.get(f"/files/{node}/download").data == b"x"
    back = owner.submit(f"/files/{node}/move", {"to": ""})
    assert back.headers["Location"] == f"/files?sel={node}"


def test_a_folder_is_not_offered_as_a_place_for_itself(owner: Browser) -> None:
    photos = make_folder(owner, "Photos")
    travel = make_folder(owner, "Travel", photos)
    assert f"to={photos}" not in owner.get(f"/files/{photos}/move").text
    assert owner.get(f"/files/{photos}/move?to={travel}").status_code == 404
    into = owner.submit(f"/files/{photos}/move", {"to": travel})
    assert into.status_code == 409


def test_what_has_a_twin_at_its_new_place_stays_where_it_is(owner: Browser) -> None:
    photos = make_folder(owner, "Photos")
    upload(owner, "notes.txt", b"x")
    upload(owner, "notes.txt", b"y", photos)
    node = id_of(owner, "notes.txt")
    refused = owner.submit(f"/files/{node}/move?to={photos}", {"to": photos})
    assert refused.status_code == 409
    assert "There is already something with that name" in refused.text
    assert id_of(owner, "notes.txt") == node


@pytest.mark.parametrize("words", ["cafe", "CAF\u00c9", "cafe\u0301", "\u05e9\u05dc", "\U0001f44d"])
def test_names_are_found_however_they_are_typed(owner: Browser, words: str) -> None:
    for name in ("Caf\u00e9 \u05e9\u05dc\u05d5\u05dd.txt", "\U0001f44d cafe\u0301.txt", "else.txt"):
        upload(owner, name, b"x")
    page = owner.get("/search", query_string={"q": words}).text
    assert page.count("data-node=") == (1 if words[0] in "\u05e9\U0001f44d" else 2)
