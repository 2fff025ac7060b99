"""changes of Drive v3: what happened in a drive since a token was given."""

from typing import Any

from cloudsim.clock import utc_text
from cloudsim.google.fields import apply_mask, read_mask
from cloudsim.google.listing import page_size
from cloudsim.google.refusals import invalid
from cloudsim.google.resource import SHORT_MASK, file_json, sees_all
from cloudsim.routing import Call
from cloudsim.store.history import Change
from cloudsim.wire.messages import Response, json_response

_KNOWN = frozenset({"kind", "nextPageToken", "newStartPageToken", "changes"})
_SHORT = {
    "kind": {}, "nextPageToken": {}, "newStartPageToken": {},
    "changes": {
        "kind": {}, "type": {}, "changeType": {}, "time": {}, "removed": {}, "fileId": {},
        "file": SHORT_MASK,
    },
}  # fmt: skip


def start_page_token(call: Call) -> Response:
    """Tell where the changes that are still to come will begin."""
    token = str(call.services.history.position() + 1)
    return json_response({"kind": "drive#startPageToken", "startPageToken": token})


def list_changes(call: Call) -> Response:
    query, caller = call.query, call.known_caller
    mask = read_mask(query.get("fields"), _KNOWN) if query.get("fields") else _SHORT
    size = page_size(query.get("pageSize", "100"))
    position = _position(query.get("pageToken"))
    found = call.services.history.changes(caller.account.id, position, size + 1)
    answer: dict[str, Any] = {"kind": "drive#changeList"}
    if len(found) > size:
        answer["nextPageToken"] = str(found[size - 1].seq + 1)
    else:
        end = found[-1].seq if found else position
        answer["newStartPageToken"] = str(end + 1)
    with_removed = query.get("includeRemoved", "true") != "false"
    answer["changes"] = [
        _change_json(call, change)
        for change in found[:size]
        if (sees_all(caller) or change.maker == caller.client)
        and (with_removed or not change.removed)
    ]
    return json_response(apply_mask(answer, mask))


def _position(token: str) -> int:
    """Read a token: the number of the first change that is wanted."""
    if not (token.isascii() and token.isdigit()) or not int(token):
        raise invalid("pageToken", "Invalid Value")
    return int(token) - 1


def _change_json(call: Call, change: Change) -> dict[str, Any]:
    file = call.services.objects.find(change.object)
    answer: dict[str, Any] = {
        "kind": "drive#change",
        "type": "file",
        "changeType": "file",
        "time": utc_text(change.at),
        "removed": file is None,
        "fileId": change.object,
    }
    if file is not None:
        answer["file"] = file_json(call.known_caller.account, file)
    return answer
