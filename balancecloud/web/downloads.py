"""Handing out a file's bytes over HTTP: whole, or one range, as an attachment."""

import errno
import logging
import uuid
from collections.abc import Iterator
from urllib.parse import quote

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.http import http_date

from balancecloud.errors import BadRangeAsked, BalanceCloudError, Invalid
from balancecloud.library.downloads import ByteRange, Download, open_download, parse_range
from balancecloud.web import context

# What is sent at once. The reader must take each piece within the idle time, or it is let go of:
# a stalled one would hold a thread for ever. 256 KiB in 30 s is 9 KB/s.
PIECE = 256 << 10

logger = logging.getLogger(__name__)

blueprint = Blueprint("downloads", __name__)


@blueprint.get("/files/<uuid:node_id>/download")
def download(node_id: uuid.UUID) -> ResponseReturnValue:
    return answer(node_id)


def answer(node_id: uuid.UUID) -> Response:
    """Return a file's bytes as an attachment, as the request's conditions and range ask."""
    return hand_out(opened_for_person(node_id))


def opened_for_person(node_id: uuid.UUID) -> Download:
    """Open the version of the person's file that the request names."""
    opened = open_download(
        context.session(), context.gateway(), context.person().id, node_id, version_asked()
    )
    # The connection is given back before the first byte: a download may take hours.
    context.rollback()
    return opened


def hand_out(opened: Download) -> Response:
    """Return a file's bytes as the request's conditions and range ask."""
    if request.if_none_match.contains(opened.etag):
        return _dressed(Response(status=304), opened)
    try:
        wanted = parse_range(_range_header(opened), opened.size)
    except BadRangeAsked:
        refusal = Response(status=416)
        refusal.headers["Content-Range"] = f"bytes */{opened.size}"
        return _dressed(refusal, opened)
    if wanted is None:
        return _whole(opened)
    return _part(opened, wanted)


def version_asked() -> int | None:
    """Return the number in `?version=`, None without one."""
    number = request.args.get("version")
    if number is None:
        return None
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        problem = "A version is a number."
        raise Invalid({"version": [problem]}, problem)
    return int(number)


def _range_header(opened: Download) -> str | None:
    """Return the Range asked for, unless its If-Range names other bytes than ours."""
    condition = request.headers.get("If-Range")
    if condition and condition.strip() != f'"{opened.etag}"':
        return None
    return request.headers.get("Range")


def _whole(opened: Download) -> Response:
    response = Response(_bytes(opened, ByteRange(0, opened.size)), status=200)
    response.headers["Content-Length"] = str(opened.size)
    return _dressed(response, opened)


def _part(opened: Download, wanted: ByteRange) -> Response:
    response = Response(_bytes(opened, wanted), status=206)
    response.headers["Content-Length"] = str(wanted.length)
    last = wanted.end - 1
    response.headers["Content-Range"] = f"bytes {wanted.begin}-{last}/{opened.size}"
    return _dressed(response, opened)


def _bytes(opened: Download, wanted: ByteRange) -> Iterator[bytes]:
    """Return the bytes; the first are fetched now, so that a failure still has a page."""
    if request.method == "HEAD":
        return iter(())
    return flowing(opened.stream(wanted, context.doorbell().ring))


def flowing(stretches: Iterator[bytes]) -> Iterator[bytes]:
    """Return the same bytes in small pieces; the first are fetched now.

    What fails later cuts the answer short, and the client is told so by its connection.
    """
    first = next(stretches, b"")
    let_go_of_stalled()
    return in_pieces(_chained(first, stretches))


def let_go_of_stalled() -> None:
    """End this answer when its reader takes nothing of it for the idle time."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(context.config().upload_idle_seconds)


def in_pieces(stretches: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of at most PIECE."""
    for stretch in stretches:
        for begin in range(0, len(stretch), PIECE):
            yield stretch[begin : begin + PIECE]


def _chained(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    del first  # or it would stay in memory to the end
    try:
        yield from pieces
    except BalanceCloudError as problem:
        # The answer is cut short of its declared length, or of its last chunk, so the client knows
        # it is not whole. To the server it is a connection that was reset, which it does not write
        # a traceback of.
        logger.warning("a download was cut short: %s", problem.code)
        raise ConnectionResetError(errno.ECONNRESET, problem.code) from problem


def _dressed(response: Response, opened: Download) -> Response:
    headers = response.headers
    headers["Content-Type"] = opened.mime_type
    headers["Content-Disposition"] = disposition(opened.name)
    headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    headers["Accept-Ranges"] = "bytes"
    headers["ETag"] = f'"{opened.etag}"'
    headers["Last-Modified"] = http_date(opened.modified)
    return response


def disposition(name: str, how: str = "attachment") -> str:
    """Return the header that has a browser save a file under its name (RFC 6266, RFC 8187)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
