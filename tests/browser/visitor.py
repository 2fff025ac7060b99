"""A person with a browser: does what the pages offer, and keeps what the console complained of."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, expect

PASSWORD = "a long enough pass phrase"
PATIENCE_MS = 120_000


@dataclass
class Visitor:
    """One page of a browser, at one BalanceCloud."""

    page: Page
    base: str
    has_scripts: bool
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)  # a form of 300 files takes its time
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def go(self, path: str) -> None:
        answer = self.page.goto(self.base + path)
        assert answer is not None
        assert answer.ok, f"{path} answered {answer.status}"

    def click(self, name: str) -> None:
        """Click the one button or link of that name in the page's main part, or its dialog."""
        main = self.page.locator("main, dialog[open]")
        main.get_by_role("button", name=name, exact=True).or_(
            main.get_by_role("link", name=name, exact=True)
        ).first.click()

    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    # --- people -------------------------------------------------------------------------------

    def register(self, email: str) -> None:
        self.go("/register")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.click("Create account")
        expect(self.page).to_have_url(re.compile("/files$"))

    def sign_in(self, email: str) -> None:
        self.go("/sign-in")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.click("Sign in")
        expect(self.page).to_have_url(re.compile("/files$"))

    # --- clouds -------------------------------------------------------------------------------

    def link(self, provider: str, title: str, address: str) -> None:
        """Link a simulated account as a person does: consent there, confirm here."""
        self.go(f"/clouds/link/{provider}")
        self.click("Go on")
        self.click(f"Continue to {title}")
        self.page.get_by_label("Somebody else").fill(address)
        self.page.get_by_role("button", name="Approve").click()
        expect(self.page.locator("h1")).to_have_text("Is this the right account?")
        expect(self.page.locator("main")).to_contain_text(address)
        self.click("Link this account")
        expect(self.page).to_have_url(re.compile("/clouds$"))

    def link_folder(self, path: Path) -> None:
        self.go("/clouds/link/folder")
        self.page.get_by_label("Folder", exact=True).fill(str(path))
        self.click("Link this folder")
        expect(self.page).to_have_url(re.compile("/clouds$"))

    # --- files --------------------------------------------------------------------------------

    def upload(self, *paths: Path, folder: Path | None = None) -> None:
        """Upload files, or a folder, to the top; ends on the job's page."""
        self.go("/files/upload")
        if folder:
            self.page.get_by_label("A folder").set_input_files(folder)
        else:
            self.page.get_by_label("Files", exact=True).set_input_files(list(paths))
        self.click("Upload")
        if self.has_scripts:
            self.follow_uploads()
        expect(self.page).to_have_url(re.compile("/jobs/"), timeout=PATIENCE_MS)

    def follow_uploads(self) -> None:
        """Wait until all of this page's uploads are received, and go to their job."""
        done = self.page.get_by_text("You can close this page. We carry on.")
        expect(done).to_be_visible(timeout=PATIENCE_MS)
        self.click("See the job")

    def wait_for_chip(self, words: str) -> None:
        """Wait until the job's page says so: by its own script, or by asking anew."""
        chip = self.page.locator("#job-body .head .chip").first
        waited = 0
        while not self.has_scripts and chip.inner_text() != words:
            assert waited < PATIENCE_MS, f"The job still says {chip.inner_text()!r}."
            self.page.wait_for_timeout(500)
            waited += 500
            self.page.reload()
        expect(chip).to_have_text(words, timeout=PATIENCE_MS)

    def open_details(self, name: str) -> None:
        self.go("/files")
        self.page.get_by_role("cell", name=name).get_by_role("link", name=name, exact=True).click()

    def download(self, name: str) -> bytes:
        """Download a file that lies in the folder shown."""
        with self.page.expect_download() as waiting:
            self.page.locator("main").get_by_label(f"Actions for {name}", exact=True).click()
            self.page.get_by_role("link", name="Download", exact=True).first.click()
        path = waiting.value.path()
        return Path(path).read_bytes()
