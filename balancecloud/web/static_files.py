"""Our own style sheets, scripts and fonts, under addresses that change with their content."""

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, request, send_from_directory

from balancecloud.web.security import public

FOLDER: Final = Path(__file__).resolve().parents[2] / "static"
FOR_EVER: Final = "public, max-age=31536000, immutable"
LOOK_AGAIN: Final = "public, no-cache"
STYLE: Final = "app.css"
COMMENT: Final = re.compile(r"\s*/\*.*?\*/", re.DOTALL)
VENDORED: Final = "vendor/"  # their folders carry the version


def register(app: Flask) -> None:
    """Serve the folder as the endpoint "static"."""
    app.add_url_rule("/static/<path:filename>", endpoint="static", view_func=_serve)


def asset(path: str) -> str:
    """Return the address of a static file, with its content's hash in it."""
    return f"/static/{path}?v={_hash(path)}"


def _hash(path: str) -> str:
    return _hash_of(path, (FOLDER / path).stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _hash_of(path: str, _changed_ns: int) -> str:
    return hashlib.sha256((FOLDER / path).read_bytes()).hexdigest()[:12]


def style() -> str:
    """Return the style sheet as it is sent: what it says to its readers stays here."""
    return _style((FOLDER / STYLE).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _style(_changed_ns: int) -> str:
    return COMMENT.sub("", (FOLDER / STYLE).read_text("utf-8"))


@public
def _serve(filename: str) -> Response:
    if filename == STYLE:
        response = Response(style(), mimetype="text/css")
        response.add_etag()
        response.make_conditional(request)
    else:
        response = send_from_directory(FOLDER, filename)
    is_pinned = filename.startswith(VENDORED) or request.args.get("v") == _hash(filename)
    response.headers["Cache-Control"] = FOR_EVER if is_pinned else LOOK_AGAIN
    return response
