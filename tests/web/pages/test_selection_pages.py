"""Several files at once, copies and archives, in front of the real application."""

import io
import uuid
import zipfile

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from balancecloud.extensions import db
from balancecloud.models.library import Node, Version
from balancecloud.models.states import VersionState
from balancecloud.web.selection import MOST, packed, unpacked
from tests.web.browser import Browser
from tests.web.pages.test_files_pages import id_of, make_folder, upload

pytestmark = pytest.mark.real


@pytest.fixture
def owner(browser: Browser) -> Browser:
    browser.register()
    return browser


def store(owner: Browser) -> None:
    """Let everything that arrived count as stored: what lies in the spool can be read."""
    with owner.app.app_context():
        db.session.execute(update(Version).values(state=VersionState.STORED))
        db.session.execute(update(Node).where(Node.file_id.is_not(None)).values(version=1))
        db.session.commit()


def two(owner: Browser, folder: str = "") -> list[str]:
    for name in ("a.txt", "b.txt"):
        upload(owner, name, name.encode(), folder)
    store(owner)
    page = f"/files/{folder}" if folder else "/files"
    return [id_of(owner, name, page) for name in ("a.txt", "b.txt")]


def send(owner: Browser, path: str, ids: list[str], **fields: str) -> TestResponse:
    data = {"node": ids, "csrf_token": owner.token("/files"), **fields}
    return owner.post(path, data)  # type: ignore[arg-type]


def opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_several_go_to_the_trash_and_come_back_with_one_undo(owner: Browser) -> None:
    ids = [*two(owner), make_folder(owner, "Photos")]

    gone = send(owner, "/files/selected/delete", ids)

    assert gone.headers["Location"] == "/files"
    page = owner.get("/files").text
    assert "3 things are in the trash." in page
    assert "a.txt" not in page
    action = page.split("/restore-all")[0].rpartition('"')[2] + "/restore-all"
    owner.submit("/files", {}, action)
    page = owner.get("/files").text
    assert "3 things are back." in page
    assert all(one in page for one in ids)


def test_what_went_to_the_trash_earlier_stays_there_at_an_undo(owner: Browser) -> None:
    first, second = two(owner)
    send(owner, "/files/selected/delete", [first])
    send(owner, "/files/selected/delete", [second])

    owner.submit("/trash", {}, f"/trash/{second}/restore-all")

    page = owner.get("/files").text
    assert second in page
    assert first not in page


@pytest.mark.parametrize("act", ["move", "copy"])
def test_several_go_to_a_place_that_is_chosen(owner: Browser, act: str) -> None:
    ids, target = two(owner), make_folder(owner, "Target")

    chooser = send(owner, f"/files/selected/{act}", ids).headers["Location"]
    assert f"{act.title()} 2 things" in owner.get(chooser).text
    fields = {"of": packed([uuid.UUID(one) for one in ids]), "to": target}
    done = owner.submit(f"{chooser}&to={target}", fields, f"/files/selected/{act}-to")

    assert done.headers["Location"] == f"/files/{target}"
    assert ">a.txt<" in owner.get(f"/files/{target}").text
    assert (">a.txt<" in owner.get("/files").text) == (act == "copy")


def test_one_taken_name_moves_none(owner: Browser) -> None:
    ids, target = two(owner), make_folder(owner, "Target")
    upload(owner, "b.txt", b"x", target)

    fields = {"of": packed([uuid.UUID(one) for one in ids]), "to": target}
    refused = owner.submit("/files", fields, "/files/selected/move-to")

    assert refused.status_code == 409
    assert "“b.txt” in that folder" in refused.text
    assert ">a.txt<" in owner.get("/files").text


def test_nothing_or_too_much_is_said(owner: Browser) -> None:
    for path in ("/files/selected/delete", "/files/selected/move", "/files/zip"):
        assert send(owner, path, []).status_code == 303
        assert "Nothing is selected" in owner.get("/files").text
        many = [str(uuid.uuid4()) for _ in range(MOST + 1)]
        assert send(owner, path, many).status_code == 422
        assert send(owner, path, ["nonsense"]).status_code == 404


