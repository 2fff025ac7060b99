"""Handing out several files as one ZIP, as it is read."""

import uuid
from collections.abc import Sequence

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.library import archives
from balancecloud.library.archives import Archive
from balancecloud.web import context, downloads
from balancecloud.web.selection import chosen, nothing_chosen

blueprint = Blueprint("zips", __name__)

MOST_NAMED = 20  # of what can't be read; the page says how many more there are


@blueprint.get("/files/<uuid:folder_id>/zip")
def folder(folder_id: uuid.UUID) -> ResponseReturnValue:
    return _page_or_zip([folder_id], f"/files/{folder_id}/zip", "get")


@blueprint.post("/files/zip")
def selected() -> ResponseReturnValue:
    ids = chosen()
    return _page_or_zip(ids, "/files/zip", "post") if ids else nothing_chosen()


def answer(node_id: uuid.UUID) -> Response:
    """Return a node and all that is in it as a ZIP.

    StateConflict where some can't be read, unless the request asks for the rest (`rest=1`).
    """
    archive = _plan([node_id])
    if not _asks_for_the_rest():
        archives.refuse_parts(archive)
    return _zip(archive)


def _page_or_zip(node_ids: Sequence[uuid.UUID], action: str, method: str) -> Response:
    archive = _plan(node_ids)
    if not archive.unreadable or _asks_for_the_rest():
        return _zip(archive)
    page = render_template(
        "files/not_all_readable.html",
        paths=archive.unreadable[:MOST_NAMED],
        more=len(archive.unreadable[MOST_NAMED:]),
        node_ids=node_ids,
        action=action,
        method=method,
    )
    return make_response(page, 409)


def _plan(node_ids: Sequence[uuid.UUID]) -> Archive:
    return archives.plan(context.session(), context.person().id, node_ids)


def _asks_for_the_rest() -> bool:
    return request.values.get("rest") == "1"


def _zip(archive: Archive) -> Response:
    tools = context.gateway()
    # The connection is given back before the first byte: a download may take hours.
    context.rollback()
    if request.method == "HEAD":
        return _dressed(Response(), archive)
    pieces = archives.stream(archive, tools, context.doorbell().ring)
    return _dressed(Response(downloads.flowing(pieces)), archive)


def _dressed(response: Response, archive: Archive) -> Response:
    response.headers["Content-Type"] = "application/zip"
    response.headers["Content-Disposition"] = downloads.disposition(archive.name)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
