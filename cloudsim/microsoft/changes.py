"""delta: what is in a folder at first, and afterwards what changed there."""

from dataclasses import dataclass
from typing import Any, Literal

from cloudsim.microsoft.access import may_read
from cloudsim.microsoft.addressing import as_folder, find_item, read_address
from cloudsim.microsoft.drive import page_size
from cloudsim.microsoft.refusals import refuse
from cloudsim.microsoft.resource import item_json, reference_json, selected_all
from cloudsim.paging import BadPageToken, page_token, read_page_token
from cloudsim.routing import Call
from cloudsim.store.history import Change
from cloudsim.store.objects import Object
from cloudsim.wire.messages import Response, json_response

LIFETIME_S = 30 * 86400


@dataclass(frozen=True)
class _Place:
    """How far a reader has come; what was removed before it began is not told."""

    position: int
    begun: int


def delta(call: Call) -> Response:
    """Give a page of items, those removed too, and the link to go on with."""
    may_read(call)
    folder = as_folder(call, find_item(call, read_address(call)))
    place = _read_place(call)
    size = page_size(call)
    history, account = call.services.history, call.known_caller.account
    found = history.changes(account.id, place.position, size + 1)
    shown = [one for change in found[:size] for one in _told(call, folder, change, place)]
    if not call.query.get("token"):
        shown.insert(0, item_json(call, folder))
    answer: dict[str, Any] = {"value": selected_all(shown, call.query.get("$select"))}
    last = found[size - 1].seq if len(found) > size else max(place.position, *_seqs(found))
    is_more = len(found) > size
    token = _token(call, _Place(last, place.begun))
    answer["@odata.nextLink" if is_more else "@odata.deltaLink"] = _link(call, token)
    return json_response(answer)


def _seqs(found: list[Change]) -> list[int]:
    return [0, *(change.seq for change in found)]


def _read_place(call: Call) -> _Place:
    text = call.query.get("token")
    end = call.services.history.position()
    if not text:
        return _Place(0, end)
    if text == "latest":
        return _Place(end, end)
    try:
        position, begun, expires = read_page_token(
            call.services.database.secret, _listing(call), text
        )
    except BadPageToken as error:
        raise _start_anew(call) from error
    if expires <= call.services.clock.now():
        raise _start_anew(call)
    return _Place(position, begun)


def _start_anew(call: Call) -> Exception:
    """410, with the address of a full enumeration."""
    message = "Resync required. Replace any local items with the ones the server gives."
    refused = refuse(call, 410, "resyncRequired", message, "resyncChangesApplyDifferences")
    path = call.request.path.removeprefix("/microsoft/")
    where = ("Location", call.addresses.graph(path))
    return type(refused)(refused.response.with_headers(where))


def _listing(call: Call) -> str:
    """Name what a token belongs to."""
    return f"delta\n{call.known_caller.account.id}\n{call.path['base']}\n{call.path.get('path')}"


def _token(call: Call, place: _Place) -> str:
    expires = int(call.services.clock.now()) + LIFETIME_S
    values = [place.position, place.begun, expires]
    return page_token(call.services.database.secret, _listing(call), values)


def _link(call: Call, token: str) -> str:
    kept = [f"{name}={call.query.get(name)}" for name in ("$top", "$select") if name in call.query]
    path = call.request.path.removeprefix("/microsoft/")
    return call.addresses.graph(f"{path}?{'&'.join([*kept, f'token={token}'])}")


def _told(
    call: Call, folder: Object | Literal["root"], change: Change, place: _Place
) -> list[dict[str, Any]]:
    """Tell one change, if it happened in this folder."""
    objects = call.services.objects
    if folder != "root" and not objects.is_at_or_below(change.parent, folder.id):
        return []
    item = objects.find(change.object)
    if item is not None and not item.trashed:
        return [item_json(call, item)]
    if change.seq <= place.begun:
        return []
    where = {**reference_json(call.known_caller.account), "id": change.parent}
    gone = {"id": change.object, "deleted": {"state": "deleted"}, "parentReference": where}
    return [gone]
