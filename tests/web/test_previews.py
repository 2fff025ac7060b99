"""What previews answer, to whom, and under which policy."""

import contextlib
import io
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import delete, event, select, update
from werkzeug.test import TestResponse

from balancecloud.extensions import db
from balancecloud.library import darkroom, previews
from balancecloud.models.library import Node, SpoolPart, Upload, Version
from balancecloud.models.states import VersionState
from balancecloud.web.context import KEY
from balancecloud.web.security import CONTENT_POLICY
from tests.library.hostile_files import HTML, MARK, SVG, bomb, picture, telling, tone
from tests.web.browser import Browser

pytestmark = pytest.mark.real

SANDBOX = "sandbox; default-src 'none'"
PDF = b"%PDF-1.4\n" + HTML + b"\n%%EOF\n"
Put = Callable[[str, bytes], str]
Silenced = Callable[[], contextlib.AbstractContextManager[None]]


@pytest.fixture
def owner(browser: Browser) -> Browser:
    browser.register()
    return browser


@pytest.fixture
def put(owner: Browser, app: Flask) -> Put:
    """Uploads a file to the top and returns its preview's address; it lies in the spool."""

    def put(name: str, content: bytes) -> str:
        assert send(owner, name, content).status_code == 303
        with app.app_context():
            node_id = db.session.scalars(select(Node.id).where(Node.name == name)).one()
        return f"/files/{node_id}/preview"

    return put


def send(owner: Browser, name: str, content: bytes) -> TestResponse:
    """Send the form as one body: the client would put a large file into a temporary one."""
    fields = {"csrf_token": owner.token("/files/upload"), "parent_id": "", "conflict": "version"}
    part = '--cut\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = "".join(part.format(key, "") + value + "\r\n" for key, value in fields.items())
    body += part.format("files", f'; filename="{name}"')
    return owner.client.post(
        "/files/upload",
        data=body.encode() + content + b"\r\n--cut--\r\n",
        content_type="multipart/form-data; boundary=cut",
        headers={"Origin": owner.base_url},
    )


def set_state(app: Flask, state: VersionState) -> None:
    with app.app_context():
        db.session.execute(update(Version).values(state=state))
        db.session.commit()


def assert_sealed_off(answer: TestResponse, policy: str = SANDBOX) -> None:
    assert answer.status_code in {200, 206, 416}
    assert answer.headers["Content-Security-Policy"] == policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Content-Disposition"].startswith("inline")


def test_a_picture_is_shown_made_anew(owner: Browser, put: Put) -> None:
    address = put("a.jpg", telling())
    page = owner.get(address).text
    assert f'<img class="shown" src="{address}/picture" alt="a.jpg" width="40" height="60">' in page
    for size in ("page", "panel", "thumbnail"):
        answer = owner.get(f"{address}/picture?size={size}")
        assert_sealed_off(answer)
        assert answer.mimetype == "image/jpeg"
        assert MARK.encode() not in answer.data
        assert Image.open(io.BytesIO(answer.data)).size == (40, 60)
    assert owner.get(f"{address}/picture?size=vast").status_code == 404


def test_what_makes_no_picture_is_said_and_nothing_of_it_is_served(
    owner: Browser, put: Put
) -> None:
    says = {
        "html.png": (HTML, "Not what its name says"),
        "svg.png": (SVG, "Not what its name says"),
        "bomb.png": (bomb(90_000, 90_000), "This picture can't be shown"),
        "cut.jpg": (picture("JPEG", (900, 900))[:3000], "This picture can't be shown"),
    }
    for name, (content, sentence) in says.items():
        address = put(name, content)
        page = owner.get(address)
        assert page.status_code == 200
        assert sentence in page.text.replace("&#39;", "'")
        assert "<img" not in page.text
        for size in ("page", "thumbnail"):
            answer = owner.get(f"{address}/picture?size={size}")
            assert_sealed_off(answer)
            assert Image.open(io.BytesIO(answer.data)).size == (1, 1)
        assert owner.get(f"{address}/content").status_code == 409
        assert owner.get(f"{address}/lines").data == b""


# Takes what it is given and ends without a word, as a decoder that was killed.
SILENT = """
import socket, sys
control = socket.socket(fileno=int(sys.argv[1]))
while given := socket.recv_fds(control, 1, 1)[1]:
    with socket.socket(fileno=given[0]) as wire:
        while wire.recv(1 << 20):
            pass
"""


@pytest.fixture
def silenced(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Silenced]:
    """Within it whoever decodes pictures is killed each time; it works again afterwards."""
    script = tmp_path / "silent.py"
    script.write_text(SILENT)
    room = app.extensions[KEY].viewer.darkroom

    @contextlib.contextmanager
    def silenced() -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(darkroom, "SCRIPT", script)
            room.close()
            yield
        room.close()

    yield silenced
    room.close()


