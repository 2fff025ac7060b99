"""Pages that look into a file, in every state there is."""

from dataclasses import replace
from typing import Any, Final

from balancecloud.library.darkroom import Picture
from balancecloud.library.previews import Preview
from balancecloud.library.views import Crumb
from tests.web.pages import samples

TEXT: Final = "# Ferry\n\n<script>alert(1)</script>\n" + "A long line that wraps. " * 40 + "\n" * 60
PICTURE: Final = Picture("image/jpeg", 1600, 1067, b"")
BEFORE = Crumb(samples.NODES[4].id, samples.NODES[4].name)
AFTER = Crumb(samples.NODES[6].id, samples.NODES[6].name)


def page(name: str, preview: Preview, **values: Any) -> tuple[str, dict[str, object]]:
    return "files/preview.html", {
        "node": replace(samples.PANORAMA, name=name),
        "version": None,
        "crumbs": samples.CRUMBS,
        "before": BEFORE,
        "after": AFTER,
        "preview": preview,
        **values,
    }


def trouble(of: Any) -> tuple[str, dict[str, object]]:
    return page("notes.md", Preview("other", trouble=of))


PREVIEW_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "preview-picture": page("tram-28.jpg", Preview("picture", picture=PICTURE)),
    "preview-no-picture": page("tram-28.jpg", Preview("picture")),
    "preview-large-picture": page("tram-28.jpg", Preview("picture", is_too_large=True)),
    "preview-sound": page("song.mp3", Preview("audio", "audio/mpeg")),
    "preview-film": page("ferry.mp4", Preview("video", "video/mp4"), before=None),
    "preview-pdf": page("tax-return-2025.pdf", Preview("pdf", "application/pdf")),
    "preview-nothing": page("backup.tar.zst", Preview("other"), before=None, after=None),
    "preview-other-kind": page("tram-28.jpg", Preview("mismatch")),
    "preview-empty-text": page("notes.md", Preview("text")),
    "preview-arriving": trouble("arriving"),
    "preview-lost": trouble("lost"),
    "preview-unreadable": trouble("unreadable"),
    "preview-busy": trouble("busy"),
    "preview-text": page(
        "notes.md",
        Preview("text", text=TEXT, is_cut=True),
        version=samples.VERSIONS[2],
    ),
}
