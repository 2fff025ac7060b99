"""Every page of the preview under axe, at the widths and themes people have."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from tests.web.pages import preview

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AXE = (Path(__file__).parent / "axe" / "4.14.1" / "axe.min.js").read_text()
# Of what floats over or scrolls within the page axe cannot tell what lies behind it. Those parts
# wear the same colours as the others, which are judged with nothing open.
GEOMETRY = {"elmPartiallyObscuring", "elmPartiallyObscured", "bgOverlap", "outsideViewport"}
OPEN_ONE = """which => document.querySelectorAll("details").forEach((one, index) => {
  one.open = index === which;
})"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# One state of each template and the fullest ones: axe takes its time.
LAST = {template: name for name, (template, _) in preview.PAGES.items()}
FULLEST = {
    "files-selected",
    "preview-picture",
    "preview-pdf",
    "job",
    "job-needs-you",
    "jobs",
    "clouds-states",
    "storage-states",
}
SHOWN = sorted({*LAST.values(), *FULLEST} - {"job-body"})
WHOLE = [name for name in preview.PAGES if name != "job-body"]


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """The preview at an address."""
    server = make_server("127.0.0.1", 0, whole(preview.build()), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def whole(application: "WSGIApplication") -> "WSGIApplication":
    """Answer in one piece: of what a browser gives up half-way, no file stays open."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        pieces = application(environ, start_response)
        try:
            return list(pieces)
        finally:
            getattr(pieces, "close", lambda: None)()

    return answer


@pytest.fixture(params=[("light", 1440), ("dark", 390)], ids=["light wide", "dark narrow"])
def look(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[tuple[Page, str]]:
    """A page of that width, and the theme to ask for."""
    theme, width = request.param
    page = chromium.new_page(viewport={"width": width, "height": 900})
    yield page, theme
    page.close()


def findings(page: Page, within: str = "html") -> list[tuple[str, str, str]]:
    """Return what axe found or could not decide in these parts of the page: rule, place, reason."""
    page.evaluate(AXE)
    run = "([within, rules]) => axe.run({include: [within]}, {runOnly: rules})"
    result: dict[str, list[dict[str, Any]]] = page.evaluate(run, [within, RULES])
    return [
        (found["id"], str(node["target"]), reason_of(node))
        for found in result["violations"] + result["incomplete"]
        for node in found["nodes"]
    ]


def reason_of(node: dict[str, Any]) -> str:
    given = [check["data"] for check in node["any"] if isinstance(check["data"], dict)]
    return str(given[0].get("messageKey")) if given else ""


@pytest.mark.every_page
def test_axe_finds_nothing_on_any_page(look: tuple[Page, str], gallery: str) -> None:
    page, theme = look
    # A running job's page asks for news, is told that there is none here, and loads itself anew.
    page.route("**/body*", lambda route: route.abort())
    wrong = {}
    for name in SHOWN:
        page.goto(f"{gallery}/{name}?theme={theme}")
        if found := findings(page):
            wrong[name] = found
    assert wrong == {}


@pytest.mark.every_page
def test_menus_and_tables_that_are_open_hold_too(look: tuple[Page, str], gallery: str) -> None:
    page, theme = look
    page.route("**/body*", lambda route: route.abort())
    page.goto(f"{gallery}/job?theme={theme}")
    for which in range(page.locator("details").count()):
        page.evaluate(OPEN_ONE, which)
        found = findings(page, "details[open]")
        assert [one for one in found if one[2] not in GEOMETRY] == []


@pytest.mark.every_page
def test_nothing_scrolls_sideways_on_the_narrowest_screens(chromium: Browser, gallery: str) -> None:
    page = chromium.new_page(viewport={"width": 320, "height": 800})
    page.route("**/body*", lambda route: route.abort())
    wide = []
    for name in WHOLE:
        page.goto(f"{gallery}/{name}")
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            wide.append(name)
    page.close()
    assert wide == []


def test_the_first_tab_stop_skips_to_the_content(chromium: Browser, gallery: str) -> None:
    page = chromium.new_page()
    page.goto(f"{gallery}/files")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.close()


def test_a_first_view_asks_for_at_most_eight_things(chromium: Browser, gallery: str) -> None:
    for name in ("sign-in", "files", "job", "upload"):
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{gallery}/{name}")
        page.wait_for_load_state("load")
        asked = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
        assert 2 <= len(asked) < 8, asked  # the page itself is the eighth
        context.close()


def test_with_forced_colours_and_less_motion_nothing_moves(chromium: Browser, gallery: str) -> None:
    context = chromium.new_context(forced_colors="active", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{gallery}/job")
    longest = """Math.max(...Array.from(document.querySelectorAll("*"),
        one => parseFloat(getComputedStyle(one).transitionDuration)))"""
    assert page.evaluate(longest) <= 0.01
    context.close()
