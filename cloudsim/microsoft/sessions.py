"""Upload sessions: fragments in order, their state, the end, and cancelling."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from cloudsim.clock import utc_text
from cloudsim.microsoft.access import may_write
from cloudsim.microsoft.addressing import (
    Address,
    Place,
    as_folder,
    check_app_folder,
    check_name,
    find_item,
    find_place,
    read_address,
)
from cloudsim.microsoft.content import (
    Wish,
    check_wish,
    refuse_authorization,
    settled,
)  # fmt: skip
from cloudsim.microsoft.drive import CONFLICT, Times, read_behaviour, sent_times
from cloudsim.microsoft.refusals import (
    bad_request,
    content_refusal,
    name_taken,
    no_room,
    not_found,
    refuse,
    session_gone,
)  # fmt: skip
from cloudsim.microsoft.resource import item_json
from cloudsim.routing import Call, Caller, Refusal
from cloudsim.settings import Services
from cloudsim.store.blobs import Arriving, TooMuch, UploadLost
from cloudsim.store.objects import NameTaken, NoRoom, name_key
from cloudsim.store.uploads import Busy, NewUpload, Upload
from cloudsim.wire.messages import Params, Request, Response, json_response
from cloudsim.wire.ranges import Span, sent_range

GRANULE = 327_680
_FRAGMENT_AT_MOST = 60 << 20
_LIFETIME_S = 86_400
_PLAIN_MIME = "application/octet-stream"
_SOURCE = "@microsoft.graph.sourceUrl"


def begin(call: Call) -> Response:
    """createUploadSession: the address it answers with is the permission to write."""
    may_write(call)
    sent = call.request.json().get("item", {})
    if not isinstance(sent, dict):
        raise bad_request(call, "item is not an object.")
    behaviour = read_behaviour(call, sent.get(CONFLICT, "replace"))  # as rclone's overwriting shows
    size = sent.get("fileSize", 0)
    if not isinstance(size, int) or size < 0:
        raise bad_request(call, "Invalid fileSize.")
    times = sent_times(call, sent)
    check_app_folder(call)
    place = find_place(call, read_address(call))
    check_wish(call, Wish(place, _PLAIN_MIME, behaviour), size)
    account = call.known_caller.account
    name = f"{place.parent}/{name_key(place.name)}"
    if account.is_work and call.services.uploads.is_pending(account.id, name):
        raise name_taken(call)  # a pending session blocks its name there
    plan = {
        "parent": place.parent, "name": place.name, "behaviour": behaviour,
        "client": call.known_caller.client, "times": [times.created, times.modified],
    }  # fmt: skip
    begun = call.services.uploads.begin(NewUpload(account.id, plan, name, None, _LIFETIME_S))
    return json_response({"uploadUrl": call.addresses.upload(begun.id), **_state_json(begun)})


def _state_json(upload: Upload) -> dict[str, Any]:
    return {
        "expirationDateTime": utc_text(upload.expires),
        "nextExpectedRanges": [f"{upload.received}-"],
    }


def session_owner(services: Services, request: Request, _query: Params) -> Caller | None:
    """Find whose upload it is: the address is the permission, and a token is refused."""
    refuse_authorization(services, request)
    upload = services.uploads.find(request.path.rpartition("/")[2])
    account = services.accounts.by_id(upload.account) if upload else None
    if upload is None or account is None or upload.object is not None:
        raise session_gone()
    return Caller(account, upload.plan["client"], frozenset({"Files.ReadWrite"}))


def state(call: Call) -> Response:
    return json_response(_state_json(_upload(call)))


def _upload(call: Call) -> Upload:
    upload = call.services.uploads.find(call.path["upload"])
    if upload is None or upload.object is not None:
        raise session_gone()
    return upload


def cancel(call: Call) -> Response:
    upload = _upload(call)
    call.services.uploads.forget(upload.id)
    call.services.blobs.discard_upload(upload.id)
    return Response(204)


def send(call: Call) -> Response:
    try:
        with call.services.uploads.alone_with(call.path["upload"]):
            return _take(call, _upload(call))
    except Busy as error:
        message = "The resource you are attempting to access is locked"
        raise content_refusal(423, "resourceLocked", message) from error


@dataclass(frozen=True)
class _Fragment:
    """The stretch one request brings, of a file of this size."""

    span: Span
    total: int

    @property
    def end(self) -> int:
        return self.span.start + self.span.length


def _take(call: Call, upload: Upload) -> Response:
    fragment = _read_fragment(call, upload)
    blobs = call.services.blobs
    try:
        have = blobs.append(_arriving(upload), call.request.body, upload.received, fragment.end)
    except TooMuch as error:
        raise _mismatch() from error
    if have < fragment.end:
        raise _mismatch()
    call.services.uploads.note_received(upload.id, have, fragment.total)
    if have == fragment.total:
        return _finish(call, upload, fragment.total, _planned(upload))
    return json_response(_state_json(_upload(call)), 202)


def _arriving(upload: Upload) -> Arriving:
    return Arriving(upload.id, "microsoft")


def _read_fragment(call: Call, upload: Upload) -> _Fragment:
    sent = sent_range(call.request.header("content-range"))
    if sent is None or sent.span is None or sent.total is None:
        raise content_refusal(400, "invalidRequest", "Content-Range is missing or cannot be read.")
    fragment = _Fragment(sent.span, sent.total)
    if upload.total not in {None, fragment.total}:
        raise content_refusal(400, "invalidRequest", "The total size must not change.")
    if call.request.body.length not in {None, fragment.span.length}:
        raise _mismatch()
    _check_order(upload, fragment)
    if fragment.span.length > _FRAGMENT_AT_MOST:
        raise content_refusal(413, "maxFileSizeExceeded", "The fragment is too large.")
    is_odd = fragment.end != fragment.total and fragment.span.length % GRANULE
    if is_odd and call.services.settings.strict:
        message = f"The fragment must be a multiple of {GRANULE} bytes."
        raise content_refusal(400, "invalidRequest", message)
    account = call.known_caller.account
    if account.quota is not None and account.used + fragment.total > account.quota:
        raise content_refusal(507, "quotaLimitReached", "Insufficient Space Available")
    return fragment


def _check_order(upload: Upload, fragment: _Fragment) -> None:
    if fragment.span.start < upload.received:
        message = "Uploaded fragment overlaps with existing data."
        raise content_refusal(416, "invalidRange", message, "fragmentOverlap")
    if fragment.span.start > upload.received:
        message = "Uploaded fragment is out of order."
        raise content_refusal(416, "invalidRange", message, "fragmentOutOfOrder")


def _mismatch() -> Exception:
    message = "Uploaded fragment does not have the length it declares."
    return content_refusal(416, "invalidRange", message, "fragmentLengthMismatch")


def _planned(upload: Upload) -> Wish:
    place = Place(upload.plan["parent"], upload.plan["name"], None)
    times = Times(*upload.plan.get("times", ()))
    return Wish(place, _PLAIN_MIME, upload.plan["behaviour"], times)


def commit(call: Call) -> Response:
    """Make the item of a session whose own end met a conflict, here instead of there."""
    may_write(call)
    sent = call.request.json()
    upload_id = str(sent.get(_SOURCE, "")).rpartition("/")[2]
    upload = call.services.uploads.find(upload_id)
    if upload is None or upload.object or upload.account != call.known_caller.account.id:
        raise not_found(call)
    if upload.total is None or upload.received < upload.total:
        raise bad_request(call, "The upload session is not complete.")
    behaviour = read_behaviour(call, sent.get(CONFLICT, "fail"))
    wish = replace(_planned(upload), place=_target(call, sent), behaviour=behaviour)
    check_wish(call, wish, upload.total)
    try:
        with call.services.uploads.alone_with(upload.id):
            return _finish(call, upload, upload.total, wish)
    except Busy as error:
        raise refuse(call, 423, "resourceLocked", "The resource is locked") from error


def _target(call: Call, sent: Mapping[str, Any]) -> Place:
    """Read where the item goes: a name for a folder's address, or the address of the file."""
    address = read_address(call)
    name = sent.get("name")
    if isinstance(name, str):
        check_name(call, name)
        with suppress(Refusal):
            folder = as_folder(call, find_item(call, address))
            address = Address(folder, (name,))
    return find_place(call, address)


def _finish(call: Call, upload: Upload, size: int, wish: Wish) -> Response:
    """Make the item after the last fragment; after a conflict the session lives on."""
    blobs = call.services.blobs
    try:
        content = blobs.finish(_arriving(upload), size)
    except (UploadLost, FileNotFoundError) as error:
        call.services.uploads.forget(upload.id)
        raise session_gone() from error
    try:
        item, status = settled(call, wish, content)
    except NameTaken as error:
        blobs.undo_finish(_arriving(upload), content)
        raise name_taken(call) from error
    except NoRoom as error:
        blobs.undo_finish(_arriving(upload), content)
        raise no_room(call) from error
    call.services.uploads.note_object(upload.id, item.id)
    return json_response(item_json(call, item), status)
