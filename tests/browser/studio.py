"""Where pages are photographed: in every theme and size, into one folder."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import make_server

from tests.web.pages import preview

THEMES: Final = ("light", "dark")
SIZES: Final = {"desktop": (1440, 900), "phone": (390, 844)}
COLOURS: Final = 256  # more make a file three times as large and look the same

ARE_DRAWN: Final = """() => Promise.all([
  document.fonts.ready,
  ...[...document.images].map((image) => image.decode().catch(() => null)),
])"""


@dataclass(frozen=True)
class Studio:
    """Takes pictures of what answers at `base` into one folder."""

    browser: Browser
    base: str
    target: Path

    def open(self, theme: str, size: str, state: object = None) -> BrowserContext:
        width, height = SIZES[size]
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            storage_state=state,  # type: ignore[arg-type] # what storage_state() returned
        )
        context.add_cookies([{"name": "theme", "value": theme, "url": self.base}])
        return context

    def take(
        self,
        pages: dict[str, str],
        state: object = None,
        act: Callable[[Page], object] | None = None,
    ) -> None:
        """Photograph each page by its name, in every theme and size, once `act` is done."""
        for theme in THEMES:
            for size in SIZES:
                context = self.open(theme, size, state)
                page = context.new_page()
                for name, path in pages.items():
                    page.goto(self.base + path.replace("{theme}", theme))
                    page.wait_for_load_state("load")
                    if act:
                        act(page)
                    self.shoot(page, f"{name}-{theme}-{size}")
                context.close()

    def shoot(self, page: Page, name: str) -> None:
        """Photograph a page as it is now."""
        page.evaluate(ARE_DRAWN)
        keep(page.screenshot(), self.target / f"{name}.png")


def keep(picture: bytes, path: Path) -> None:
    """Write a picture with as many colours as pages need."""
    with Image.open(io.BytesIO(picture)) as taken:
        few = taken.convert("RGB").quantize(
            COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        few.save(path)


@contextmanager
def gallery() -> Iterator[str]:
    """Serve the preview while this lasts."""
    server = make_server("127.0.0.1", 0, preview.build(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
