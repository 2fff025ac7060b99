"""The bytes of an item: simple PUT, and downloads at pre-authenticated addresses."""

from contextlib import suppress
from dataclasses import dataclass

from cloudsim.microsoft.access import may_write
from cloudsim.microsoft.addressing import Place, find_place, read_address
from cloudsim.microsoft.drive import CONFLICT, UNSAID, Times, check_match, numbered, read_behaviour
from cloudsim.microsoft.ids import new_item_id
from cloudsim.microsoft.refusals import bad_request, content_refusal, name_taken, no_room, refuse
from cloudsim.microsoft.resource import etag, item_json, opened_download
from cloudsim.routing import Call, Caller
from cloudsim.settings import Services
from cloudsim.store.blobs import Content, TooMuch
from cloudsim.store.objects import NameTaken, NewObject, NoRoom, Object, Replacement, Vanished
from cloudsim.wire.messages import FileSlice, Params, Request, Response, json_response
from cloudsim.wire.ranges import NotSatisfiable, wanted_span

_SIMPLE_AT_MOST = 250 * 1000**2
_PLAIN_MIME = "application/octet-stream"
_TRIES = 1000


@dataclass(frozen=True)
class Wish:
    """What is to become of bytes: where they go, as what, and what if something is there."""

    place: Place
    mime: str
    behaviour: str
    times: Times = UNSAID


def put(call: Call) -> Response:
    """Make or replace a file in one request; a body that is cut leaves nothing."""
    may_write(call)
    if call.request.header("content-range"):
        raise bad_request(call, "Content-Range is not allowed here; use an upload session.")
    behaviour = read_behaviour(call, call.query.get(CONFLICT, "replace"))
    length = call.request.body.length or 0
    if length > _SIMPLE_AT_MOST:
        raise _too_large(call)
    wish = Wish(find_place(call, read_address(call)), _mime(call), behaviour)
    check_wish(call, wish, length)
    try:
        content = call.services.blobs.receive(call.request.body, "microsoft", _SIMPLE_AT_MOST)
    except TooMuch as error:
        raise _too_large(call) from error
    return settle(call, wish, content)


def _mime(call: Call) -> str:
    return call.request.header("content-type") or _PLAIN_MIME


def _too_large(call: Call) -> Exception:
    return refuse(call, 413, "maxFileSizeExceeded", "request message is too big")


def check_wish(call: Call, wish: Wish, size: int) -> None:
    """Refuse before the bytes come what would be refused after they came."""
    item = wish.place.item
    if item is not None:
        check_match(call, item)
        if wish.behaviour == "fail" or (item.is_folder and wish.behaviour == "replace"):
            raise name_taken(call)
    account = call.known_caller.account
    frees = item is not None and wish.behaviour == "replace" and not account.is_work
    freed = item.size if item is not None and frees else 0
    if account.quota is not None and size and account.used - freed + size > account.quota:
        raise no_room(call)


def settle(call: Call, wish: Wish, content: Content) -> Response:
    """Make the item of bytes that have come; refused, they are dropped."""
    try:
        item, status = settled(call, wish, content)
    except NameTaken as error:
        call.services.blobs.discard([content.blob])
        raise name_taken(call) from error
    except NoRoom as error:
        call.services.blobs.discard([content.blob])
        raise no_room(call) from error
    return json_response(item_json(call, item), status)


def settled(call: Call, wish: Wish, content: Content) -> tuple[Object, int]:
    """Make the item, with 201, or replace it, with 200; NameTaken or NoRoom."""
    objects, caller = call.services.objects, call.known_caller
    place = wish.place
    for attempt in range(_TRIES):
        name = numbered(place.name, attempt if wish.behaviour == "rename" else 0)
        if wish.behaviour == "replace":
            there = objects.child(caller.account.id, place.parent, name)
            if there is not None and there.is_folder:
                break
            with suppress(Vanished):  # removed at this very moment: make it
                if there is not None:
                    return _replaced(call, there, wish, content), 200
        new = NewObject(
            new_item_id(caller.account), caller.account, place.parent, name, wish.mime,
            caller.client, content, created=wish.times.created, modified=wish.times.modified,
        )  # fmt: skip
        try:
            return objects.add(new), 201
        except NameTaken:
            if wish.behaviour == "fail":
                break
            continue  # taken at this very moment, or the name to number further
    raise NameTaken


def _replaced(call: Call, old: Object, wish: Wish, content: Content) -> Object:
    is_work = call.known_caller.account.is_work  # where versions count
    replacement = Replacement(content, wish.mime, wish.times.modified, keeps_version=is_work)
    new, nobodys = call.services.objects.replace_content(old.id, replacement)
    if nobodys:
        call.services.blobs.discard([nobodys])
    return new


def ticket_holder(services: Services, request: Request, _query: Params) -> Caller | None:
    """Find whose bytes the address gives: it is the permission, and a token is refused."""
    refuse_authorization(services, request)
    ticket = request.path.rpartition("/")[2]
    item_id = opened_download(services, ticket)
    if item_id is None:
        raise content_refusal(401, "unauthenticated", "The download address is not valid any more.")
    item = services.objects.find(item_id)
    account = services.accounts.by_id(item.account) if item and not item.trashed else None
    if item is None or account is None:
        raise _missing()
    return Caller(account, item.maker, frozenset())


def _missing() -> Exception:
    return content_refusal(404, "itemNotFound", "The resource could not be found.")


def refuse_authorization(services: Services, request: Request) -> None:
    """Strict as the real hosts; rclone before 1.66 sent it nevertheless."""
    if services.settings.strict and request.header("authorization"):
        message = "Authorization is not accepted at a pre-authenticated address."
        raise content_refusal(401, "unauthenticated", message)


def serve_download(call: Call) -> Response:
    item_id = opened_download(call.services, call.request.path.rpartition("/")[2])
    item = call.services.objects.find(item_id) if item_id else None
    if item is None or item.blob is None:
        raise _missing()
    if item.is_infected:
        refused = content_refusal(403, "accessDenied", "The file is infected.", "malwareDetected")
        raise type(refused)(refused.response.with_headers(("X-Virus-Infected", "simulated")))
    try:
        span = wanted_span(call.request.header("range"), item.size)
    except NotSatisfiable as error:
        refused = content_refusal(416, "invalidRange", "The range is not satisfiable.")
        size = ("Content-Range", f"bytes */{item.size}")
        raise type(refused)(refused.response.with_headers(size)) from error
    headers: tuple[tuple[str, str], ...] = (
        ("Content-Type", item.mime),
        ("Accept-Ranges", "bytes"),
        ("ETag", etag(item)),
    )
    try:
        opened = call.services.blobs.open(item.blob)
    except FileNotFoundError as error:  # removed since its row was read
        raise _missing() from error
    if span is None:
        return Response(200, b"", headers, FileSlice(opened, 0, item.size))
    where = f"bytes {span.start}-{span.start + span.length - 1}/{item.size}"
    headers = (*headers, ("Content-Range", where))
    return Response(206, b"", headers, FileSlice(opened, span.start, span.length))
