"""Uploads in a real browser: what breaks off goes on, and nothing is told that is not so."""

import os
import re
import secrets
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.browser.wayward_proxy import CUT, PASS, STALL, Proxy, standing_before
from tests.journey.house import House, start

pytestmark = [pytest.mark.browser, pytest.mark.every_page, pytest.mark.timeout(400)]

MIB = 1 << 20
REQUEST = 16 * MIB  # as much as one request brings


@pytest.fixture
def proxy(house: House) -> Iterator[Proxy]:
    with standing_before(house.base) as proxy:
        yield proxy


@pytest.fixture
def anna(chromium: Browser, proxy: Proxy) -> Iterator[Visitor]:
    """Somebody who reaches the house through the proxy."""
    context = chromium.new_context()
    visitor = Visitor(context.new_page(), proxy.base, has_scripts=True)
    visitor.register(f"{secrets.token_hex(4)}@example.org")
    yield visitor
    context.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of three requests, the last one short."""
    path = tmp_path_factory.mktemp("large") / "panorama.bin"
    path.write_bytes(os.urandom(2 * REQUEST + 17))
    return path


def send(page: Page, *paths: Path, ask: bool = False) -> None:
    if ask:
        page.get_by_text("Ask me").click()
    page.get_by_label("Files", exact=True).set_input_files(list(paths))
    page.locator("main").get_by_role("button", name="Upload", exact=True).click()


def row(page: Page, name: str) -> Locator:
    return page.locator(".queue li").filter(has=page.get_by_text(name, exact=True))


def expect_all_received(page: Page, patience_ms: int = PATIENCE_MS) -> None:
    expect(page.get_by_text("You can close this page. We carry on.")).to_be_visible(
        timeout=patience_ms
    )


def cut_the_second_request(method: str, offset: int) -> int:
    return CUT if method == "PATCH" and offset else PASS


def send_until_cut(visitor: Visitor, proxy: Proxy, path: Path) -> None:
    """Begin an upload of which only the first request arrives."""
    proxy.rule = cut_the_second_request
    visitor.go("/files/upload")
    send(visitor.page, path)
    told = row(visitor.page, path.name).locator("[data-told]")
    expect(told).to_have_text(re.compile("^16 MB of 32 MB · .*Trying again"), timeout=PATIENCE_MS)


def test_an_upload_goes_on_in_a_new_tab_after_its_own_was_closed(
    anna: Visitor, proxy: Proxy, large: Path
) -> None:
    send_until_cut(anna, proxy, large)
    sent_by_then = REQUEST
    anna.page.close()
    proxy.rule = lambda _method, _offset: PASS
    proxy.sent_bytes = 0
    anna.page = anna.page.context.new_page()

    anna.go("/files")
    expect(anna.page.locator("[data-stopped-ones]")).to_contain_text(
        "1 upload stopped. Choose the same"
    )
    anna.go("/files/upload")
    expect(anna.page.locator("[data-stopped-ones]")).to_contain_text(
        "panorama.bin · 16 MB of 32 MB"
    )
    send(anna.page, large)
    expect(row(anna.page, large.name)).to_contain_text("carried on where it stopped")
    expect_all_received(anna.page)

    assert sent_by_then + proxy.sent_bytes <= large.stat().st_size + REQUEST
    expect(anna.page.locator("[data-stopped-ones]")).to_be_hidden()
    anna.go("/files")
    assert anna.download(large.name) == large.read_bytes()


def test_a_proxy_without_patch_is_gone_around(anna: Visitor, proxy: Proxy, large: Path) -> None:
    proxy.rule = lambda method, _offset: 405 if method == "PATCH" else PASS
    anna.go("/files/upload")

    send(anna.page, large)
    expect_all_received(anna.page)

    assert proxy.seen["refused PATCH"] == proxy.seen["PATCH"] == 1
    anna.go("/files")
    assert anna.download(large.name) == large.read_bytes()


def test_where_head_is_refused_the_plain_form_is_offered(
    anna: Visitor, proxy: Proxy, large: Path, tmp_path: Path
) -> None:
    def refuse(method: str, offset: int) -> int:
        return 405 if method == "HEAD" else cut_the_second_request(method, offset)

    proxy.rule = refuse
    anna.go("/files/upload")
    send(anna.page, large)
    expect(anna.page.locator("[data-refuses]")).to_contain_text(
        "refuses uploads that can be resumed", timeout=PATIENCE_MS
    )

    notes = tmp_path / "notes.txt"
    notes.write_text("The ferry leaves at nine.")
    anna.page.get_by_role("link", name="Use the plain form").click()
    send(anna.page, notes)
    expect(anna.page).to_have_url(re.compile("/jobs/"), timeout=PATIENCE_MS)


def test_a_folder_of_300_files_keeps_its_tree_and_goes_three_at_a_time(
    anna: Visitor, proxy: Proxy, tmp_path: Path
) -> None:
    content = {
        f"Travel/{one}/{two}/{number}.txt": f"{one} {two} {number}".encode()
        for one in ("Lisbon", "Porto")
        for two in ("May", "June", "Übermorgen")
        for number in range(50)
    }
    for path, text in content.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(text)
    anna.go("/files/upload")
    anna.page.get_by_label("A folder").set_input_files(tmp_path / "Travel")
    anna.click("Upload")
    expect_all_received(anna.page, 3 * PATIENCE_MS)

    expect(anna.page.locator("#uploads-title")).to_have_text(
        "All 300 files are received by this server"
    )
    assert proxy.peak <= 3
    assert proxy.seen["POST"] == 300
    [travel] = anna.page.request.get(f"{anna.base}/api/files").json()["files"]
    zipped = anna.page.request.get(f"{anna.base}/files/{travel['id']}/zip").body()
    archive = zipfile.ZipFile(BytesIO(zipped))
    assert {n: archive.read(n) for n in archive.namelist() if not n.endswith("/")} == content
    jobs = anna.page.request.get(f"{anna.base}/api/jobs").json()
    assert jobs["total"] == 1


def test_taken_names_wait_for_an_answer_while_the_others_go_on(
    anna: Visitor, tmp_path: Path
) -> None:
    page = anna.page
    old = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt")]
    for path in old:
        path.write_text(f"old {path.name}")
    anna.go("/files/upload")
    send(page, *old)
    expect_all_received(page)

    new = tmp_path / "new.txt"
    for path in (*old, new):
        path.write_text(f"new {path.name}")
    anna.go("/files/upload")
    send(page, *old, new, ask=True)
    expect(row(page, "new.txt")).to_contain_text("Received")
    for path in old:
        expect(row(page, path.name)).to_contain_text("Needs you")
    page.get_by_role("button", name="3 files need your answer: go to the first").click()
    expect(row(page, "a.txt").get_by_role("button", name="Add as new version")).to_be_focused()
    row(page, "a.txt").hover()
    places = [row(page, path.name).bounding_box() for path in old]
    page.keyboard.press("Enter")
    expect(row(page, "a.txt")).to_contain_text("Received")
    assert [row(page, path.name).bounding_box() for path in old] == places
    row(page, "b.txt").get_by_role("button", name="Keep both").click()
    row(page, "c.txt").get_by_role("button", name="Skip").click()
    expect(row(page, "c.txt")).to_contain_text("Skipped")
    expect_all_received(page)
    anna.go("/files")
    assert [anna.download(n) for n in ("a.txt", "b.txt", "b (2).txt", "c.txt")] == [
        b"new a.txt",
        b"old b.txt",
        b"new b.txt",
        b"old c.txt",
    ]

    anna.go("/files/upload")
    send(page, *old, ask=True)
    for path in old:
        expect(row(page, path.name)).to_contain_text("Needs you")
    row(page, "a.txt").get_by_label("Do this for all").check()
    row(page, "a.txt").get_by_role("button", name="Keep both").click()
    expect_all_received(page)
    anna.go("/files")
    for name in ("a (2).txt", "b (3).txt", "c (2).txt"):
        assert anna.download(name).startswith(b"new")


def test_an_upload_waits_for_its_person_to_sign_in_again(
    anna: Visitor, proxy: Proxy, large: Path
) -> None:
    page, email = anna.page, f"{secrets.token_hex(4)}@example.org"
    page.context.clear_cookies()
    anna.register(email)
    send_until_cut(anna, proxy, large)
    page.context.clear_cookies()
    proxy.rule = lambda _method, _offset: PASS
    expect(page.locator("[data-signed-out]")).to_be_visible(timeout=PATIENCE_MS)

    with page.expect_popup() as opened:
        page.get_by_role("link", name="Sign in again").click()
    elsewhere = Visitor(opened.value, anna.base, has_scripts=True)
    elsewhere.sign_in(email)
    expect_all_received(page)

    expect(page.locator("[data-signed-out]")).to_be_hidden()
    elsewhere.go("/files")
    assert elsewhere.download(large.name) == large.read_bytes()


def test_two_tabs_with_one_upload_take_turns(anna: Visitor, proxy: Proxy, large: Path) -> None:
    first, context = anna.page, anna.page.context
    second = Visitor(context.new_page(), proxy.base, has_scripts=True)
    verdicts = iter([STALL])
    proxy.rule = lambda method, _offset: next(verdicts, PASS) if method == "PATCH" else PASS
    anna.go("/files/upload")
    send(first, large)
    assert proxy.is_stalled.wait(PATIENCE_MS / 1000)

    second.go("/files/upload")
    expect(second.page.locator("#files")).to_be_visible()
    send(second.page, large)
    expect(row(second.page, large.name)).to_contain_text(
        "Another tab or device is sending this file", timeout=PATIENCE_MS
    )
    proxy.goes_on.set()
    expect_all_received(first)
    expect_all_received(second.page)

    second.go("/files")
    assert second.download(large.name) == large.read_bytes()
    expect(second.page.locator(".files tbody tr")).to_have_count(1)


def test_uploads_outlive_a_restart_of_the_server(
    anna: Visitor, proxy: Proxy, house: House, large: Path
) -> None:
    send_until_cut(anna, proxy, large)
    house.stop()
    fresh = start(house.data_dir, RATE_LIMITS="0", TICK_SECONDS="2")
    house.process, house.base, proxy.target = fresh.process, fresh.base, fresh.base
    proxy.rule = lambda _method, _offset: PASS
    expect_all_received(anna.page)

    anna.go("/files")
    assert anna.download(large.name) == large.read_bytes()


def test_a_file_is_paused_resumed_and_cancelled(anna: Visitor, proxy: Proxy, large: Path) -> None:
    page = anna.page
    send_until_cut(anna, proxy, large)
    page.get_by_label("Pause panorama.bin").click()
    expect(row(page, large.name)).to_contain_text("Paused")
    expect(page.locator("#uploads-title")).to_have_text("Uploads are paused")
    expect(row(page, large.name)).to_contain_text("49%")
    proxy.rule = lambda _method, _offset: PASS
    page.get_by_label("Resume panorama.bin").click()
    expect_all_received(page)

    send_until_cut(anna, proxy, large)
    proxy.rule = lambda _method, _offset: PASS
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.get_by_role("button", name="Cancel all").click()
    expect(row(page, large.name)).to_contain_text("Cancelled")
    assert page.request.get(f"{anna.base}/api/uploads").json()["total"] == 0


def test_what_does_not_fit_is_said_before_a_byte_is_sent(
    anna: Visitor, proxy: Proxy, tmp_path: Path
) -> None:
    notes, page = tmp_path / "notes.txt", anna.page
    notes.write_text("The ferry leaves at nine.")
    anna.go("/files/upload")
    place = page.locator("[data-uploads]")
    place.evaluate("place => { place.dataset.free = '24'; }")
    send(page, notes)
    expect(page.locator("[data-refusal]")).to_contain_text("25 B and 24 B is free in your drive")
    assert proxy.seen["POST"] == 0


DRAG = """(row, kind) => {
  const brought = new DataTransfer();
  brought.items.add(new File(["The ferry leaves at nine."], "dropped.txt"));
  row.dispatchEvent(new DragEvent(kind, { dataTransfer: brought, bubbles: true }));
}"""


def test_a_file_dropped_on_a_folder_goes_into_it(anna: Visitor) -> None:
    page = anna.page
    anna.go("/files/new-folder")
    page.get_by_label("Name", exact=True).fill("Travel")
    anna.click("Make folder")
    anna.go("/files")
    folder = page.locator("tr[data-kind=folder]")
    folder.evaluate(DRAG, "dragover")
    expect(page.locator("[data-dropto]")).to_have_text("Drop to upload to Travel")
    folder.evaluate(DRAG, "drop")
    expect_all_received(page)

    page.get_by_role("link", name="Travel", exact=True).click()
    assert anna.download("dropped.txt") == b"The ferry leaves at nine."
    assert anna.complaints == []
