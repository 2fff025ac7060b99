"""Every template with realistic values: the fixture of the tests here, and a server to look at.

Run it with `python -m tests.web.pages.preview 8090` and open the list it serves at "/".
"""

import sys
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, render_template, request

from balancecloud.library.job_sentences import PAUSED
from balancecloud.library.protection import Choice, Protection
from balancecloud.library.views import UnlinkEffect
from balancecloud.web import filters
from tests.fakes.manual_clock import ManualClock
from tests.web.pages import account_samples as states
from tests.web.pages import samples, trash_samples
from tests.web.pages.account_pages import ACCOUNT_PAGES, NOTHING, STATES_USAGE
from tests.web.pages.preview_samples import PREVIEW_PAGES

HERE: Final = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Someone:
    id: uuid.UUID
    email: str
    is_admin: bool
    created_at: datetime


@dataclass(frozen=True)
class SessionView:
    id: uuid.UUID
    kind: str
    created_at: datetime
    last_seen_at: datetime
    address: str | None
    user_agent: str | None
    is_current: bool


ANNA = Someone(
    samples.USER, "anna.lindqvist@example.org", is_admin=True, created_at=states.at(days=99)
)
SESSIONS = (
    SessionView(
        uuid.uuid4(),
        "browser",
        states.at(hours=1),
        states.at(),
        "127.0.0.1",
        "Firefox on Linux",
        True,
    ),
    SessionView(uuid.uuid4(), "bearer", states.at(days=1), states.at(days=1), None, None, False),
)
EFFECT = UnlinkEffect(states.GOOGLE, 402, ("/Photos/Travel/a.jpg", "/notes.md"), 25, 130)
PROTECTION = Protection(
    1, 2, (Choice(0, 1, 1.0, True), Choice(1, 2, 2.0, True), Choice(2, 3, 3.0, False))
)
FOLDER_AT = f"/files/{samples.TRAVEL.id}"
UPLOAD = {
    "folder": samples.TRAVEL,
    "crumbs": samples.CRUMBS,
    "limit_bytes": 1 << 40,
    "free_bytes": 1 << 36,
}


def job(view: Any, **values: Any) -> dict[str, object]:
    return {
        "detail": replace(samples.DETAIL, job=view, callout=None, **{"waits_for": (), **values}),
        "auto": None,
    }


