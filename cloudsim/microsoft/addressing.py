"""Which item a path of Graph means: by id, by path, or a name below an item."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from cloudsim.microsoft.access import denied, only_app_folder
from cloudsim.microsoft.ids import new_item_id
from cloudsim.microsoft.refusals import bad_request, not_found
from cloudsim.routing import Call
from cloudsim.store.accounts import Account
from cloudsim.store.objects import FOLDER_MIME, NameTaken, NewObject, Object

_FORBIDDEN = re.compile(r'["*:<>?/\\|\x00-\x1f]')
_PATH_AT_MOST = 400


@dataclass(frozen=True)
class Address:
    """An item, and the names below it that the path goes on with."""

    start: Object | Literal["root"]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A name in a folder, and what is there now."""

    parent: str
    name: str
    item: Object | None


def read_address(call: Call) -> Address:
    """Read the address the route's groups spell: base, and perhaps a path behind a colon."""
    check_drive(call)
    path = call.path.get("path") or ""
    names = tuple(unquote(part) for part in path.split("/") if part)
    if len("/".join(names)) >= _PATH_AT_MOST:
        raise bad_request(call, "The path is too long.", "pathIsTooLong")
    for name in names:
        check_name(call, name)
    return Address(_start(call, unquote(call.path["base"])), names)


def check_drive(call: Call) -> None:
    """Refuse another's drive; personal ids have no fixed case and may lack a zero."""
    drive = call.path.get("drive")
    account = call.known_caller.account
    wanted = account.drive_id
    if drive is None:
        return
    given = unquote(drive)
    if given != wanted and (account.is_work or given.lower().zfill(16) != wanted):
        raise not_found(call)


def _start(call: Call, base: str) -> Object | Literal["root"]:
    account = call.known_caller.account
    if base == "special/approot":
        return _app_folder(call)
    if base in {"root", "items/root", f"items/{account.root_id}"}:
        if only_app_folder(call):
            raise denied(call)
        return "root"
    return own_item(call, base.removeprefix("items/"))


def own_item(call: Call, item_id: str) -> Object:
    """Find the live item of this id in the caller's drive."""
    found = call.services.objects.find(item_id)
    if found is None or found.trashed or found.account != call.known_caller.account.id:
        raise not_found(call)
    if only_app_folder(call):
        own_folder = _app_folder(call).id
        if not call.services.objects.is_at_or_below(found.id, own_folder):
            raise denied(call)
    return found


def _app_folder(call: Call) -> Object:
    """Find the application's own folder, made by the first call that asks for it."""
    root = call.known_caller.account.root_id
    apps = ensure_folder(call, root, "Apps")
    return ensure_folder(call, apps.id, call.known_caller.client)


def check_app_folder(call: Call) -> None:
    """Refuse a session in the application's folder before a first GET has made it."""
    if call.path["base"] != "special/approot":
        return
    objects, caller = call.services.objects, call.known_caller
    apps = objects.child(caller.account.id, caller.account.root_id, "Apps")
    if apps is None or objects.child(caller.account.id, apps.id, caller.client) is None:
        raise denied(call)


def ensure_folder(call: Call, parent: str, name: str) -> Object:
    """Find the folder of that name, or make it; a file in its place is refused."""
    caller = call.known_caller
    objects = call.services.objects
    found = objects.child(caller.account.id, parent, name)
    if found is None:
        new = NewObject(
            new_item_id(caller.account), caller.account, parent, name, FOLDER_MIME, caller.client,
            is_folder=True,
        )  # fmt: skip
        try:
            return objects.add(new)
        except NameTaken:
            found = objects.child(caller.account.id, parent, name)
    if found is None or not found.is_folder:
        raise bad_request(call, "The path goes through a file.", "invalidPath")
    return found


def find_item(call: Call, address: Address) -> Object | Literal["root"]:
    """Find what is at the address now; not found when a step is missing."""
    found = address.start
    for name in address.names:
        below = call.services.objects.child(
            call.known_caller.account.id, id_of(call.known_caller.account, found), name
        )
        if below is None:
            raise not_found(call)
        found = below
    return found


def find_place(call: Call, address: Address) -> Place:
    """Find where a write goes, making missing folders; without names it is the item itself."""
    account = call.known_caller.account
    if not address.names:
        if address.start == "root":
            raise bad_request(call, "The root has no content.")
        return Place(address.start.parent, address.start.name, address.start)
    parent = id_of(account, as_folder(call, address.start))
    for name in address.names[:-1]:
        parent = ensure_folder(call, parent, name).id
    name = address.names[-1]
    return Place(parent, name, call.services.objects.child(account.id, parent, name))


def made_folder(call: Call, address: Address) -> Object | Literal["root"]:
    """Find the folder at the address, making what is missing of its path."""
    folder = as_folder(call, address.start)
    account = call.known_caller.account
    for name in address.names:
        folder = ensure_folder(call, id_of(account, folder), name)
    return folder


def as_folder(call: Call, item: Object | Literal["root"]) -> Object | Literal["root"]:
    """Let folders pass; nothing can lie in a file."""
    if item != "root" and not item.is_folder:
        raise bad_request(call, "The item is not a folder.")
    return item


def id_of(account: Account, item: Object | Literal["root"]) -> str:
    return account.root_id if item == "root" else item.id


def check_name(call: Call, name: str) -> None:
    """OneDrive's rules for a name; a broken one is a bad request."""
    is_bad = (
        not name
        or len(name) > 255
        or _FORBIDDEN.search(name)
        or name[0] in "~ "
        or name[-1] in ". "
    )
    if is_bad:
        raise bad_request(call, "The provided name cannot contain these characters.", "invalidPath")