def size_of(answer: TestResponse) -> tuple[int, int]:
    assert_sealed_off(answer)
    return Image.open(io.BytesIO(answer.data)).size


def test_a_picture_whose_decoder_was_killed_is_made_another_time(
    owner: Browser, put: Put, silenced: Silenced
) -> None:
    address = put("a.jpg", telling())
    with silenced():
        assert size_of(owner.get(f"{address}/picture?size=thumbnail")) == (2, 1)
        assert "Reload this page to try again." in owner.get(address).text
        assert owner.get(f"{address}/picture").status_code == 503

    assert size_of(owner.get(f"{address}/picture?size=thumbnail&again=1")) == (40, 60)
    assert '<img class="shown"' in owner.get(address).text


def test_a_picture_that_kills_every_decoder_is_none(
    owner: Browser, put: Put, silenced: Silenced
) -> None:
    address = put("a.jpg", telling())
    thumbnail = f"{address}/picture?size=thumbnail"
    with silenced():
        sizes = [size_of(owner.get(thumbnail)) for _ in range(previews.MOST_TRIES)]

    assert sizes == [(2, 1)] * (previews.MOST_TRIES - 1) + [(1, 1)]
    assert size_of(owner.get(thumbnail)) == (1, 1)


def test_t_15_markup_is_shown_as_text(owner: Browser, put: Put) -> None:
    for name in ("a.svg", "a.html", "a.txt", "a.xml"):
        address = put(name, HTML)
        answer = owner.get(address)
        assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY
        assert "&lt;script&gt;" in answer.text
        assert HTML.decode() not in answer.text
        assert owner.get(f"{address}/content").status_code == 409
        lines = owner.get(f"{address}/lines")
        assert_sealed_off(lines)
        assert lines.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert lines.data == HTML


def test_a_long_text_says_that_it_is_cut(owner: Browser, put: Put) -> None:
    address = put("long.log", b"0123456789abcde\n" * 70_000)
    page = owner.get(address).text
    assert "This is the first megabyte of 1.06 MB." in page
    assert page.count("0123456789abcde") == 1 << 16
    assert "first megabyte" not in owner.get(put("short.log", b"short")).text
    assert "This file is empty" in owner.get(put("none.txt", b"")).text


