"""Where pages are photographed: in every theme and size, into one folder."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

THEMES: Final = ("light", "dark")
SIZES: Final = {"desktop": (1440, 900), "phone": (390, 844)}
COLOURS: Final = 256  # more make a file three times as large and look the same

# All that is seen has arrived: letters, pictures, the first frame of a film, the lines of a text.
IS_DRAWN: Final = """() => {
  const seen = (what) => [...document.querySelectorAll(what)].filter(
    (one) => one.checkVisibility() && one.getBoundingClientRect().top < innerHeight);
  return document.fonts.status === "loaded"
    && seen("img").every((one) => one.complete)
    && seen("audio, video").every((one) => one.readyState >= 2)
    && seen("[data-lines]").every((one) => one.textContent);
}"""
PDF_MS: Final = 2500  # the frame of a PDF tells nobody when it is drawn


@dataclass(frozen=True)
class Studio:
    """Takes pictures of what answers at `base` into one folder; of these names alone, if any."""

    browser: Browser
    base: str
    target: Path
    only: frozenset[str] = frozenset()

    def wants(self, *names: str) -> bool:
        """Say whether any of these is to be taken."""
        return not self.only or not self.only.isdisjoint(names)

    def open(self, theme: str, size: str, state: object = None) -> BrowserContext:
        width, height = SIZES[size]
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            storage_state=state,  # type: ignore[arg-type] # what storage_state() returned
        )
        context.add_cookies([{"name": "theme", "value": theme, "url": self.base}])
        self._fetch_letters(context)
        return context

    def _fetch_letters(self, context: BrowserContext) -> None:
        """Have our letters at hand: a first view does without them where they come late."""
        page = context.new_page()
        page.goto(f"{self.base}/sign-in")
        page.wait_for_function(IS_DRAWN)
        page.close()

    def take(
        self,
        pages: dict[str, str],
        state: object = None,
        act: Callable[[Page], object] | None = None,
    ) -> None:
        """Photograph each page by its name, in every theme and size, once `act` is done."""
        wanted = {name: path for name, path in pages.items() if self.wants(name)}
        for theme in THEMES if wanted else ():
            for size in SIZES:
                context = self.open(theme, size, state)
                page = context.new_page()
                for name, path in wanted.items():
                    page.goto(self.base + path.replace("{theme}", theme))
                    page.wait_for_load_state("load")
                    if act:
                        act(page)
                    self.shoot(page, name, theme, size)
                context.close()

    def shoot(self, page: Page, name: str, theme: str, size: str) -> None:
        """Photograph a page as it is now."""
        if not self.wants(name):
            return
        page.wait_for_function(IS_DRAWN)
        if page.locator("iframe").count():
            page.wait_for_timeout(PDF_MS)
        keep(page.screenshot(), self.target / f"{name}-{theme}-{size}.png")


def keep(picture: bytes, path: Path) -> None:
    """Write a picture with as many colours as pages need."""
    with Image.open(io.BytesIO(picture)) as taken:
        few = taken.convert("RGB").quantize(
            COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        few.save(path)
