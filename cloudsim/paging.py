"""Page tokens: where a listing stopped, signed so that no invented one is taken."""

import base64
import hashlib
import hmac
import json
from typing import Any


class BadPageToken(Exception):
    """Not a token of this listing."""


def page_token(secret: bytes, listing: str, last: list[Any]) -> str:
    """Make the token that goes on behind the row with these values, in this listing only."""
    body = json.dumps(last, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_seal(secret, listing, body) + body).decode().rstrip("=")


def read_page_token(secret: bytes, listing: str, token: str) -> list[Any]:
    """Read the values a token carries; BadPageToken for another listing's or an invented one."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise BadPageToken from error
    if not hmac.compare_digest(_seal(secret, listing, raw[12:]), raw[:12]):
        raise BadPageToken
    values: list[Any] = json.loads(raw[12:])
    return values


def _seal(secret: bytes, listing: str, body: bytes) -> bytes:
    named = b"page:" + hashlib.sha256(listing.encode()).digest() + body
    return hmac.digest(secret, named, hashlib.sha256)[:12]