def test_a_full_page_fits_into_the_line_of_a_request() -> None:
    ids = [uuid.uuid4() for _ in range(MOST)]

    assert unpacked(packed(ids)) == ids
    assert len(f"/files/selected/move-to?of={packed(ids)}&to={ids[0]}") < 4000


def test_strangers_things_are_not_selected(owner: Browser) -> None:
    stranger = Browser(owner.app)
    stranger.register("eve@example.org")
    ids = two(owner)
    mine = make_folder(stranger, "Mine")

    for path in ("/files/selected/delete", "/files/selected/copy", "/files/zip"):
        assert send(stranger, path, ids).status_code == 404, path
        assert send(stranger, path, [*ids, mine]).status_code in {404, 303}, path
    of = packed([uuid.UUID(mine), uuid.UUID(ids[0])])
    for act in ("move", "copy"):
        assert stranger.get(f"/files/selected/{act}-to?of={of}").status_code == 404
        answer = stranger.submit("/files", {"of": of}, f"/files/selected/{act}-to")
        assert answer.status_code == 404
    assert ">a.txt<" in owner.get("/files").text


def test_a_copy_is_made_beside_the_original(owner: Browser) -> None:
    node = two(owner)[0]

    made = owner.submit(f"/files/{node}/copy", {"to": ""})

    assert made.headers["Location"].startswith("/files?sel=")
    page = owner.get("/files").text
    assert "The copy is in All files and is called “a (2).txt”." in page
    assert owner.get(f"/files/{id_of(owner, 'a (2).txt')}/download").data == b"a.txt"


def test_what_is_on_its_way_is_not_copied_and_the_page_says_so(owner: Browser) -> None:
    upload(owner, "a.txt", b"x")
    node = id_of(owner, "a.txt")

    refused = owner.submit(f"/files/{node}/copy", {"to": ""})

    assert refused.status_code == 409
    assert "not stored yet" in refused.text


def test_a_folder_and_a_selection_come_as_a_zip(owner: Browser) -> None:
    folder = make_folder(owner, "Fotos 🏔️")
    ids = two(owner, folder)

    whole = owner.get(f"/files/{folder}/zip")
    some = send(owner, "/files/zip", ids)

    expected = {"a.txt": b"a.txt", "b.txt": b"b.txt"}
    assert opened(some.data) == expected
    top = {f"Fotos 🏔️/{name}": content for name, content in expected.items()}
    assert opened(whole.data) == {"Fotos 🏔️/": b"", **top}
    for answer in (whole, some):
        assert answer.content_type == "application/zip"
        assert "Content-Length" not in answer.headers
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert some.headers["Content-Disposition"].startswith('attachment; filename="Files.zip"')
    assert owner.client.head(f"/files/{folder}/zip", base_url=owner.base_url).status_code == 200


def test_what_cannot_be_read_is_listed_and_the_rest_can_be_had(owner: Browser) -> None:
    folder = make_folder(owner, "Photos")
    ids = two(owner, folder)
    with owner.app.app_context():
        lost = update(Version).where(Version.file_id == uuid.UUID(ids[0]))
        db.session.execute(lost.values(state=VersionState.LOST))
        db.session.commit()

    refused = owner.get(f"/files/{folder}/zip")

    assert refused.status_code == 409
    assert "Photos/a.txt" in refused.text
    rest = {"Photos/": b"", "Photos/b.txt": b"b.txt"}
    assert opened(owner.get(f"/files/{folder}/zip?rest=1").data) == rest
    assert send(owner, "/files/zip", ids).status_code == 409
    assert opened(send(owner, "/files/zip", ids, rest="1").data) == {"b.txt": b"b.txt"}


def test_t_15_a_hostile_name_stays_text_on_every_page(owner: Browser) -> None:
    node = make_folder(owner, "<img src=x onerror=alert(1)>")
    of = packed([uuid.UUID(node)])
    for page in ("/files", f"/files/{node}/copy", f"/files/selected/move-to?of={of}"):
        assert "<img" not in owner.get(page).text, page
