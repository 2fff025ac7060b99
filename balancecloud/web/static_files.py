"""Our own style sheets, scripts and fonts, under addresses that change with their content."""

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, request, send_from_directory
from werkzeug.security import safe_join

from balancecloud.web.security import public

FOLDER: Final = Path(__file__).resolve().parents[2] / "static"
FOR_EVER: Final = "public, max-age=31536000, immutable"
LOOK_AGAIN: Final = "public, no-cache"
# What a file of ours says to its readers alone. A script's comments begin a line, or end one that
# has no quotation mark after them; none of its texts goes on in a next line, so that how far a line
# is indented says nothing either.
FOR_READERS: Final = {
    ".css": re.compile(r"\s*/\*.*?\*/|^\s+", re.DOTALL | re.MULTILINE),
    ".js": re.compile(
        r"^\s*//[^\n]*\n|^\s*/\*\*.*?\*/\n|[ \t]+// [^\n\"'`]*$|^\s+", re.DOTALL | re.MULTILINE
    ),
}
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


def as_sent(path: str) -> str:
    """Return a style sheet or script of ours as it is sent: without what only its readers need."""
    return _as_sent(path, (FOLDER / path).stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _as_sent(path: str, _changed_ns: int) -> str:
    text = (FOLDER / path).read_text("utf-8")
    return FOR_READERS[Path(path).suffix].sub("", text)


def is_ours(path: str) -> bool:
    """Say whether this is a style sheet or script that was written here."""
    found = safe_join(str(FOLDER), path)
    return (
        found is not None
        and not path.startswith(VENDORED)
        and Path(path).suffix in FOR_READERS
        and Path(found).is_file()
    )


@public
def _serve(filename: str) -> Response:
    if is_ours(filename):
        kind = "text/css" if filename.endswith(".css") else "text/javascript"
        response = Response(as_sent(filename), mimetype=kind)
        response.add_etag()
        response.make_conditional(request)
    else:
        response = send_from_directory(FOLDER, filename)
    is_pinned = filename.startswith(VENDORED) or request.args.get("v") == _hash(filename)
    response.headers["Cache-Control"] = FOR_EVER if is_pinned else LOOK_AGAIN
    return response
