"""The pages of files, folders, uploads and the trash with realistic values."""

from typing import Final

from tests.web.pages import account_samples as states
from tests.web.pages import samples, trash_samples
from tests.web.pages.account_pages import NOTHING
from tests.web.pages.preview_samples import PREVIEW_PAGES

UPLOAD = {
    "folder": samples.TRAVEL,
    "crumbs": samples.CRUMBS,
    "limit_bytes": 1 << 40,
    "free_bytes": 1 << 36,
}
RENAME: Final = {"node": samples.PANORAMA, "crumbs": samples.CRUMBS}
FILE_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "files": (
        "files/folder.html",
        {"page": samples.FOLDER_PAGE, "sort": "name", "selected": None, "placement": None},
    ),
    "files-selected": (
        "files/folder.html",
        {
            "page": samples.FOLDER_PAGE,
            "sort": "-size",
            "selected": samples.PANORAMA,
            "versions": samples.VERSIONS,
            "placement": samples.placed((states.GOOGLE, states.ONEDRIVE, states.WORK), 22),
        },
    ),
    "files-selected-folder": (
        "files/folder.html",
        {
            "page": samples.FOLDER_PAGE,
            "sort": "name",
            "selected": samples.NODES[0],
            "placement": None,
        },
    ),
    "files-hundred": (
        "files/folder.html",
        {"page": samples.FULL_PAGE, "sort": "modified", "selected": None},
    ),
    "files-none": (
        "files/folder.html",
        {"page": samples.EMPTY_ROOT, "sort": "name", "selected": None, **NOTHING},
    ),
    "files-first": (
        "files/folder.html",
        {"page": samples.EMPTY_ROOT, "sort": "name", "selected": None},
    ),
    "files-empty-folder": (
        "files/folder.html",
        {"page": samples.EMPTY_FOLDER, "sort": "name", "selected": None},
    ),
    "files-waiting": (
        "files/folder.html",
        {"page": samples.FOLDER_PAGE, "sort": "name", "selected": None, "usage": samples.NO_USAGE},
    ),
    "details": (
        "files/details.html",
        {
            "node": samples.PANORAMA,
            "placement": samples.placed(states.ACCOUNTS, 300, 120),
            "crumbs": samples.CRUMBS,
        },
    ),
    "details-one-account": (
        "files/details.html",
        {"node": samples.PANORAMA, "placement": samples.placed((states.GOOGLE,), 1), "crumbs": ()},
    ),
    "details-waiting": (
        "files/details.html",
        {"node": samples.NODES[6], "placement": None, "crumbs": samples.CRUMBS},
    ),
    "details-empty-file": (
        "files/details.html",
        {"node": samples.NODES[8], "placement": None, "crumbs": ()},
    ),
    **PREVIEW_PAGES,
    "search": ("files/search.html", {"page": samples.FOLDER_PAGE, "q": "tr & <b>"}),
    "search-nothing": ("files/search.html", {"page": samples.EMPTY_ROOT, "q": "zzz"}),
    "search-blank": ("files/search.html", {"page": samples.EMPTY_ROOT, "q": ""}),
    "new-folder": (
        "files/new_folder.html",
        {"parent": samples.TRAVEL, "values": {"name": ""}, "errors": {}},
    ),
    "new-folder-wrong": (
        "files/new_folder.html",
        {
            "parent": None,
            "values": {"name": "Lisbon"},
            "errors": {"name": ["There is already something with that name."]},
        },
    ),
    "delete-version": (
        "files/delete_version.html",
        {"node": samples.PANORAMA, "version": samples.VERSIONS[2]},
    ),
    "rename": ("files/rename.html", {**RENAME, "name": samples.PANORAMA.name, "errors": {}}),
    "rename-wrong": (
        "files/rename.html",
        {**RENAME, "name": "a/b", "errors": {"name": ["A name can't be a path."]}},
    ),
    "move": ("files/place.html", {"places": samples.PLACES, "act": "move"}),
    "move-here": ("files/place.html", {"places": samples.NO_PLACES, "act": "move"}),
    "copy": ("files/place.html", {"places": samples.PLACES, "act": "copy"}),
    "copy-several": (
        "files/place.html",
        {"places": samples.SEVERAL_PLACES, "act": "copy", "of": "AAAA"},
    ),
    "zip-refused": (
        "files/not_all_readable.html",
        {
            "paths": ("Travel/ferry-crossing.mov", "Travel/Lisbon 2026/harbour 🚢.tif"),
            "more": 3,
            "node_ids": (),
            "action": "/files/zip",
            "method": "post",
        },
    ),
    "move-refused": (
        "files/place.html",
        {
            "places": samples.PLACES,
            "act": "move",
            "problem": "There is already something with that name in this folder.",
        },
    ),
    "trash": ("trash/list.html", {"page": trash_samples.TRASH, "days": 30}),
    "trash-empty": ("trash/list.html", {"page": trash_samples.NO_TRASH, "days": 30}),
    "trash-delete": ("trash/delete.html", {"entry": trash_samples.TRASH.entries[1], "count": 0}),
    "trash-delete-folder": (
        "trash/delete.html",
        {"entry": trash_samples.TRASH.entries[0], "count": 142},
    ),
    "trash-ask": ("trash/empty.html", {"count": 14, "word": "empty", "errors": {}}),
    "trash-ask-wrong": (
        "trash/empty.html",
        {
            "count": 14,
            "word": "empty",
            "errors": {"word": ["Type “empty” to delete all of it for good."]},
        },
    ),
    "upload": ("files/upload.html", {**UPLOAD, "has_accounts": True}),
    "upload-no-account": (
        "files/upload.html",
        {
            "folder": None,
            "crumbs": (),
            "limit_bytes": 1 << 40,
            "free_bytes": None,
            "has_accounts": False,
        },
    ),
}
