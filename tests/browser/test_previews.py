"""Looking into files in a real browser: what is shown, what plays, and what never runs."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Response, expect

from balancecloud.web.previews import LATER
from tests.browser.rules import shift_of
from tests.browser.visitor import Visitor
from tests.library.hostile_files import HTML, SVG, picture, telling, tone
from tests.web.pages.test_every_page import ENDING

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.every_page]

# A film recorded by the browser itself: this one can encode what it can play.
RECORD = """async () => {
  const canvas = document.createElement("canvas");
  const drawn = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start();
  const begun = performance.now();
  await new Promise((done) => {
    const draw = () => {
      const since = performance.now() - begun;
      drawn.fillStyle = `hsl(${since / 5} 80% 50%)`;
      drawn.fillRect(0, 0, canvas.width, canvas.height);
      if (since < 1500) requestAnimationFrame(draw); else done();
    };
    draw();
  });
  await new Promise((done) => { recorder.onstop = done; recorder.stop(); });
  return Array.from(new Uint8Array(await new Blob(parts).arrayBuffer()));
}"""
IS_DRAWN = "image => image.complete && image.naturalWidth > 1"
SEEK = """player => new Promise((done, failed) => {
  player.onerror = () => failed(new Error("not played"));
  player.onseeked = () => done(player.currentTime);
  player.preload = "auto";
  const jump = () => { player.currentTime = 1; };
  if (player.readyState >= 1) jump(); else player.onloadedmetadata = jump;
})"""


@pytest.fixture
def library(visitor: Visitor, tmp_path: Path) -> Visitor:
    """Somebody with a file of each kind, and of each that only looks like one."""
    script = HTML.decode()
    contents = {
        "photo.jpg": telling(),
        "logo.png": picture("PNG", (800, 500)),
        "song.wav": tone(),
        "notes.txt": b"The ferry leaves at nine.\n" * 30,
        "page.html": HTML,
        "drawing.svg": SVG,
        "fake.png": HTML,
        "fake.txt": HTML,
        "both.pdf": f"%PDF-1.4\n{script}\n%%EOF".encode(),
        "letter.pdf": picture("PDF", (400, 400)),
    }
    if visitor.has_scripts:
        contents["clip.webm"] = bytes(visitor.page.evaluate(RECORD))
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    visitor.upload(*(tmp_path / name for name in contents))
    return visitor


def look_into(visitor: Visitor, name: str) -> None:
    visitor.open_details(name)
    visitor.click("Preview")
    expect(visitor.page.locator("h1")).to_have_text(name)


def test_what_can_be_shown_is_shown(library: Visitor) -> None:
    page = library.page
    page.set_viewport_size({"width": 1440, "height": 900})
    library.go("/files")
    thumbnails = page.locator(".thumb img")
    expect(thumbnails).to_have_count(3)
    for name in ("photo.jpg", "logo.png"):
        row = page.get_by_role("row", name=re.compile(re.escape(name)))
        assert row.locator(".thumb img").evaluate("image => image.decode().then(() => true)")
    look_into(library, "photo.jpg")
    shown = page.locator("img.shown")
    assert shown.evaluate("image => image.decode().then(() => true)")
    assert shown.evaluate(IS_DRAWN)
    look_into(library, "notes.txt")
    expect(page.locator("pre.text")).to_contain_text("The ferry leaves at nine.")
    page.get_by_role("link", name="Next: page.html").click()
    expect(page.locator("pre.text")).to_contain_text("<script>")
    page.get_by_role("link", name="Previous: notes.txt").click()
    expect(page.locator("h1")).to_have_text("notes.txt")
    look_into(library, "letter.pdf")
    expect(page.locator("iframe")).to_have_attribute("title", "letter.pdf")
    assert library.complaints == []


@pytest.mark.parametrize("visitor", [True], indirect=True, ids=["with scripts"])
def test_a_small_picture_that_was_put_off_is_asked_for_again(library: Visitor) -> None:
    page = library.page
    put_off = {"content_type": "image/gif", "body": LATER.content}
    page.route(re.compile("size=thumbnail$"), lambda route: route.fulfill(**put_off))
    library.go("/files")
    shown = page.get_by_role("row", name=re.compile("logo.png")).locator(".thumb img")
    expect(shown).to_have_attribute("src", re.compile("&again$"))
    page.wait_for_function("image => image.naturalWidth > 2", arg=shown.element_handle())


def test_nothing_that_a_file_holds_ever_runs(library: Visitor) -> None:
    page = library.page
    for name in ("page.html", "drawing.svg", "fake.png", "fake.txt", "both.pdf"):
        look_into(library, name)
        page.wait_for_load_state("networkidle")
        assert page.title() == f"{name}, preview{ENDING}"
        address = page.url
        for part in ("/picture", "/lines", "/content"):
            # As an address of its own, where no page of ours is around it.
            answer = page.request.get(address + part)
            assert answer.headers["x-content-type-options"] == "nosniff"
            if answer.ok:
                assert answer.headers["content-security-policy"].startswith("sandbox")
                assert answer.headers["content-type"].partition(";")[0] in {
                    "image/gif",
                    "text/plain",
                    "application/pdf",
                }
        page.goto(address + "/lines")
        assert "owned" not in page.title()
    assert library.complaints == []


@pytest.mark.parametrize("visitor", [True], ids=["with scripts"], indirect=True)
def test_sound_and_film_are_sought_in(library: Visitor) -> None:
    page = library.page
    ranges: list[int] = []

    def note(answer: Response) -> None:
        if answer.url.endswith("/content"):
            ranges.append(answer.status)

    page.on("response", note)
    for name, player in {"song.wav": "audio", "clip.webm": "video"}.items():
        look_into(library, name)
        assert page.locator(player).evaluate(SEEK) == 1
    assert set(ranges) == {206}
    assert library.complaints == []


@pytest.mark.parametrize("visitor", [True], ids=["with scripts"], indirect=True)
def test_the_panel_shows_a_glance_where_there_is_room(library: Visitor) -> None:
    page = library.page
    page.set_viewport_size({"width": 1440, "height": 900})
    library.open_details("notes.txt")
    expect(page.locator("#details .glance pre")).to_contain_text("The ferry leaves at nine.")
    library.open_details("logo.png")
    seen = page.locator("#details .glance img")
    assert seen.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640
    page.set_viewport_size({"width": 1100, "height": 900})
    expect(page.locator("#details .glance")).to_be_hidden()
    assert library.complaints == []


@pytest.mark.parametrize("visitor", [True], ids=["with scripts"], indirect=True)
def test_nothing_shifts_while_pictures_come(library: Visitor) -> None:
    page = library.page
    library.wait_for_chip("Needs you")
    library.go("/files")
    page.locator(".thumb img").first.evaluate("image => image.decode().then(() => true)")
    assert shift_of(page) <= 0.02
    look_into(library, "logo.png")
    assert page.locator("img.shown").evaluate("image => image.decode().then(() => true)")
    assert shift_of(page) <= 0.02
