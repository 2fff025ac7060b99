"""A drive and its items as their JSON, and the addresses that need no token."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any, Literal

from cloudsim.clock import utc_text
from cloudsim.microsoft.addressing import id_of
from cloudsim.routing import Call
from cloudsim.settings import Services
from cloudsim.store.accounts import Account
from cloudsim.store.objects import Object

DOWNLOAD_URL = "@microsoft.graph.downloadUrl"
DOWNLOAD_LIFETIME_S = 900


def drive_json(account: Account) -> dict[str, Any]:
    kind = "business" if account.is_work else "personal"
    return {
        "id": account.drive_id,
        "driveType": kind,
        "name": "OneDrive",
        "owner": {
            "user": {
                "displayName": account.person.name,
                "email": account.person.address,
                "id": account.permission_id,
            }
        },
        "quota": _quota_json(account),
    }


def _quota_json(account: Account) -> dict[str, Any]:
    """Count the bin as used; numbers, not strings."""
    if account.quota is None:
        return {"total": 0, "used": 0, "remaining": 0, "deleted": 0, "state": "normal"}
    left = max(0, account.quota - account.used)
    return {
        "total": account.quota,
        "used": account.used,
        "remaining": left,
        "deleted": account.binned,
        "state": _quota_state(account.quota, left),
    }


def _quota_state(total: int, left: int) -> str:
    if left == 0:
        return "exceeded"
    if left * 100 < total:
        return "critical"
    return "nearing" if left * 10 < total else "normal"


def item_json(call: Call, item: Object | Literal["root"]) -> dict[str, Any]:
    """Everything about an item; $select picks from it."""
    return _root_json(call) if item == "root" else _object_json(call, item)


def _root_json(call: Call) -> dict[str, Any]:
    account = call.known_caller.account
    created = utc_text(account.created)
    count = call.services.objects.count_children(account.id, account.root_id)
    return {
        "id": account.root_id,
        "name": "root",
        "size": account.used - account.binned,
        "eTag": '"root,1"',
        "createdDateTime": created,
        "lastModifiedDateTime": created,
        "fileSystemInfo": {"createdDateTime": created, "lastModifiedDateTime": created},
        "parentReference": reference_json(account),
        "folder": {"childCount": count},
        "root": {},
    }


def _object_json(call: Call, item: Object) -> dict[str, Any]:
    account = call.known_caller.account
    objects = call.services.objects
    times = {
        "createdDateTime": utc_text(item.created),
        "lastModifiedDateTime": utc_text(item.modified),
    }
    where = {"id": item.parent, "path": _path_of(call, item.parent)}
    answer: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "size": objects.size_below(item.id) if item.is_folder else item.size,
        "eTag": etag(item),
        "cTag": f'"c:{{{item.id}}},{item.version}"',
        **times,
        "fileSystemInfo": times,
        "webUrl": f"{call.addresses.base}/",
        "parentReference": {**reference_json(account), **where},
    }
    if item.is_folder:
        return answer | {"folder": {"childCount": objects.count_children(account.id, item.id)}}
    answer["file"] = {"mimeType": item.mime}
    if item.size:  # an empty file has no hash
        answer["file"]["hashes"] = {"quickXorHash": item.digests.quick_xor}
    answer[DOWNLOAD_URL] = download_url(call, item)
    return answer


def etag(item: Object) -> str:
    return f'"{{{item.id}}},{item.version}"'


def reference_json(account: Account) -> dict[str, str]:
    kind = "business" if account.is_work else "personal"
    return {"driveId": account.drive_id, "driveType": kind}


def _path_of(call: Call, folder_id: str) -> str:
    names: list[str] = []
    root_id = call.known_caller.account.root_id
    while folder_id != root_id and len(names) < 200:
        folder = call.services.objects.find(folder_id)
        if folder is None:
            break
        names.append(folder.name)
        folder_id = folder.parent
    return "/drive/root:" + "".join(f"/{name}" for name in reversed(names))


def selected(value: dict[str, Any], wanted: str) -> dict[str, Any]:
    """Pick the properties of $select; the download address comes only beside the id."""
    names = {name.strip() for name in wanted.split(",") if name.strip()}
    if not names:
        return value
    if "id" not in names:
        names.discard(DOWNLOAD_URL)
    return {name: one for name, one in value.items() if name in names}


def selected_all(values: Iterable[dict[str, Any]], wanted: str) -> list[dict[str, Any]]:
    return [selected(value, wanted) for value in values]


def download_url(call: Call, item: Object) -> str:
    """Make an address that gives the item's bytes to whoever has it, for a quarter of an hour."""
    body = json.dumps([item.id, int(call.services.clock.now()) + DOWNLOAD_LIFETIME_S]).encode()
    ticket = base64.urlsafe_b64encode(_seal(call.services, body) + body).decode().rstrip("=")
    return call.addresses.download(ticket)


def opened_download(services: Services, ticket: str) -> str | None:
    """Find the item a download address stands for, while it lives."""
    try:
        raw = base64.b64decode(ticket + "=" * (-len(ticket) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    if not hmac.compare_digest(_seal(services, raw[32:]), raw[:32]):
        return None
    item_id, expires = json.loads(raw[32:])
    return str(item_id) if expires > services.clock.now() else None


def _seal(services: Services, body: bytes) -> bytes:
    return hmac.digest(services.database.secret, b"download:" + body, hashlib.sha256)


def parent_id(call: Call, item: Object | Literal["root"]) -> str:
    return id_of(call.known_caller.account, item)
