"""/api/uploads: resumable uploads by tus 1.0.0 (docs/api.md), and the list of unfinished ones."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Final

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType
from werkzeug.http import http_date

from balancecloud.errors import (
    BalanceCloudError,
    BrokenUpload,
    Invalid,
    LengthRequired,
    TooLarge,
)
from balancecloud.library import arrivals, giving_up, resumable_views, resumables
from balancecloud.library.arrivals import Arrival, Ended
from balancecloud.library.batches import Group
from balancecloud.library.names import clean_name, split_path
from balancecloud.library.resumable_views import Standing, Unfinished
from balancecloud.library.resumables import Sent
from balancecloud.library.upload_errors import (
    BadUploadHeader,
    OffsetConflict,
    UnsupportedTus,
    UploadLocked,
)
from balancecloud.library.uploads import Wanted
from balancecloud.web import context, tus_headers
from balancecloud.web.api import tus_calls
from balancecloud.web.api.calls import answers
from balancecloud.web.api.respond import answer, nothing
from balancecloud.web.api.shapes import Upload, Uploads
from balancecloud.web.bodies import Body, body_of
from balancecloud.web.receiving import Choices, check_sender, conflict_of, parent_of
from balancecloud.web.security import (
    SAFE_METHODS,
    check_origin,
    checks_itself,
    public,
    streams,
)
from balancecloud.web.tus_headers import BODY_TYPE, Checksum, Metadata

blueprint = Blueprint("api_uploads", __name__, url_prefix="/api/uploads")

OVERRIDE: Final = "X-HTTP-Method-Override"


@blueprint.route("", methods=["OPTIONS"], provide_automatic_options=False)
@blueprint.route(
    "/<uuid:upload_id>",
    methods=["OPTIONS"],
    provide_automatic_options=False,
    endpoint="options_of_one",
)
@public
@tus_calls.OPTIONS
def options(upload_id: uuid.UUID | None = None) -> ResponseReturnValue:  # noqa: ARG001 - one answer for all
    response = nothing()
    response.headers["Tus-Version"] = tus_headers.VERSION
    response.headers["Tus-Extension"] = tus_headers.EXTENSIONS
    response.headers["Tus-Checksum-Algorithm"] = ",".join(tus_headers.ALGORITHMS)
    response.headers["Tus-Max-Size"] = str(context.config().largest_file_bytes)
    return response


@blueprint.get("", provide_automatic_options=False)
@context.background
@answers({200: Uploads})
def index() -> ResponseReturnValue:
    found = resumable_views.list_unfinished(context.session(), context.person().id)
    return answer(Uploads(uploads=[_as_json(one) for one in found], total=len(found)))


@blueprint.post("", provide_automatic_options=False)
@context.background
@checks_itself
@streams
@tus_calls.CREATE
def create() -> ResponseReturnValue:
    with _body() as body:
        _check_call("POST")
        if request.headers.get(OVERRIDE, "POST").upper() != "POST":
            raise MethodNotAllowed(["GET", "POST", "OPTIONS"])
        has_body = body is not None and body.declared > 0
        checksum = _checked_type() if has_body else None
        begun = resumables.begin(context.gateway(), _sent())
        for work_id in begun.work_ids:
            context.ring_after_commit(work_id)
        response = _place(begun.standing)
        response.headers["Upload-Job"] = str(begun.job_id)
        if has_body:
            ended = _receive_first(begun.standing, body, checksum)
            response.headers["Upload-Offset"] = str(ended.offset)
        return response


@blueprint.route(
    "/<uuid:upload_id>",
    methods=["HEAD", "PATCH", "DELETE", "POST"],
    provide_automatic_options=False,
)
@context.background
@checks_itself
@streams
@tus_calls.HEAD
@tus_calls.PATCH
@tus_calls.DELETE
@tus_calls.POST
def one(upload_id: uuid.UUID) -> ResponseReturnValue:
    with _body() as body:
        method = request.headers.get(OVERRIDE, request.method).upper()
        if method == "OPTIONS":
            return options()
        _check_call(method)
        standing = _look(upload_id)
        if method == "DELETE":
            giving_up.give_up(context.gateway(), context.person().id, upload_id)
            return nothing()
        if method == "HEAD":
            return _say(standing)
        if method != "PATCH":
            raise MethodNotAllowed(["HEAD", "PATCH", "DELETE", "OPTIONS"])
        return _patch(standing, body)


@blueprint.after_request
def speak_tus(response: Response) -> Response:
    """Say in every answer which version is spoken, and where a limit was met, the limit."""
    if "Tus-Extension" not in response.headers:
        response.headers["Tus-Resumable"] = tus_headers.VERSION
    if response.status_code == 412:
        response.headers["Tus-Version"] = tus_headers.VERSION
    if response.status_code == 423:
        response.headers["Retry-After"] = str(int(arrivals.LEASE.total_seconds()))
    if response.status_code == 413:
        response.headers["Tus-Max-Size"] = str(context.config().largest_file_bytes)
    return response


# --- what was asked ---------------------------------------------------------------------------


def _check_call(method: str) -> None:
    """Refuse a change from elsewhere, whatever the request's own method is, and other versions."""
    if method not in SAFE_METHODS:
        check_origin()
        check_sender(Choices())
    if request.headers.get("Tus-Resumable") != tus_headers.VERSION:
        raise UnsupportedTus


