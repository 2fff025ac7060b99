"""Photographs every page of a real BalanceCloud, light and dark, wide and narrow.

States that take a broken account or a long wait are taken from the preview's values.

Run it with `python -m tests.browser.screenshots docs/screenshots`; it needs a chromium. Names after
the folder ("files job") have only those pages taken.
"""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import album, upload_scenes
from tests.browser.conftest import NAMES, QUIET
from tests.browser.gallery import serve
from tests.browser.studio import SIZES, THEMES, Studio, keep
from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.journey.clouds import set_weather
from tests.journey.house import House, start
from tests.web.pages import account_samples

ARCHIVE: Final = "lindqvist.archive@example.com"
SIMULATED: Final = (
    f"google/{ARCHIVE}",
    "google/anna@example.com",
    "microsoft/work.anna@example.com",
)
EMAIL: Final = "anna.lindqvist@example.org"
ALONE: Final = "ben.ode@example.org"
STATES: Final = tuple(account_samples.NAMED)
THIS_ONE: Final = re.compile("^What if it disappeared")
LARGE: Final = 700 * album.MIB
LEAST_FILM: Final = 2000
A_THIRD: Final = re.compile(r"^(3[3-9]|[4-8]\d)%")
SEEN: Final = {
    "picture": "harbour-at-dusk.jpg",
    "text": "field-notes.md",
    "sound": "two-notes.wav",
    "film": "ferry-crossing.webm",
    "pdf": "tax-return-2025.pdf",
    "refused": "not-a-picture.png",
    "nothing": "site-backup-2026-11.tar.zst",
}
# Names of pictures, and the preview's page that shows the state.
REHEARSED: Final = {
    "job-paused": "job-paused",
    "job-failed": "job-failed",
    "job-partly": "job-partly",
    "job-cancelled": "job-cancelled",
    "job-needs-you": "job-needs-you",
    "job-retrying": "job-retrying",
    "jobs-states": "jobs",
    "zip-refused": "zip-refused",
    "search-narrowed": "search-narrowed",
    "unlink": "unlink",
    "confirm-password": "confirm-password",
    "preview-lost": "preview-lost",
    "preview-unreadable": "preview-unreadable",
    "move-refused": "move-refused",
    "rename-refused": "rename-wrong",
    "files-hundred": "files-hundred",
    "storage-less": "storage-less",
    "error": "error-500",
}


ALONES: Final = ("files-waiting", "job-waiting", "less-protected", "what-if-lost", "storage-alone")


@dataclass(frozen=True)
class Scene:
    """A furnished house, somebody in it, and that somebody's cookies."""

    studio: Studio
    house: House
    visitor: Visitor
    state: object

    def take(self, pages: dict[str, str]) -> None:
        self.studio.take(pages, self.state)

    def address(self, folder: str, name: str) -> str:
        """Return the id of something in a folder, by the folder's address."""
        self.visitor.go(folder)
        row = self.visitor.page.locator("tr[data-node]").filter(
            has=self.visitor.page.get_by_role("link", name=name, exact=True)
        )
        return f"/files/{row.get_attribute('data-node')}"


def photograph(studio: Studio, house: House, folder: Path) -> None:
    studio.take({"register": "/register", "sign-in": "/sign-in"})
    context = studio.open("light", "desktop")
    visitor = Visitor(context.new_page(), studio.base, has_scripts=True)
    visitor.register(EMAIL)
    scene = Scene(studio, house, visitor, context.storage_state())
    scene.take({"files-empty": "/files", "clouds-empty": "/clouds", "trash-empty": "/trash"})
    travel = furnish(scene, folder)
    photograph_files(scene, travel)
    if studio.wants("files-deleted", "files-undone", "trash", "trash-delete", "trash-ask"):
        photograph_trash(scene, travel)
    if studio.wants("job", "jobs", "job-done"):
        photograph_job(scene, make_large(folder))
    photograph_the_rest(scene, travel)
    if studio.wants("clouds-needs-you", "sign-in-again", "other-account"):
        sign_in_again(scene)
    context.close()
    if studio.wants(*ALONES):
        photograph_alone(studio, house, folder)


