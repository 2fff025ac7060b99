"""Answers that are sent only when they differ from what the caller has."""

import hashlib
from collections.abc import Callable

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue

from balancecloud import __version__


def unless_known(label: str, facts: object, make: Callable[[], ResponseReturnValue]) -> Response:
    """Return what `make` makes, or 304 when the caller's ETag stands for the same facts.

    The tag is the label, which a person can read, and a digest of all that is shown.
    """
    digest = hashlib.blake2s(f"{__version__}\n{facts!r}".encode(), digest_size=9).hexdigest()
    tag = f"{label}.{digest}"
    is_known = request.if_none_match.contains(tag)
    response = make_response("", 304) if is_known else make_response(make())
    response.set_etag(tag)
    return response
