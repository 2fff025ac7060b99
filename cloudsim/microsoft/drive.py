"""The user, the drive and its items: reading, folders, renaming and deleting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudsim.bins import account_now
from cloudsim.clock import utc_seconds, utc_text
from cloudsim.lag import first_unlisted
from cloudsim.microsoft.access import may_read, may_see_user, may_write
from cloudsim.microsoft.addressing import (
    as_folder,
    check_drive,
    check_name,
    find_item,
    made_folder,
    own_item,
    read_address,
)
from cloudsim.microsoft.ids import new_item_id
from cloudsim.microsoft.refusals import bad_request, name_taken, not_found, refuse
from cloudsim.microsoft.resource import (
    download_url,
    drive_json,
    etag,
    item_json,
    parent_id,
    selected,
    selected_all,
)  # fmt: skip
from cloudsim.paging import BadPageToken, page_token, read_page_token
from cloudsim.routing import Call
from cloudsim.store.objects import (
    FOLDER_MIME,
    Change,
    NameTaken,
    NewObject,
    Object,
    Selection,
    Vanished,
    live_children,
)
from cloudsim.wire.messages import Response, json_response, redirect_response

CONFLICT = "@microsoft.graph.conflictBehavior"
_BEHAVIOURS = frozenset({"fail", "replace", "rename"})
_PAGE = 200
_TRIES = 1000


def me(call: Call) -> Response:
    may_see_user(call)
    account = call.known_caller.account
    answer = {
        "id": account.permission_id,
        "displayName": account.person.name,
        "mail": account.person.address,
        "userPrincipalName": account.person.address,
    }
    return json_response(selected(answer, call.query.get("$select")))


def my_drive(call: Call) -> Response:
    may_read(call)
    return json_response(selected(drive_json(account_now(call)), call.query.get("$select")))


def my_drives(call: Call) -> Response:
    may_read(call)
    return json_response({"value": [drive_json(account_now(call))]})


def named_drive(call: Call) -> Response:
    may_read(call)
    check_drive(call)
    return json_response(selected(drive_json(account_now(call)), call.query.get("$select")))


def get_item(call: Call) -> Response:
    may_read(call)
    address = read_address(call)
    found = find_item(call, address)
    is_unlisted = found != "root" and any(found.seq >= first for first in first_unlisted(call))
    if address.names and is_unlisted:
        raise not_found(call)  # by its id it is found at once
    return json_response(selected(item_json(call, found), call.query.get("$select")))


def children(call: Call) -> Response:
    """List a page of a folder, by name; the link to the next one is absolute."""
    may_read(call)
    folder = as_folder(call, find_item(call, read_address(call)))
    account, secret = call.known_caller.account, call.services.database.secret
    size = page_size(call)
    parent = parent_id(call, folder)
    after = _read_token(call, parent)
    wanted = live_children(account.id, parent, after)
    for first in first_unlisted(call):
        wanted = Selection(f"{wanted.where} AND seq < ?", (*wanted.values, first), wanted.order)
    found = call.services.objects.select(wanted, size + 1)
    shown = (item_json(call, item) for item in found[:size])
    answer: dict[str, Any] = {"value": selected_all(shown, call.query.get("$select"))}
    if len(found) > size:
        token = page_token(secret, parent, [found[size - 1].name.casefold()])
        answer["@odata.nextLink"] = _next_link(call, token)
    return json_response(answer)


def page_size(call: Call) -> int:
    text = call.query.get("$top", str(_PAGE))
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise bad_request(call, "Invalid $top.")
    return min(int(text), 1000)


def _read_token(call: Call, parent: str) -> list[Any]:
    token = call.query.get("$skiptoken")
    if not token:
        return []
    try:
        return read_page_token(call.services.database.secret, parent, token)
    except BadPageToken as error:
        raise bad_request(call, "The skip token is invalid.") from error


def _next_link(call: Call, token: str) -> str:
    kept = [f"{name}={call.query.get(name)}" for name in ("$top", "$select") if name in call.query]
    query = "&".join([*kept, f"$skiptoken={token}"])
    path = call.request.path.removeprefix("/microsoft/")
    return call.addresses.graph(f"{path}?{query}")


def make_folder(call: Call) -> Response:
    """POST to children: a folder, by the conflict behaviour in the body."""
    may_write(call)
    sent = call.request.json()
    name = sent.get("name")
    if not isinstance(name, str) or not isinstance(sent.get("folder"), dict):
        raise bad_request(call, "A name and the folder facet are required.")
    check_name(call, name)
    behaviour = read_behaviour(call, sent.get(CONFLICT, "fail"))
    parent = parent_id(call, made_folder(call, read_address(call)))
    if behaviour == "replace" and (there := _folder_named(call, parent, name)) is not None:
        return json_response(item_json(call, there))
    caller = call.known_caller
    for attempt in range(_TRIES):
        new = NewObject(
            new_item_id(caller.account), caller.account, parent, numbered(name, attempt),
            FOLDER_MIME, caller.client, is_folder=True,
        )  # fmt: skip
        try:
            return json_response(item_json(call, call.services.objects.add(new)), 201)
        except NameTaken as error:
            if behaviour != "rename":
                raise name_taken(call) from error
    raise name_taken(call)


def read_behaviour(call: Call, text: object) -> str:
    if not isinstance(text, str) or text not in _BEHAVIOURS:
        raise bad_request(call, "Invalid conflict behavior.")
    return text


def _folder_named(call: Call, parent: str, name: str) -> Object | None:
    """Find the folder that replacing leaves as it is."""
    found = call.services.objects.child(call.known_caller.account.id, parent, name)
    return found if found is not None and found.is_folder else None


def numbered(name: str, attempt: int) -> str:
    """`a.bin`, then `a 1.bin`, `a 2.bin`."""
    if not attempt:
        return name
    stem, dot, extension = name.rpartition(".")
    return f"{stem} {attempt}.{extension}" if dot and stem else f"{name} {attempt}"


def download(call: Call) -> Response:
    """Point to the bytes, at an address that needs no token and takes none."""
    may_read(call)
    item = find_item(call, read_address(call))
    if item == "root" or item.is_folder:
        raise bad_request(call, "You cannot get content for a folder.")
    return redirect_response(download_url(call, item))


def change_item(call: Call) -> Response:
    """PATCH: a new name, parent or times."""
    may_write(call)
    item = _existing(call)
    check_match(call, item)
    sent = call.request.json()
    name = str(sent.get("name", item.name))
    check_name(call, name)
    modified = sent_times(call, sent).modified
    is_new_version = modified is not None and call.known_caller.account.is_work
    change = Change(
        name, _new_parent(call, item, sent), item.mime,
        item.modified if modified is None else modified, item.details,
        keeps_version=is_new_version and not item.is_folder,
    )  # fmt: skip
    try:
        new = call.services.objects.change(item.id, change)
    except NameTaken as error:
        raise name_taken(call) from error
    except Vanished as error:
        raise not_found(call) from error
    return json_response(item_json(call, new))


def _new_parent(call: Call, item: Object, sent: Mapping[str, Any]) -> str:
    """Find the folder the item moves to; never one within itself."""
    root = call.known_caller.account.root_id
    wanted = _facet(call, sent, "parentReference").get("id", item.parent)
    if wanted in {item.parent, root}:
        return str(wanted)
    folder = own_item(call, str(wanted))
    as_folder(call, folder)
    if call.services.objects.is_at_or_below(folder.id, item.id):
        raise bad_request(call, "An item cannot be moved into itself.")
    return folder.id


def _facet(call: Call, sent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    facet = sent.get(name, {})
    if not isinstance(facet, dict):
        raise bad_request(call, f"{name} is not an object.")
    return facet


@dataclass(frozen=True)
class Times:
    """When a client says that its file was made and changed, where it says so."""

    created: float | None = None
    modified: float | None = None


UNSAID = Times()


def sent_times(call: Call, sent: Mapping[str, Any]) -> Times:
    """Read the fileSystemInfo facet."""
    facet = _facet(call, sent, "fileSystemInfo")
    times = [_time(call, facet, name) for name in ("createdDateTime", "lastModifiedDateTime")]
    return Times(*times)


def _time(call: Call, facet: Mapping[str, Any], name: str) -> float | None:
    if facet.get(name) is None:
        return None
    try:
        return utc_seconds(facet[name])
    except (TypeError, ValueError) as error:
        raise bad_request(call, f"{name} is not a time.") from error


def versions(call: Call) -> Response:
    """List a file as it is, then as it was."""
    may_read(call)
    item = _existing(call)
    now = {"number": item.version, "size": item.size, "modified": item.modified}
    before = [vars(version) for version in call.services.history.versions(item.id)]
    shown = [
        {
            "id": f"{one['number']}.0",
            "size": one["size"],
            "lastModifiedDateTime": utc_text(one["modified"]),
        }
        for one in (now, *before)
    ]
    return json_response({"value": shown})


def delete(call: Call) -> Response:
    """To the recycle bin, which counts as used until it is emptied."""
    may_write(call)
    item = _existing(call)
    check_match(call, item)
    call.services.objects.set_trashed(item.id, trashed=True)
    return Response(204)


def delete_for_good(call: Call) -> Response:
    if not call.known_caller.account.is_work:
        raise refuse(call, 400, "invalidRequest", "API not found")
    may_write(call)
    item = _existing(call)
    call.services.blobs.discard(call.services.objects.remove(item.id))
    return Response(204)


def _existing(call: Call) -> Object:
    item = find_item(call, read_address(call))
    if item == "root":
        raise bad_request(call, "The root cannot be changed.")
    return item


def check_match(call: Call, item: Object) -> None:
    wanted = call.request.header("if-match")
    if wanted not in {"", "*", etag(item)}:
        raise refuse(call, 412, "resourceModified", "ETag does not match current item's value")
