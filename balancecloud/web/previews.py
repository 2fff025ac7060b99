"""Looking into files: a page per file, and what it shows, each in a sandbox of its own.

Only what `library.preview_kinds` allows is shown: pictures made anew, text escaped, sound, film
and PDF under a policy that lets them do nothing. No answer here may be kept by a browser.
"""

import uuid
from typing import Final

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import IntegrityError, NotFound, StateConflict, Unavailable
from balancecloud.library import nodes, previews, tree, versions
from balancecloud.library.darkroom import Picture, Undeveloped
from balancecloud.library.previews import SIZES, Preview
from balancecloud.library.views import NodeView
from balancecloud.web import context
from balancecloud.web.downloads import (
    disposition,
    hand_out,
    opened_for_person,
    version_asked,
)
from balancecloud.web.security import CONTENT_POLICY

SANDBOX: Final = "sandbox; default-src 'none'"
# Chromium's own viewer draws nothing in a sandbox without scripts (tried with 156). The answer has
# an origin of its own, and `default-src 'none'` lets no script of a page run.
PDF_SANDBOX: Final = "sandbox allow-scripts; default-src 'none'; frame-ancestors 'self'"
WITH_FRAME: Final = f"{CONTENT_POLICY}; frame-src 'self'"
# A picture that can't be made is one empty dot: what stands behind it is seen instead.
DOT: Final = Picture(
    "image/gif",
    1,
    1,
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;",
)

# One that may be made in a moment is two: the page's script asks for it again (static/app.js).
LATER: Final = Picture(
    "image/gif",
    2,
    1,
    b"GIF89a\x02\0\x01\0\x80\0\0\0\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x02\0\x01\0\0\x02\x02\x04\x0a\0;",
)

blueprint = Blueprint("previews", __name__, url_prefix="/files/<uuid:node_id>")


@blueprint.get("/preview")
def show(node_id: uuid.UUID) -> ResponseReturnValue:
    session, person, number = context.session(), context.person(), version_asked()
    node = nodes.get_node(session, person.id, node_id, with_shares=False)
    if node.is_folder:
        raise NotFound
    version = (
        versions.get_version(session, person.id, node_id, number) if number is not None else None
    )
    crumbs = tree.crumbs(session, node.parent_id) if node.parent_id else ()
    before, after = previews.neighbours(session, node)
    preview = _looked_into(node)
    page = render_template(
        "files/preview.html",
        node=node,
        version=version,
        crumbs=crumbs,
        before=before,
        after=after,
        preview=preview,
    )
    response = make_response(page)
    if preview.kind == "pdf":
        response.headers["Content-Security-Policy"] = WITH_FRAME
    return response


def _looked_into(node: NodeView) -> Preview:
    try:
        opened = opened_for_person(node.id)
    except StateConflict:
        return Preview("other", trouble="arriving")
    except NotFound:
        return Preview("other", trouble="lost")
    return context.viewer().preview(opened, context.doorbell().ring)


@blueprint.get("/preview/picture")
def picture(node_id: uuid.UUID) -> ResponseReturnValue:
    size = request.args.get("size", "page")
    if size not in SIZES:
        raise NotFound
    opened = opened_for_person(node_id)
    try:
        made = context.viewer().picture(opened, size, context.doorbell().ring)
    except (Undeveloped, Unavailable, IntegrityError) as problem:
        if size == "page":
            raise
        made = LATER if isinstance(problem, Undeveloped) else None
    return _shown(made or DOT)


def _shown(made: Picture) -> Response:
    response = Response(made.content, mimetype=made.mime_type)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Content-Disposition"] = "inline"
    return response


@blueprint.get("/preview/lines")
def lines(node_id: uuid.UUID) -> ResponseReturnValue:
    opened = opened_for_person(node_id)
    text = context.viewer().first_lines(opened, context.doorbell().ring)
    response = Response(text, content_type="text/plain; charset=utf-8")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Content-Disposition"] = "inline"
    return response


@blueprint.get("/preview/content")
def content(node_id: uuid.UUID) -> ResponseReturnValue:
    opened = opened_for_person(node_id)
    playable = context.viewer().playable(opened, context.doorbell().ring)
    response = hand_out(playable)
    response.headers["Content-Disposition"] = disposition(playable.name, "inline")
    if playable.mime_type == "application/pdf":
        response.headers["Content-Security-Policy"] = PDF_SANDBOX
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
