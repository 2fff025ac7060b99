"""The bytes of an upload that come in one request: multipart, media, or the start of a session."""

from collections.abc import Callable, Mapping
from typing import Any

from cloudsim.google.making import changed, check_new, check_room, make_file, replace_content
from cloudsim.google.refusals import bad_request, invalid
from cloudsim.google.resource import file_mask, masked_file, must_write, visible
from cloudsim.routing import Call
from cloudsim.store.blobs import Content, Source, TooMuch
from cloudsim.store.objects import Object
from cloudsim.store.uploads import NewUpload
from cloudsim.wire.messages import BadBody, Response, json_response, read_json
from cloudsim.wire.multipart import Parts, boundary_of

_METADATA_AT_MOST = 1 << 20
_LARGEST = 5 * 1024**4
SESSION_LIFETIME_S = 7 * 86400


def upload(call: Call) -> Response:
    """files.create and files.update with content."""
    must_write(call.known_caller)
    file_mask(call.query.get("fields"))
    kinds: Mapping[str, Callable[[Call], Response]] = {
        "media": _media, "multipart": _multipart, "resumable": _begin,
    }  # fmt: skip
    kind = kinds.get(call.query.get("uploadType"))
    if kind is None:
        raise invalid("uploadType", "Invalid upload type.")
    return kind(call)


def _media(call: Call) -> Response:
    target = _target(call)
    length = call.request.body.length
    check_room(call, (length or 0) - (target.size if target else 0))
    content = receive(call, call.request.body)
    return _settled(call, target, {}, call.request.header("content-type"), content)


def _multipart(call: Call) -> Response:
    target = _target(call)
    try:
        parts = Parts(call.request.body, boundary_of(call.request.header("content-type")))
        parts.next_part()
        sent = read_json(_small(parts))
        mime = parts.next_part().get("content-type", "")
    except BadBody as error:
        raise bad_request("Malformed multipart body.") from error
    if target is None:
        check_new(call, sent)
    try:
        content = receive(call, parts)
    except BadBody as error:
        raise bad_request("Malformed multipart body.") from error
    return _settled(call, target, sent, mime, content)


def _small(parts: Parts) -> bytes:
    taken = bytearray()
    buffer = memoryview(bytearray(65536))
    while count := parts.readinto(buffer):
        taken += buffer[:count]
        if len(taken) > _METADATA_AT_MOST:
            raise BadBody("The metadata is too long.")
    return bytes(taken)


def receive(call: Call, source: Source) -> Content:
    try:
        return call.services.blobs.receive(source, "google", _LARGEST)
    except TooMuch as error:
        raise bad_request("The file is too large.") from error


def _target(call: Call) -> Object | None:
    """Find the file whose content is replaced; none when a new one is made."""
    file_id = call.path.get("id")
    return visible(call, file_id) if file_id else None


def _settled(
    call: Call, target: Object | None, sent: Mapping[str, Any], mime: str, content: Content
) -> Response:
    made = settle(call, target, sent, mime, content)
    account = call.known_caller.account
    return json_response(masked_file(account, made, call.query.get("fields")))


def settle(
    call: Call, target: Object | None, sent: Mapping[str, Any], mime: str, content: Content
) -> Object:
    """Make the file, or give the target its new bytes and metadata."""
    if target is None:
        return make_file(call, sent, mime, content)
    replaced = replace_content(call, target, str(sent.get("mimeType") or mime), content)
    return changed(call, replaced, sent) if sent else replaced


def _begin(call: Call) -> Response:
    """Start a session; what is wrong with metadata, id or quota shows here already."""
    target = _target(call)
    sent = call.request.json()
    if target is None:
        check_new(call, sent)
    announced = call.request.header("x-upload-content-length")
    if announced and not (announced.isascii() and announced.isdigit()):
        raise bad_request("Invalid X-Upload-Content-Length.")
    total = int(announced) if announced else None
    check_room(call, total or 0)
    caller = call.known_caller
    plan = {
        "metadata": sent,
        "mime": call.request.header("x-upload-content-type"),
        "target": target.id if target else None,
        "client": caller.client,
        "scopes": sorted(caller.scopes),
        "fields": call.query.get("fields"),
    }
    new = NewUpload(caller.account.id, plan, "", total, SESSION_LIFETIME_S)
    begun = call.services.uploads.begin(new)
    path = "files" + (f"/{target.id}" if target else "")
    base = call.addresses.drive(f"upload/drive/v3/{path}")
    address = f"{base}?uploadType=resumable&upload_id={begun.id}"
    return Response(200, headers=(("Location", address), ("X-GUploader-UploadID", begun.id)))
