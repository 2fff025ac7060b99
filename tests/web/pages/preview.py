"""Every template with realistic values: the fixture of the tests here, and a server to look at.

Run it with `python -m tests.web.pages.preview 8090` and open the list it serves at "/".
"""

import sys
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from flask import Flask, Response, render_template, request

from balancecloud.web import filters
from balancecloud.web.security import CONTENT_POLICY
from tests.fakes.manual_clock import ManualClock
from tests.web.pages import account_samples as states
from tests.web.pages import samples
from tests.web.pages.account_pages import ACCOUNT_PAGES
from tests.web.pages.file_pages import FILE_PAGES
from tests.web.pages.job_pages import JOB_PAGES
from tests.web.pages.own_pages import DOOR_PAGES, ERROR_PAGES, SETTINGS_PAGES
from tests.web.pages.storage_pages import STORAGE_PAGES
from tests.web.pages.usage_samples import USAGE_PAGES

HERE: Final = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Someone:
    id: uuid.UUID
    email: str
    is_admin: bool
    created_at: datetime


ANNA = Someone(
    samples.USER, "anna.lindqvist@example.org", is_admin=True, created_at=states.at(days=99)
)
PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    **DOOR_PAGES,
    **FILE_PAGES,
    **JOB_PAGES,
    **ACCOUNT_PAGES,
    **STORAGE_PAGES,
    **USAGE_PAGES,
    **SETTINGS_PAGES,
    **ERROR_PAGES,
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

    @app.after_request
    def restrict(response: Response) -> Response:
        """As strict as the real pages, so that a browser complains here too."""
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        return response

    @app.context_processor
    def common() -> dict[str, object]:
        return {
            "person": ANNA,
            "usage": samples.USAGE,
            "limit_bytes": 1 << 40,
            "running_jobs": (samples.RUNNING,),
            "keys_on": request.args.get("keys") != "off",
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
