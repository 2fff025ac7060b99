"""Resumable sessions: parts, their state after a lost answer, the end, and cancelling."""

from dataclasses import dataclass, replace

from cloudsim.google.making import check_room
from cloudsim.google.refusals import bad_request, refusal
from cloudsim.google.resource import masked_file, visible
from cloudsim.google.uploads import settle
from cloudsim.routing import Call, Caller, Refusal
from cloudsim.settings import Services
from cloudsim.store.blobs import Arriving, Cut, TooMuch, UploadLost
from cloudsim.store.uploads import Busy, Upload
from cloudsim.wire.messages import Params, Request, Response, json_response
from cloudsim.wire.ranges import SentRange, sent_range

GRANULE = 262_144
_LARGEST = 5 * 1024**4
_BAD_RANGE = "Failed to parse Content-Range header."


def session_owner(services: Services, _request: Request, query: Params) -> Caller | None:
    """Find whose session it is: the address is the capability, and a token is not read."""
    found = services.uploads.find(query.get("upload_id"))
    account = services.accounts.by_id(found.account) if found else None
    if found is None or account is None:
        raise refusal(404, "notFound", "The upload session was not found.")
    return Caller(account, found.plan["client"], frozenset(found.plan["scopes"]))


def cancel(call: Call) -> Response:
    upload_id = call.query.get("upload_id")
    call.services.uploads.forget(upload_id)
    call.services.blobs.discard_upload(upload_id)
    return Response(499)


def send(call: Call) -> Response:
    """Take data or a question, as Content-Range says."""
    try:
        with call.services.uploads.alone_with(call.query.get("upload_id")):
            upload = call.services.uploads.find(call.query.get("upload_id"))
            if upload is None:
                raise refusal(404, "notFound", "The upload session was not found.")
            if upload.plan.get("spoiled"):
                raise refusal(410, "deleted", "The upload session was ended by an error.")
            if upload.object is not None:
                return _finished(call, upload, upload.object)
            return _follow(call, upload, _read_range(call))
    except Busy as error:
        raise refusal(503, "backendError", "Transient failure") from error


def _read_range(call: Call) -> SentRange | None:
    header = call.request.header("content-range")
    if not header:
        return None
    sent = sent_range(header)
    is_question = sent is not None and sent.span is None
    if sent is None or (is_question and (call.request.body.length != 0 or sent.total == 0)):
        raise bad_request(_BAD_RANGE)
    return sent


@dataclass(frozen=True)
class _Part:
    """Where the bytes of one request belong."""

    start: int
    end: int | None  # None: as far as the body goes
    total: int | None
    is_last: bool


def _follow(call: Call, upload: Upload, sent: SentRange | None) -> Response:
    if sent is None:
        return _take(call, upload, _Part(0, upload.total, upload.total, True))
    total = _agreed_total(upload, sent.total)
    if sent.span is None:
        if total is not None and upload.received == total:
            return _finish(call, upload, total)
        return _state(call, upload.received)
    end = sent.span.start + sent.span.length
    if call.request.body.length not in {None, sent.span.length}:
        raise bad_request(_BAD_RANGE)
    part = _Part(sent.span.start, end, total, end == total)
    if part.start > upload.received:
        raise bad_request(f"Invalid request. Byte {upload.received} was expected next.")
    if not part.is_last and sent.span.length % GRANULE and call.services.settings.strict:
        raise bad_request(f"Invalid request. The size must be a multiple of {GRANULE}.")
    return _take(call, upload, part)


def _agreed_total(upload: Upload, total: int | None) -> int | None:
    if total is not None and upload.total is not None and total != upload.total:
        raise bad_request(_BAD_RANGE)
    return upload.total if total is None else total


def _take(call: Call, upload: Upload, part: _Part) -> Response:
    """Keep the bytes; of a part that is cut, those that came as far as the granularity allows."""
    if part.total is not None:
        check_room(call, part.total)
    limit = _LARGEST if part.end is None else part.end
    have = min(part.start, upload.received)
    try:
        have = call.services.blobs.append(_arriving(upload), call.request.body, have, limit)
    except Cut as cut:
        _note(call, upload, _aligned(cut.have), part.total)
        raise
    except TooMuch as error:
        raise bad_request(_BAD_RANGE) from error
    if part.end is not None and have < part.end:
        _note(call, upload, _aligned(have), part.total)
        raise bad_request(_BAD_RANGE)
    if part.is_last:
        _note(call, upload, have, have)
        return _finish(call, replace(upload, received=have), have)
    kept = _aligned(have)
    _note(call, upload, kept, part.total)
    return _state(call, kept)


def _arriving(upload: Upload) -> Arriving:
    return Arriving(upload.id, "google")


def _aligned(count: int) -> int:
    return count - count % GRANULE


def _note(call: Call, upload: Upload, received: int, total: int | None) -> None:
    call.services.uploads.note_received(upload.id, received, total)


def _state(call: Call, received: int) -> Response:
    """308 with the last byte kept, and no Range at all when none was."""
    headers = (("Range", f"bytes=0-{received - 1}"),) if received else ()
    if call.request.header("x-guploader-no-308").lower() == "yes":
        return Response(200, headers=(*headers, ("X-Http-Status-Code-Override", "308")))
    return Response(308, headers=headers)


def _finish(call: Call, upload: Upload, size: int) -> Response:
    """Make the file of what has come."""
    services = call.services
    target = visible(call, upload.plan["target"]) if upload.plan["target"] else None
    try:
        content = services.blobs.finish(_arriving(upload), size)
    except (UploadLost, FileNotFoundError) as error:
        services.uploads.forget(upload.id)
        raise refusal(404, "notFound", "The upload session was not found.") from error
    try:
        made = settle(call, target, upload.plan["metadata"], upload.plan["mime"], content)
    except Refusal:
        services.uploads.spoil(upload.id)
        raise
    services.uploads.note_object(upload.id, made.id)
    return _finished(call, upload, made.id)


def _finished(call: Call, upload: Upload, object_id: str) -> Response:
    """Show the file as the session's first request wanted it, however often it is asked."""
    file = visible(call, object_id)
    answer = masked_file(call.known_caller.account, file, upload.plan["fields"])
    return json_response(answer)