ENDED: Final = {
    "can_cancel": False,
    "can_pause": False,
    "speeds": (),
    "chunk_map": samples.chunk_map(73, 146, 200),
}
BARE: Final = {"files": (), "chunk_map": None, "accounts": (), "happenings": ()}
WAITS = "No cloud account is linked. The file waits here, sealed."
RENAME: Final = {"node": samples.PANORAMA, "crumbs": samples.CRUMBS}
PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "sign-in": ("auth/sign_in.html", {"values": {"email": ""}, "error": None, "next": ""}),
    "sign-in-wrong": (
        "auth/sign_in.html",
        {
            "values": {"email": "a@b.c"},
            "error": "That address and password don't match.",
            "next": "/jobs",
        },
    ),
    "register": ("auth/register.html", {"values": {"email": ""}, "errors": {}, "first": False}),
    "register-first": (
        "auth/register.html",
        {
            "values": {"email": "x"},
            "errors": {"email": ["That is not an address."], "password": ["Too short."]},
            "first": True,
            "setup_code_needed": True,
        },
    ),
    "register-closed": ("auth/register.html", {"closed": True, "values": {}, "errors": {}}),
    "confirm-password": ("auth/confirm_password.html", {"error": None, "next": "/clouds"}),
    "confirm-password-wrong": (
        "auth/confirm_password.html",
        {"error": "Wrong password.", "next": ""},
    ),
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
    "jobs": (
        "jobs/list.html",
        {
            "jobs": (
                samples.RUNNING,
                samples.WAITING,
                samples.RETRYING,
                samples.DELETING,
                samples.FAILED,
                samples.PARTLY,
                samples.DONE,
                samples.CANCELLED,
            ),
            "filter": "all",
            "counts": {"all": 8, "running": 4, "needs_you": 1, "done": 3},
            "waits": {
                samples.RETRYING.id: ("Waits for OneDrive until ", states.at(minutes=-14)),
                samples.WAITING.id: ("Waits for you to sign in again to Work Drive",),
            },
        },
    ),
    "jobs-none": ("jobs/list.html", {"jobs": (), "filter": "all", "counts": {}, **NOTHING}),
    "jobs-none-running": ("jobs/list.html", {"jobs": (), "filter": "running", "counts": {}}),
    "jobs-none-need-you": ("jobs/list.html", {"jobs": (), "filter": "needs_you", "counts": {}}),
    "job": ("jobs/job.html", {"detail": samples.DETAIL, "auto": None}),
    "job-auto": ("jobs/job.html", {"detail": samples.DETAIL, "auto": 5}),
    "job-waiting": ("jobs/job.html", job(samples.WAITING, **BARE) | {}),
    "job-done": ("jobs/job.html", job(samples.DONE, files=samples.FILES[4:], **ENDED)),
    "job-partly": ("jobs/job.html", job(samples.PARTLY, can_retry=True, **ENDED)),
    "job-failed": ("jobs/job.html", job(samples.FAILED, can_retry=True, files_hidden=12, **ENDED)),
    "job-paused": (
        "jobs/job.html",
        {
            "detail": replace(
                samples.DETAIL,
                job=samples.PAUSED,
                waits_for=(),
                can_pause=False,
                can_resume=True,
                callout=(PAUSED,),
            ),
            "auto": None,
        },
    ),
    "job-retrying": ("jobs/job.html", job(samples.RETRYING)),
    "job-needs-you": (
        "jobs/job.html",
        job(
            replace(samples.RETRYING, state="needs_you"),
            waits_for=(states.WORK, states.SILENT),
        ),
    ),
    "job-cancelled": ("jobs/job.html", job(samples.CANCELLED, protection=0, **ENDED)),
    "job-delete": ("jobs/job.html", job(samples.DELETING, **BARE)),
    "job-deleted": (
        "jobs/job.html",
        job(replace(samples.DELETING, state="done", finished_at=states.NOW), **BARE),
    ),
    "job-body": ("jobs/_body.html", {"detail": samples.DETAIL}),
    **ACCOUNT_PAGES,
    "unlink": ("clouds/unlink.html", {"effect": EFFECT, "errors": {}}),
    "unlink-wrong": (
        "clouds/unlink.html",
        {"effect": EFFECT, "errors": {"confirm": ["That is not its name."]}},
    ),
    "unlink-empty": ("clouds/unlink.html", {"effect": replace(EFFECT, shards=0), "errors": {}}),
    "storage": ("storage/usage.html", {"usage": samples.USAGE}),
    "storage-less": ("storage/usage.html", {"usage": samples.LESS_PROTECTED}),
    "storage-states": ("storage/usage.html", {"usage": STATES_USAGE}),
    "storage-none": ("storage/usage.html", NOTHING),
    "settings": ("settings/profile.html", {}),
    "protection": ("settings/protection.html", {"protection": PROTECTION, "errors": {}}),
    "protection-wrong": (
        "settings/protection.html",
        {
            "protection": PROTECTION,
            "errors": {"protection": ["Choose 0, 1 or 2 accounts."]},
        },
    ),
    "password": ("settings/password.html", {"errors": {}}),
    "password-wrong": (
        "settings/password.html",
        {"errors": {"current": ["That is not your password."]}},
    ),
    "sessions": ("settings/sessions.html", {"sessions": SESSIONS}),
    "error-404": (
        "errors/error.html",
        {
            "status": 404,
            "title": "Not Found",
            "sentence": "There is nothing here.",
            "code": "not_found",
        },
    ),
    "error-500": (
        "errors/error.html",
        {
            "status": 500,
            "title": "Error",
            "sentence": "Something went wrong.",
            "code": "internal_error",
        },
    ),
    "error-429": (
        "errors/error.html",
        {"status": 429, "title": "Too Many", "sentence": "Wait 30 seconds.", "code": "too_many"},
    ),
}


def build(theme: str = "system") -> Flask:
    """Return a plain application that renders each of PAGES at "/<name>"."""
    app = Flask(
        "preview", template_folder=str(HERE / "templates"), static_folder=str(HERE / "static")
    )
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 3600
    app.secret_key = "only for flashed messages"
    clock = ManualClock()
    clock.advance((states.NOW - clock.now()).total_seconds())
    filters.register(app, clock)
    app.add_url_rule("/", "index", index)
    app.add_url_rule("/<name>", "page", page)
    # What a job's page asks for by itself: there is no stream, and nothing changed.
    app.add_url_rule("/jobs/<uuid:_>/events", "events", lambda _: ("", 204))
    app.add_url_rule("/jobs/<uuid:_>/body", "body", lambda _: ("", 304))
    # What the page of uploads asks for: none has stopped.
    app.add_url_rule("/api/uploads", "uploads", lambda: {"uploads": []})

    @app.context_processor
    def common() -> dict[str, object]:
        return {
            "person": ANNA,
            "usage": samples.USAGE,
            "running_jobs": (samples.RUNNING,),
            "limit_bytes": 1 << 40,
            "theme": request.args.get("theme", theme),
            "asset": lambda path: f"/static/{path}",
            "csrf_token": lambda: "stub",
            "simulated": True,
            "weather": "http://localhost:9/weather",
            "waits": {},
            "endpoint": "",
            "reference": "K3-99F0",
        }

    app.testing = True
    return app


def index() -> str:
    return "".join(f'<p><a href="/{name}">{name}</a>' for name in PAGES)


def page(name: str) -> Response:
    template, values = PAGES[name]
    return Response(render_template(template, **values))


if __name__ == "__main__":
    build().run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8090, debug=False)
