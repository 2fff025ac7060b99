"""files.list: a query, an order, and pages that neither skip nor repeat when rows come and go."""

from dataclasses import dataclass
from typing import Any

from cloudsim.google.fields import apply_mask, read_mask
from cloudsim.google.query import Condition, read_query
from cloudsim.google.refusals import invalid
from cloudsim.google.resource import SHORT_MASK, file_json, sees_all
from cloudsim.lag import first_unlisted
from cloudsim.paging import BadPageToken, page_token, read_page_token
from cloudsim.routing import Call
from cloudsim.store.objects import Object, Selection
from cloudsim.wire.messages import Response, json_response

_KNOWN = frozenset({"kind", "nextPageToken", "incompleteSearch", "files"})
_SORT = {
    "createdTime": "created",
    "folder": "folder",
    "modifiedByMeTime": "modified",
    "modifiedTime": "modified",
    "name": "name_key",
    "name_natural": "name_key",
    "quotaBytesUsed": "size",
    "recency": "modified",
}
_DESCENDING_AT_FIRST = frozenset({"folder", "recency"})  # folders come first, recent ones too


@dataclass(frozen=True)
class _Key:
    """One column of the order."""

    column: str
    descending: bool


def list_files(call: Call) -> Response:
    query = call.query
    mask = read_mask(query.get("fields"), _KNOWN) if query.get("fields") else {
        "kind": {}, "nextPageToken": {}, "incompleteSearch": {}, "files": SHORT_MASK
    }  # fmt: skip
    size = _page_size(query.get("pageSize", "100"))
    keys = _order(query.get("orderBy"))
    found = _page(call, keys, size + 1)
    answer: dict[str, Any] = {"kind": "drive#fileList", "incompleteSearch": False}
    if len(found) > size:
        last = _values(found[size - 1], keys)
        answer["nextPageToken"] = page_token(call.services.database.secret, _listing(call), last)
    account = call.known_caller.account
    answer["files"] = [file_json(account, file) for file in found[:size]]
    return json_response(apply_mask(answer, mask))


def _page_size(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1000:
        raise invalid(
            "pageSize", f"Invalid value '{text}'. Values must be within the range: [1, 1000]"
        )
    return int(text)


def _order(text: str) -> list[_Key]:
    keys = []
    for part in (part.split() for part in text.split(",") if part.strip()):
        if part[0] not in _SORT or part[1:] not in ([], ["desc"]):
            raise invalid("orderBy", "Invalid Value")
        descending = bool(part[1:]) != (part[0] in _DESCENDING_AT_FIRST)
        keys.append(_Key(_SORT[part[0]], descending))
    return [*keys, _Key("seq", False)]


def _page(call: Call, keys: list[_Key], at_most: int) -> list[Object]:
    caller = call.known_caller
    parts = [Condition("account = ?", (caller.account.id,))]
    if not sees_all(caller):
        parts.append(Condition("maker = ?", (caller.client,)))
    parts += [Condition("seq < ?", (first,)) for first in first_unlisted(call)]
    if call.query.get("q").strip():
        parts.append(read_query(call.query.get("q"), caller.account.root_id))
    if token := call.query.get("pageToken"):
        parts.append(_behind(keys, _read_token(call, token, len(keys))))
    where = " AND ".join(f"({part.text})" for part in parts)
    values = tuple(value for part in parts for value in part.values)
    order = ", ".join(key.column + (" DESC" if key.descending else "") for key in keys)
    return call.services.objects.select(Selection(where, values, order), at_most)


def _behind(keys: list[_Key], last: list[Any]) -> Condition:
    """Select what sorts behind these values: greater in one column, equal in all before."""
    cases, values = [], []
    for index, key in enumerate(keys):
        same = [f"{before.column} = ?" for before in keys[:index]]
        beyond = f"{key.column} {'<' if key.descending else '>'} ?"
        cases.append("(" + " AND ".join([*same, beyond]) + ")")
        values += last[: index + 1]
    return Condition(" OR ".join(cases), tuple(values))


def _values(file: Object, keys: list[_Key]) -> list[Any]:
    values = {
        "created": file.created,
        "modified": file.modified,
        "folder": int(file.is_folder),
        "name_key": file.name.casefold(),
        "size": file.size,
        "seq": file.seq,
    }
    return [values[key.column] for key in keys]


def _listing(call: Call) -> str:
    """Name what a page token belongs to."""
    query = call.query
    return f"{call.known_caller.account.id}\n{query.get('q')}\n{query.get('orderBy')}"


def _read_token(call: Call, token: str, count: int) -> list[Any]:
    try:
        last = read_page_token(call.services.database.secret, _listing(call), token)
    except BadPageToken as error:
        raise invalid("pageToken", "Invalid Value") from error
    if len(last) != count:
        raise invalid("pageToken", "Invalid Value")
    return last
