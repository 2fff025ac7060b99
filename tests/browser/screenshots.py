"""Photographs every page of a real BalanceCloud, light and dark, wide and narrow.

The cards of accounts in every state there is are taken from the preview's values.

Run it with `python -m tests.browser.screenshots docs/screenshots`; it needs a chromium.
"""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.conftest import NAMES, QUIET
from tests.browser.gallery import serve
from tests.browser.visitor import Visitor
from tests.journey.clouds import take_grants_back
from tests.journey.house import House, start
from tests.web.pages import account_samples

MIB = 1 << 20
ARCHIVE = "lindqvist.archive@example.com"
EMAIL = "anna.lindqvist@example.org"
STATES = tuple(account_samples.NAMED)
THEMES = ("light", "dark")
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
FILES = {
    "Travel/Lisbon 2026/tram-28.jpg": 3 * MIB,
    "Travel/Lisbon 2026/belem.jpg": 2 * MIB,
    "Travel/ferry-crossing.mov": 64 * MIB,
    "Travel/harbour-panorama.tif": 47 * MIB,
    "Travel/site-backup-2026-11.tar.zst": 31 * MIB,
    "Travel/tax-return-2025.pdf": 1_887_436,
    "Travel/field-notes.md": 14_336,
}
LARGE = 700 * MIB
A_THIRD = re.compile(r"^(3[3-9]|[4-8]\d)%")


@dataclass
class Studio:
    """Takes pictures of one house into one folder."""

    browser: Browser
    house: House
    target: Path

    def open(self, theme: str, size: str, state: object = None) -> BrowserContext:
        width, height = SIZES[size]
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            storage_state=state,  # type: ignore[arg-type] # what storage_state() returned
        )
        context.add_cookies([{"name": "theme", "value": theme, "url": self.house.base}])
        return context

    def take(self, pages: dict[str, str], state: object = None) -> None:
        """Photograph each page by its name, in every theme and size."""
        for theme in THEMES:
            for size in SIZES:
                context = self.open(theme, size, state)
                page = context.new_page()
                for name, path in pages.items():
                    page.goto(self.house.base + path)
                    page.wait_for_load_state("load")
                    page.evaluate("document.fonts.ready")
                    page.screenshot(path=self.target / f"{name}-{theme}-{size}.png")
                context.close()


def make_files(folder: Path) -> Path:
    for name, size in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    large = folder / "raw-footage.mov"
    with large.open("wb") as written:
        for _ in range(LARGE // MIB):
            written.write(os.urandom(MIB))
    return large


def photograph(studio: Studio, folder: Path) -> None:
    studio.take({"register": "/register", "sign-in": "/sign-in"})
    large = make_files(folder)
    context = studio.open("light", "desktop")
    visitor = Visitor(context.new_page(), studio.house.base, has_scripts=True)
    visitor.register(EMAIL)
    state = context.storage_state()
    studio.take({"files-empty": "/files", "clouds-empty": "/clouds"}, state)
    furnish(visitor, studio.house, folder)
    travel = path_of(visitor, "Travel")
    visitor.go(travel)
    visitor.page.get_by_role("link", name="ferry-crossing.mov", exact=True).click()
    selected = visitor.page.url.removeprefix(studio.house.base)
    visitor.go("/jobs")
    done = visitor.page.locator(".joblist a").first.get_attribute("href") or ""
    visitor.go("/clouds")
    unlink = visitor.page.locator(".account a").first.get_attribute("href") or ""
    visitor.upload(large)
    expect(visitor.page.locator(".stage.last .figure")).to_have_text(A_THIRD, timeout=300_000)
    running = visitor.page.url.removeprefix(studio.house.base)
    studio.take({"job": running}, state)
    studio.take(
        {
            "jobs": "/jobs",
            "job-done": done,
            "files": travel,
            "details": selected,
            "upload": f"{travel}/upload",
            "search": "/search?q=o",
            "clouds": "/clouds",
            "unlink": unlink,
            "link": "/clouds/link/onedrive",
            "storage": "/storage",
            "settings": "/settings",
            "protection": "/settings/protection",
            "password": "/settings/password",
            "sessions": "/settings/sessions",
            "not-found": "/nowhere",
        },
        state,
    )
    sign_in_again(studio, visitor, state)
    context.close()


def sign_in_again(studio: Studio, visitor: Visitor, state: object) -> None:
    """Have a grant taken back at the provider, notice it, and come back as somebody else."""
    take_grants_back(studio.house.simulator, f"google/{ARCHIVE}")
    visitor.go("/clouds")
    card = visitor.page.locator(".account").filter(has_text=ARCHIVE)
    card.get_by_role("button", name="Look again").click()
    path = card.get_by_role("link", name="Sign in again").get_attribute("href") or ""
    studio.take({"clouds-needs-you": "/clouds", "sign-in-again": path}, state)
    for theme in THEMES:
        for size in SIZES:
            context = studio.open(theme, size, state)
            visitor = Visitor(context.new_page(), studio.house.base, has_scripts=True)
            visitor.go(path)
            visitor.click("Go on")
            visitor.click("Continue to Google Drive")
            visitor.page.get_by_label("Somebody else").fill("ben@example.com")
            visitor.page.get_by_role("button", name="Approve").click()
            expect(visitor.page.locator("h1")).to_have_text("That is another account")
            visitor.page.screenshot(path=studio.target / f"other-account-{theme}-{size}.png")
            context.close()


def photograph_states(browser: Browser, target: Path) -> None:
    """Take the card of an account in each of its states."""
    with serve() as address:
        for theme in THEMES:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/clouds-states?theme={theme}")
            page.evaluate("document.fonts.ready")
            cards = page.locator(".account")
            for index, name in enumerate(STATES):
                cards.nth(index).screenshot(path=target / f"account-{name}-{theme}.png")
            page.close()


def furnish(visitor: Visitor, house: House, folder: Path) -> None:
    visitor.link("google_drive", "Google Drive", "anna@example.com")
    visitor.link("google_drive", "Google Drive", ARCHIVE)
    visitor.link("onedrive", "OneDrive", "work.anna@example.com")
    visitor.link_folder(house.data_dir / "folders" / "nas")
    visitor.upload(folder=folder / "Travel")
    visitor.wait_for_chip("Done")


def path_of(visitor: Visitor, name: str) -> str:
    visitor.go("/files")
    link = visitor.page.get_by_role("link", name=name, exact=True)
    return link.get_attribute("href") or ""


def main(target: Path) -> None:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise SystemExit("No chromium is installed here.")
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        photograph_states(browser, target)
        house = start(Path(folder) / "data", RATE_LIMITS="0")
        try:
            photograph(Studio(browser, house, target), Path(folder) / "files")
        finally:
            house.stop()
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