def test_sound_is_played_in_ranges(owner: Browser, put: Put) -> None:
    sound = tone()
    address = put("ä.wav", sound)
    assert f'src="{address}/content"' in owner.get(address).text
    whole = owner.get(f"{address}/content")
    assert_sealed_off(whole)
    assert whole.mimetype == "audio/wav"
    assert whole.data == sound
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert "filename*=UTF-8''%C3%A4.wav" in whole.headers["Content-Disposition"]
    part = owner.get(f"{address}/content", headers={"Range": "bytes=100-199"})
    assert_sealed_off(part)
    assert (part.status_code, part.data) == (206, sound[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(sound)}"
    beyond = owner.get(f"{address}/content", headers={"Range": f"bytes={len(sound)}-"})
    assert_sealed_off(beyond)
    assert beyond.status_code == 416


def test_a_seek_reads_the_first_bytes_only_once(app: Flask, owner: Browser, put: Put) -> None:
    address = put("a.wav", tone())
    owner.get(address)
    asked: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert owner.get(f"{address}/content", headers={"Range": "bytes=9000-9099"}).data
    download = len(asked)
    asked.clear()
    plain = address.replace("preview", "download")
    assert owner.get(plain, headers={"Range": "bytes=9000-9099"}).data
    assert download == len(asked)


def test_a_pdf_is_framed_by_its_own_page_alone(owner: Browser, put: Put) -> None:
    address = put("a.pdf", PDF)
    page = owner.get(address)
    assert page.headers["Content-Security-Policy"] == f"{CONTENT_POLICY}; frame-src 'self'"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert f'<iframe src="{address}/content"' in page.text
    answer = owner.get(f"{address}/content")
    policy = "sandbox allow-scripts; default-src 'none'; frame-ancestors 'self'"
    assert_sealed_off(answer, policy)
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.mimetype == "application/pdf"


def test_a_pdf_after_something_else_is_not_taken_for_one(owner: Browser, put: Put) -> None:
    address = put("a.pdf", b"\n" + PDF)
    assert "Not what its name says" in owner.get(address).text
    assert owner.get(f"{address}/content").status_code == 409


def test_each_state_shows_the_file_or_says_why_not(app: Flask, owner: Browser, put: Put) -> None:
    address = put("a.txt", b"The ferry leaves at nine.")
    with app.app_context():
        db.session.execute(update(Node).values(version=1))
        db.session.commit()
    says = {
        VersionState.QUEUED: "The ferry",
        VersionState.WAITING: "The ferry",
        VersionState.RECEIVING: "Still arriving",
        VersionState.LOST: "Too many of the accounts that held this file are gone",
    }
    for state, sentence in says.items():
        set_state(app, state)
        answer = owner.get(address)
        assert answer.status_code == 200
        assert sentence in answer.text


def test_what_no_account_answers_for_is_said_on_the_page(
    app: Flask, owner: Browser, put: Put
) -> None:
    contents = {"a.txt": b"The ferry", "a.png": picture("PNG"), "a.wav": tone()}
    addresses = [put(name, content) for name, content in contents.items()]
    with app.app_context():
        # Stored, says the index, and nothing is where it should be.
        db.session.execute(delete(SpoolPart))
        db.session.execute(delete(Upload))
        db.session.execute(update(Node).values(version=1))
        db.session.commit()
    set_state(app, VersionState.STORED)
    for address in addresses:
        page = owner.get(address)
        assert page.status_code == 200
        assert "Not readable just now" in page.text
        assert owner.get(f"{address}/picture?size=thumbnail").mimetype == "image/gif"
        assert owner.get(f"{address}/content").status_code == 503


def test_an_older_version_is_shown_with_a_way_to_the_current_one(
    app: Flask, owner: Browser, put: Put
) -> None:
    address = put("a.txt", b"first")
    put("a.txt", b"second")
    with app.app_context():
        db.session.execute(update(Node).values(version=2))
        db.session.commit()
    set_state(app, VersionState.STORED)
    assert ">\nsecond</pre>" in owner.get(address).text
    older = owner.get(f"{address}?version=1").text
    assert ">\nfirst</pre>" in older
    assert "This is an older version." in older
    assert f"{address.replace('preview', 'download')}?version=1" in older
    assert owner.get(f"{address}?version=3").status_code == 404
    assert owner.get(f"{address}?version=0").status_code == 404
    details = owner.get(address.replace("preview", "details")).text
    assert f'href="{address}?version=1"' in details


def test_files_of_a_folder_follow_one_another_by_name(owner: Browser, put: Put) -> None:
    b, a, c = (put(name, b"x") for name in ("B.txt", "a.txt", "c.txt"))
    owner.submit("/files/new-folder", {"name": "aa", "parent": ""})
    assert following(owner, a) == {"next": b}
    assert following(owner, b) == {"prev": a, "next": c}
    assert following(owner, c) == {"prev": b}


def following(owner: Browser, address: str) -> dict[str, str]:
    return dict(re.findall(r'rel="(prev|next)" href="([^"]+)"', owner.get(address).text))


def test_a_folder_has_no_preview(owner: Browser) -> None:
    made = owner.submit("/files/new-folder", {"name": "aa", "parent": ""})
    for part in ("", "/picture", "/lines", "/content"):
        assert owner.get(f"{made.headers['Location']}/preview{part}").status_code == 404


def test_t_21_another_persons_file_is_404_even_when_it_was_shown_before(
    app: Flask, owner: Browser, put: Put
) -> None:
    address = put("a.png", picture("PNG"))
    for part in ("", "/picture", "/lines", "/content"):
        owner.get(address + part)
    stranger = Browser(app)
    stranger.register("eve@example.org")
    for part in ("", "/picture", "/picture?size=thumbnail", "/lines", "/content"):
        assert stranger.get(address + part).status_code == 404
        missing = address.replace(address.split("/")[2], str(uuid.uuid4()))
        assert stranger.get(missing + part).status_code == 404


def test_lists_ask_for_thumbnails_of_what_is_named_a_picture(owner: Browser, put: Put) -> None:
    address, other = put("a.png", picture("PNG")), put("a.svg", SVG)
    page = owner.get("/files").text
    thumbnail = f'<img src="{address}/picture?size=thumbnail" alt="" width="36" height="36"'
    assert f'{thumbnail} loading="lazy"' in page
    assert other.removesuffix("/preview") + "/preview/picture" not in page
    node_id = address.split("/")[2]
    assert f'src="{address}/picture?size=panel"' in owner.get(f"/files?sel={node_id}").text
    assert (
        f'data-lines="{put("a.txt", b"x")}/lines"'
        in owner.get(f"/files?sel={put('a.txt', b'x').split('/')[2]}").text
    )


def test_plaintext_never_rests(app: Flask, owner: Browser, put: Put) -> None:
    address = put("a.jpg", telling())
    owner.get(address)
    made = owner.get(f"{address}/picture").data
    config = app.extensions["balancecloud"].config
    for path in config.data_dir.rglob("*"):
        assert not path.is_file() or made[100:200] not in path.read_bytes()
