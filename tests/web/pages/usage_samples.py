"""The search and storage pages in every state."""

import uuid
from dataclasses import replace
from typing import Final

from balancecloud.library.usage_views import FoldersUse, FolderUse, KindsUse, KindUse
from balancecloud.library.views import Crumb, FolderPage
from tests.web.pages import samples
from tests.web.pages.account_pages import NOTHING, STATES_USAGE
from tests.web.pages.account_samples import at

BEING_COUNTED = replace(samples.USAGE, files=None, less_protected=None)
KINDS_USE = KindsUse(
    (
        KindUse("video", 41, 24_100_000_000),
        KindUse("picture", 1012, 19_700_000_000),
        KindUse("document", 137, 900_000_000),
        KindUse("other", 14, 182_000_000),
    ),
    at(minutes=4),
)
FOLDERS_USE = FoldersUse(
    tuple(
        FolderUse(uuid.UUID(int=600 + number), name, files, size)
        for number, (name, files, size) in enumerate(
            (
                ("Photos & <b>films</b>", 998, 40_000_000_000),
                ("Scans-of-everything-that-came-by-post-in-the-last-ten-years", 90, 3_000_000_000),
                ("فارسی", 2, 12),
            )
        )
    ),
    1204,
    44_882_000_000,
)
USES: dict[str, object] = {"kinds": KINDS_USE, "folders": FOLDERS_USE, "crumbs": ()}
NO_USES = {**USES, "kinds": KindsUse(()), "folders": FoldersUse(())}
UNCOUNTED = {**USES, "kinds": KindsUse(None), "folders": FoldersUse(None)}


def searched(page: FolderPage, **asked: str) -> dict[str, object]:
    """Return the values of the search page."""
    blank = {
        "q": "",
        "kind": "",
        "since": "",
        "until": "",
        "smallest": "",
        "largest": "",
        "in": "",
        "from": "",
    }
    narrowed = {key: value for key, value in asked.items() if key not in {"q", "from"}}
    return {
        "page": page,
        "q": asked.get("q", ""),
        "asked": {**blank, **asked},
        "is_asked": bool(narrowed or asked.get("q")),
        "is_narrowed": bool(narrowed),
        "address": "/search?q=tr&",
        "folders": (Crumb(uuid.UUID(int=301), "Travel"),),
        "near": Crumb(uuid.UUID(int=301), "Travel") if "from" in asked else None,
        "most": 1000,
        "looked_through": 20_000,
    }


USAGE_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "search": ("files/search.html", searched(samples.FOLDER_PAGE, q="tr & <b>")),
    "search-narrowed": (
        "files/search.html",
        searched(samples.FULL_PAGE, q="tr", kind="picture", since="2026-01-31"),
    ),
    "search-near": (
        "files/search.html",
        searched(samples.FOLDER_PAGE, q="tr", **{"from": str(uuid.UUID(int=301))}),
    ),
    "search-nothing": ("files/search.html", searched(samples.EMPTY_ROOT, q="zzz")),
    "search-blank": ("files/search.html", searched(samples.EMPTY_ROOT)),
    "storage": ("storage/usage.html", {"usage": samples.USAGE, **USES}),
    "storage-folder": (
        "storage/usage.html",
        {"usage": samples.USAGE, **USES, "crumbs": samples.CRUMBS},
    ),
    "storage-less": ("storage/usage.html", {"usage": samples.LESS_PROTECTED, **USES}),
    "storage-states": ("storage/usage.html", {"usage": STATES_USAGE, **USES}),
    "storage-none": ("storage/usage.html", {**NO_USES, **NOTHING}),
    "storage-counting": (
        "storage/usage.html",
        {**UNCOUNTED, "usage": BEING_COUNTED},
    ),
}