def _checked_type() -> Checksum | None:
    """Refuse a body that does not say what it is; return the checksum that it is to have."""
    if request.headers.get("Content-Type") != BODY_TYPE:
        raise UnsupportedMediaType
    return tus_headers.checksum()


def _look(upload_id: uuid.UUID) -> Standing:
    return resumable_views.look(context.session(), context.person().id, upload_id)


def _sent() -> Sent:
    """Return what the headers announce; Invalid or BadUploadHeader where they can't be followed."""
    for name in ("Upload-Defer-Length", "Upload-Concat"):
        if name in request.headers:
            raise BadUploadHeader(f"{name} is not offered here.")
    length = tus_headers.number("Upload-Length")
    if length > context.config().largest_file_bytes:
        raise TooLarge
    if (request.content_length or 0) > length:
        raise TooLarge
    told = tus_headers.metadata()
    choices = Choices(told.get("parentId"), told.get("conflict") or "version")
    source = "api" if context.carries_bearer() else "web"
    person = context.person().id
    return Sent(
        wanted=Wanted(person, parent_of(choices), conflict_of(choices), source, length),
        path=_path(told),
        group=Group(context.sign_in().session_id, _batch(told)),
        told=told.told,
        content_type=told.get("filetype") or None,
        modified_at=tus_headers.moment(told.get("lastModified")),
    )


def _path(told: Metadata) -> tuple[str, ...]:
    """Return the names of folders and file; without relativePath the file's alone."""
    if told.get("relativePath"):
        return tuple(split_path(told.get("relativePath")))
    return (clean_name(told.get("filename")),)


def _batch(told: Metadata) -> uuid.UUID | None:
    try:
        return uuid.UUID(told.get("batch")) if told.get("batch") else None
    except ValueError as problem:
        sentence = "batch is not an id."
        raise Invalid({"batch": [sentence]}, sentence) from problem


# --- bytes ------------------------------------------------------------------------------------


def _patch(standing: Standing, body: Body | None) -> Response:
    checksum = _checked_type()
    offset = tus_headers.number("Upload-Offset")
    if not standing.is_whole:
        ended = _receive(standing, offset, body, checksum)
        context.rollback()  # what this request has read of the upload is old by now
        for work_id in ended.work_ids:
            context.ring_after_commit(work_id)
        standing = _look(standing.id)
    elif offset != standing.length or request.content_length:
        raise OffsetConflict
    return _say(standing, 204)


def _receive_first(standing: Standing, body: Body | None, checksum: Checksum | None) -> Ended:
    """Take in what came with the announcement; where that fails, nothing was announced."""
    try:
        return _receive(standing, 0, body, checksum)
    except UploadLocked:
        raise  # its sender found it in the list, and sends it already
    except BaseException:
        giving_up.take_back(context.gateway(), standing.id)
        raise


def _receive(
    standing: Standing, offset: int, body: Body | None, checksum: Checksum | None
) -> Ended:
    """Take the request's body in; what breaks off stays, unless a checksum covers it."""
    if body is None:
        raise LengthRequired
    gateway, user_id = context.gateway(), context.person().id
    # The request's connection to the database is not held while bytes arrive.
    context.commit()
    if offset + body.declared > standing.length:
        raise TooLarge
    try:
        held = arrivals.claim(gateway, user_id, standing.id, offset)
        return _take(Arrival(gateway, held, checksum, context.doorbell().ring), body)
    except BalanceCloudError:
        giving_up.end_cancelled(gateway, standing.id)
        raise


def _take(arrival: Arrival, body: Body) -> Ended:
    try:
        while data := body.read():
            arrival.write(data)
        return arrival.finish()
    except BrokenUpload:
        arrival.break_off()
        raise
    except BaseException:
        arrival.drop()
        raise


@contextlib.contextmanager
def _body() -> Iterator[Body | None]:
    """Hand out the request's body, if it has one; a sender who is refused gets to hear it."""
    if request.content_length is None:
        yield None
        return
    clock = context.gateway().clock
    body = body_of(request, context.config().upload_idle_seconds, clock.monotonic)
    try:
        yield body
    except (BalanceCloudError, HTTPException):
        context.rollback()
        body.drain()
        raise
    finally:
        body.close()


# --- answers ----------------------------------------------------------------------------------


def _say(standing: Standing, status: int = 200) -> Response:
    response = Response(status=status)
    response.headers["Upload-Offset"] = str(standing.offset)
    response.headers["Upload-Length"] = str(standing.length)
    if standing.told:
        response.headers["Upload-Metadata"] = standing.told
    if not standing.is_whole:
        response.headers["Upload-Expires"] = http_date(standing.expires_at)
    return response


def _place(standing: Standing) -> Response:
    """Answer 201 with a Location that holds for whatever host and prefix a proxy gave us."""
    response = Response(status=201)
    response.headers["Location"] = url_for("api_uploads.one", upload_id=standing.id)
    if not standing.is_whole:
        response.headers["Upload-Expires"] = http_date(standing.expires_at)
    return response


def _as_json(upload: Unfinished) -> Upload:
    return {
        "id": upload.id,
        "name": upload.name,
        "path": upload.path,
        "parent_id": upload.folder_id,
        "size": upload.size,
        "offset": upload.offset,
        "last_modified": upload.modified_at,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "job_id": upload.job_id,
    }
