"""The page that uploads, photographed while it sends, asks, is paused, and has ended."""

import re
from typing import Final

from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser import album
from tests.browser.studio import SIZES, THEMES, Studio
from tests.browser.visitor import PATIENCE_MS

NAMES: Final = ("upload-running", "upload-paused", "upload-done")
LARGE: Final = 20 * album.MIB  # goes in two requests, and the second one is held
FIRST_PART: Final = re.compile("^80%")
TAKEN: Final = "field-notes.md"
# Each camera sends names that no other one has sent.
PLACES: Final = ("Alfama", "Belém", "Chiado", "Graça")


def photograph(studio: Studio, state: object, folder: str) -> None:
    """Photograph uploads to a folder that has a file called TAKEN."""
    cameras = [(theme, size) for theme in THEMES for size in SIZES]
    for place, (theme, size) in zip(PLACES, cameras, strict=True):
        context = studio.open(theme, size, state)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{studio.base}{folder}/upload")
        held = hold_second_parts(page)
        send(page, place)
        queue = page.locator("[data-queue]")
        expect(queue.get_by_text("Received", exact=True)).to_have_count(3)
        expect(queue.get_by_text("Needs you", exact=True)).to_have_count(1)
        expect(page.locator("[data-percent]").first).to_have_text(FIRST_PART)
        studio.shoot(page, "upload-running", theme, size)
        page.get_by_role("button", name="Pause all").click()
        expect(queue.locator(".chip").first).to_have_text("Paused")
        studio.shoot(page, "upload-paused", theme, size)
        page.get_by_role("button", name=f"Cancel {place}.mov").click()
        page.get_by_role("button", name="Skip").click()
        expect(page.locator("[data-close]")).to_be_visible()
        page.mouse.move(0, 0)  # what was answered keeps its place below a pointer
        studio.shoot(page, "upload-done", theme, size)
        for route in held:
            route.abort()
        context.close()


def hold_second_parts(page: Page) -> list[Route]:
    """Let nothing pass that begins after the first byte of a file; returns what is held."""
    held: list[Route] = []

    def pass_or_hold(route: Route) -> None:
        if route.request.headers.get("upload-offset", "0") == "0":
            route.fallback()
        else:
            held.append(route)

    page.route("**/api/uploads/*", pass_or_hold)
    return held


def send(page: Page, place: str) -> None:
    pictures = [
        (f"{place} {number}.jpg", album.landscape(sky, number, (800, 533)))
        for number, sky in enumerate(("dawn", "noon", "dusk"), 1)
    ]
    brought = [(f"{place}.mov", bytes(LARGE)), (TAKEN, b"Saturday."), *pictures]
    page.get_by_text("Ask me", exact=True).click()
    files: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        for name, content in brought
    ]
    page.get_by_label("Files", exact=True).set_input_files(files)
    page.locator("main").get_by_role("button", name="Upload", exact=True).click()
