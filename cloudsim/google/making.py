"""From sent metadata to a new or changed file."""

from collections.abc import Mapping
from typing import Any

from cloudsim.clock import utc_seconds
from cloudsim.google.refusals import bad_request, id_in_use, invalid, no_room, not_found
from cloudsim.google.resource import is_our_id, new_id, sees_all, visible
from cloudsim.routing import Call, Refusal
from cloudsim.store.blobs import Content
from cloudsim.store.objects import (
    FOLDER_MIME,
    Change,
    IdInUse,
    NewObject,
    NoRoom,
    Object,
    Replacement,
    Vanished,
)  # fmt: skip

_KEPT_AS_SENT = ("description", "starred")
_MERGED = ("appProperties", "properties")
_PLAIN_MIME = "application/octet-stream"


def check_new(call: Call, sent: Mapping[str, Any]) -> None:
    """Refuse metadata of which no file can be made: bad types, a taken id, an unknown parent."""
    for name in ("id", "name", "mimeType"):
        if not isinstance(sent.get(name, ""), str):
            raise invalid(name, "Invalid Value")
    file_id = sent.get("id")
    if file_id is not None:
        if not is_our_id(call.services.database.secret, file_id):
            raise invalid("file.id", "The provided file ID is not usable.")
        if call.services.objects.find(file_id) is not None:
            raise id_in_use()
    parent_of(call, sent)
    _time(sent, "createdTime")
    _time(sent, "modifiedTime")


def check_room(call: Call, size: int) -> None:
    """Refuse before the bytes come what cannot fit after they came."""
    account = call.known_caller.account
    if account.quota is not None and size and account.used + size > account.quota:
        raise no_room()


def make_file(call: Call, sent: Mapping[str, Any], mime: str, content: Content | None) -> Object:
    """Make what the metadata says; a refused one leaves no content behind."""
    services, caller = call.services, call.known_caller
    is_folder = sent.get("mimeType") == FOLDER_MIME and content is None
    if content is None and not is_folder:
        content = services.blobs.receive(_Nothing(), "google", 0)
    try:
        parent = parent_of(call, sent)
    except Refusal:
        _discard(call, content)
        raise
    new = NewObject(
        id=sent.get("id") or new_id(services.database.secret),
        account=caller.account,
        parent=parent,
        name=sent.get("name") or "Untitled",
        mime=sent.get("mimeType") or mime or _PLAIN_MIME,
        maker=caller.client,
        content=content,
        is_folder=is_folder,
        created=_time(sent, "createdTime"),
        modified=_time(sent, "modifiedTime"),
        details=_details({}, sent),
    )
    try:
        return services.objects.add(new)
    except IdInUse as error:
        _discard(call, content)
        raise id_in_use() from error
    except NoRoom as error:
        _discard(call, content)
        raise no_room() from error


def replace_content(call: Call, old: Object, mime: str, content: Content) -> Object:
    """Give a file other bytes; refused for want of room, the old ones stay."""
    try:
        replacement = Replacement(content, mime or old.mime)
        new, nobodys = call.services.objects.replace_content(old.id, replacement)
    except NoRoom as error:
        _discard(call, content)
        raise no_room() from error
    except Vanished as error:
        _discard(call, content)
        raise not_found(old.id) from error
    if nobodys:
        call.services.blobs.discard([nobodys])
    return new


def changed(call: Call, old: Object, sent: Mapping[str, Any]) -> Object:
    """Apply the metadata that was sent and leave the rest."""
    parent = old.parent
    added = [one for one in call.query.get("addParents").split(",") if one]
    if added:
        parent = parent_of(call, {"parents": added})
        if call.services.objects.is_at_or_below(parent, old.id):
            raise bad_request("A file cannot be moved into itself.")
    modified = _time(sent, "modifiedTime")
    change = Change(
        name=str(sent.get("name", old.name)),
        parent=parent,
        mime=str(sent.get("mimeType", old.mime)),
        modified=call.services.clock.now() if modified is None else modified,
        details=_details(old.details, sent),
    )
    try:
        new = call.services.objects.change(old.id, change)
    except Vanished as error:
        raise not_found(old.id) from error
    if "trashed" in sent and bool(sent["trashed"]) != old.trashed_itself:
        call.services.objects.set_trashed(old.id, trashed=bool(sent["trashed"]))
        new = visible(call, old.id)
    return new


def parent_of(call: Call, sent: Mapping[str, Any]) -> str:
    """Find the one folder the file lies in; the root when none is named."""
    account = call.known_caller.account
    parents = sent.get("parents") or ["root"]
    if not isinstance(parents, list) or not all(isinstance(one, str) for one in parents):
        raise invalid("parents", "Invalid Value")
    if len(parents) > 1:
        raise bad_request("A file cannot have more than one parent.")
    if parents[0] in {"root", account.root_id}:
        return account.root_id
    caller = call.known_caller
    folder = call.services.objects.find(parents[0])
    if folder is None or folder.account != account.id or not folder.is_folder:
        raise not_found(parents[0])
    if folder.maker != caller.client and not sees_all(caller):
        raise not_found(parents[0])
    return folder.id


def _details(old: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    details = {**old, **{name: sent[name] for name in _KEPT_AS_SENT if name in sent}}
    for name in _MERGED:
        more = sent.get(name)
        if isinstance(more, dict):
            merged = {**details.get(name, {}), **more}
            details[name] = {key: value for key, value in merged.items() if value is not None}
    return details


def _time(sent: Mapping[str, Any], name: str) -> float | None:
    if name not in sent:
        return None
    try:
        return utc_seconds(sent[name])
    except (TypeError, ValueError) as error:
        raise invalid(name, f"Invalid value for: Invalid format: {name}") from error


def _discard(call: Call, content: Content | None) -> None:
    if content:
        call.services.blobs.discard([content.blob])


class _Nothing:
    """The body of a file made by metadata alone."""

    length: int | None = 0

    def readinto(self, buffer: memoryview) -> int:
        del buffer
        return 0