def make_large(folder: Path) -> Path:
    large = folder / "raw-footage.mov"
    with large.open("wb") as written:
        for _ in range(LARGE // album.MIB):
            written.write(os.urandom(album.MIB))
    return large


def furnish(scene: Scene, folder: Path) -> str:
    """Link four accounts and upload the album; returns the folder's address."""
    visitor = scene.visitor
    visitor.link("google_drive", "Google Drive", "anna@example.com")
    visitor.link("google_drive", "Google Drive", ARCHIVE)
    visitor.link("onedrive", "OneDrive", "work.anna@example.com")
    visitor.link_folder(scene.house.data_dir / "folders" / "nas")
    film = b""
    while len(film) < LEAST_FILM:  # a browser without a moment's time records nothing
        film = bytes(visitor.page.evaluate(album.FILM))
    travel = album.write(folder, film)
    visitor.upload(folder=travel)
    visitor.wait_for_chip("Done")
    return scene.address("/files", travel.name)


def photograph_files(scene: Scene, travel: str) -> None:
    newer_versions(scene, travel)
    notes = scene.address(travel, "field-notes.md")
    panorama = scene.address(travel, "harbour-panorama.tif")
    scene.take(
        {
            "files": travel,
            "details": f"{travel}?sel={panorama.removeprefix('/files/')}",
            "details-picture": f"{scene.address(travel, SEEN['picture'])}/details",
            "versions": f"{notes}/details",
            "rename": f"{notes}/rename",
            "move": f"{notes}/move?to={travel.removeprefix('/files/')}",
            "copy": f"{notes}/copy",
            "new-folder": f"/files/new-folder?parent={travel.removeprefix('/files/')}",
            "upload": f"{travel}/upload",
            "search": "/search?q=a",
            "search-nothing": "/search?q=zebra",
            "where": f"{panorama}/where",
            **{
                f"preview-{kind}": f"{scene.address(travel, name)}/preview"
                for kind, name in SEEN.items()
            },
        }
    )
    if scene.studio.wants(*upload_scenes.NAMES):
        upload_scenes.photograph(scene.studio, scene.state, travel)
    scene.studio.take({"where-table": f"{panorama}/where"}, scene.state, open_table)
    scene.studio.take({"files-selected": travel}, scene.state, select_three)
    scene.studio.take({"files-menu": travel}, scene.state, open_menu)


def newer_versions(scene: Scene, travel: str) -> None:
    page = scene.visitor.page
    for words in ("Friday. Home.\n", "Friday. Home, and unpacked.\n"):
        scene.visitor.go(f"{travel}/upload")
        text = {
            "name": "field-notes.md",
            "mimeType": "text/plain",
            "buffer": (album.NOTES + words).encode(),
        }
        page.get_by_label("Files", exact=True).set_input_files([text])  # type: ignore[arg-type]
        scene.visitor.click("Upload")
        scene.visitor.follow_uploads()
        scene.visitor.wait_for_chip("Done")


def open_table(page: Page) -> None:
    page.get_by_text("Show as table").click()
    page.locator("#table").scroll_into_view_if_needed()


def select_three(page: Page) -> None:
    for number in (1, 3, 4):
        page.locator("input[form=selection]").nth(number).check()


def open_menu(page: Page) -> None:
    page.locator("main").get_by_label(f"Actions for {SEEN['picture']}", exact=True).click()
    expect(page.locator("#row-menu")).to_be_visible()


def photograph_trash(scene: Scene, travel: str) -> None:
    """Delete a file and undo it before each camera, then leave two in the trash."""
    for theme in THEMES:
        for size in SIZES:
            context = scene.studio.open(theme, size, scene.state)
            visitor = Visitor(context.new_page(), scene.studio.base, has_scripts=True)
            delete(visitor, travel, "two-notes.wav")
            scene.studio.shoot(visitor.page, "files-deleted", theme, size)
            visitor.click("Undo")
            expect(visitor.page.locator("main")).to_contain_text("is back in")
            scene.studio.shoot(visitor.page, "files-undone", theme, size)
            context.close()
    delete(scene.visitor, travel, "not-a-picture.png")
    delete(scene.visitor, travel, "two-notes.wav")
    scene.visitor.go("/trash")
    one = scene.visitor.page.get_by_role("link", name="Delete two-notes.wav for good")
    address = one.get_attribute("href") or ""
    scene.take({"trash": "/trash", "trash-delete": address, "trash-ask": "/trash/empty"})


def delete(visitor: Visitor, folder: str, name: str) -> None:
    visitor.go(folder)
    visitor.page.locator("main").get_by_label(f"Actions for {name}", exact=True).click()
    visitor.page.locator("#row-menu").get_by_role("button", name="Delete").click()
    expect(visitor.page.locator("main")).to_contain_text("is in the trash")


def photograph_job(scene: Scene, large: Path) -> None:
    """Photograph a job while it runs, and the one that stored the album."""
    visitor = scene.visitor
    visitor.go("/jobs")
    done = visitor.page.locator(".joblist a").last.get_attribute("href") or ""
    visitor.upload(large)
    expect(visitor.page.locator(".stage.last .figure")).to_have_text(A_THIRD, timeout=300_000)
    running = visitor.page.url.removeprefix(scene.studio.base)
    for account in SIMULATED:
        set_weather(
            scene.house.simulator, account, "slow"
        )  # it must not end before the last camera
    scene.take({"job": running, "jobs": "/jobs", "job-done": done})
    for account in SIMULATED:
        set_weather(scene.house.simulator, account, "fair")


def photograph_the_rest(scene: Scene, travel: str) -> None:
    scene.visitor.go("/storage")
    asked = scene.visitor.page.get_by_role("link", name=THIS_ONE)
    answer = asked.first.get_attribute("href") or ""
    scene.take(
        {
            "clouds": "/clouds",
            "link": "/clouds/link/onedrive",
            "storage": "/storage",
            "storage-map": "/storage/map",
            "storage-map-folder": travel.replace("/files/", "/storage/map/"),
            "what-if-question": "/storage/what-if",
            "what-if": answer,
            "less-protected-none": "/storage/less-protected",
            "settings": "/settings",
            "protection": "/settings/protection",
            "password": "/settings/password",
            "sessions": "/settings/sessions",
            "not-found": "/nowhere",
        }
    )


def sign_in_again(scene: Scene) -> None:
    """Have a grant taken back at the provider, notice it, and come back as somebody else."""
    studio, visitor = scene.studio, scene.visitor
    set_weather(scene.house.simulator, f"google/{ARCHIVE}", "revoked")
    visitor.go("/clouds")
    card = visitor.page.locator(".account").filter(has_text=ARCHIVE)
    card.get_by_role("button", name="Look again").click()
    path = card.get_by_role("link", name="Sign in again").get_attribute("href") or ""
    scene.take({"clouds-needs-you": "/clouds", "sign-in-again": path})
    for theme in THEMES:
        for size in SIZES:
            context = studio.open(theme, size, scene.state)
            visitor = Visitor(context.new_page(), studio.base, has_scripts=True)
            visitor.go(path)
            visitor.click("Go on")
            visitor.click("Continue to Google Drive")
            visitor.page.get_by_label("Somebody else").fill("ben@example.com")
            visitor.page.get_by_role("button", name="Approve").click()
            expect(visitor.page.locator("h1")).to_have_text("That is another account")
            studio.shoot(visitor.page, "other-account", theme, size)
            context.close()


def photograph_alone(studio: Studio, house: House, folder: Path) -> None:
    """Photograph the house of somebody with one account, whose loss would cost everything."""
    context = studio.open("light", "desktop")
    visitor = Visitor(context.new_page(), studio.base, has_scripts=True)
    visitor.register(ALONE)
    scene = Scene(studio, house, visitor, context.storage_state())
    visitor.upload(*sorted((folder / "Travel" / "Lisbon 2026").iterdir()))
    visitor.wait_for_chip("Needs you")
    job = visitor.page.url
    scene.take({"files-waiting": "/files", "job-waiting": job.removeprefix(studio.base)})
    visitor.link_folder(house.data_dir / "folders" / "attic")
    visitor.page.goto(job)
    visitor.wait_for_chip("Done")
    visitor.go("/storage")
    asked = visitor.page.get_by_role("link", name=THIS_ONE)
    scene.take(
        {
            "less-protected": "/storage/less-protected",
            "what-if-lost": asked.first.get_attribute("href") or "",
            "storage-alone": "/storage",
        }
    )
    context.close()


def photograph_states(browser: Browser, target: Path, only: frozenset[str]) -> None:
    """Take the card of an account in each of its states, and what is only rehearsed."""
    with serve() as address:
        for theme in () if only else THEMES:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/clouds-states?theme={theme}")
            page.evaluate("document.fonts.ready")
            cards = page.locator(".account")
            for index, name in enumerate(STATES):
                keep(cards.nth(index).screenshot(), target / f"account-{name}-{theme}.png")
            page.close()
        Studio(browser, address, target, only).take(
            {name: f"/{page}?theme={{theme}}" for name, page in REHEARSED.items()}
        )


def main(target: Path, only: frozenset[str]) -> None:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise SystemExit("No chromium is installed here.")
    target.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        photograph_states(browser, target, only)
        house = start(Path(folder) / "data", RATE_LIMITS="0")
        try:
            photograph(Studio(browser, house.base, target, only), house, Path(folder) / "files")
        finally:
            house.stop()
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), frozenset(sys.argv[2:]))
