"""The routes of Graph and of the content addresses."""

import re

from cloudsim.microsoft import changes, content, drive, sessions
from cloudsim.microsoft.access import bearer
from cloudsim.routing import Guard, Handler, Route

_DRIVE = "v1.0/(?:me/drive|drives/(?P<drive>[^/:]+))"
# root:/a/b · items/{id} · items/{id}:/name · special/approot:/a, with a colon behind a path or not
_ITEM = (
    _DRIVE
    + "/(?P<base>root|special/approot|items/[^/:]+)(?:(?::|%3[Aa])(?P<path>/[^:]*?)?(?::|%3[Aa])?)?"
)


def routes() -> list[Route]:
    """Actions before items, as an item's path could swallow them."""
    item = [
        ("item.children", "GET", "/children", drive.children),
        ("item.createFolder", "POST", "/children", drive.make_folder),
        ("item.versions", "GET", "/versions", drive.versions),
        ("item.delta", "GET", "/delta", changes.delta),
        ("item.content", "GET", "/content", drive.download),
        ("item.put", "PUT", "/content", content.put),
        ("item.createUploadSession", "POST", "/createUploadSession", sessions.begin),
        ("item.permanentDelete", "POST", "/permanentDelete", drive.delete_for_good),
    ]
    plain = [
        ("item.get", "GET", drive.get_item),
        ("item.update", "PATCH", drive.change_item),
        ("item.delete", "DELETE", drive.delete),
        ("item.commit", "PUT", sessions.commit),
    ]
    return [
        _route("me", "GET", "v1.0/me", drive.me),
        _route("drive.get", "GET", "v1.0/me/drive", drive.my_drive),
        _route("drives.list", "GET", "v1.0/me/drives", drive.my_drives),
        _route("drive.get", "GET", "v1.0/drives/(?P<drive>[^/:]+)(?P<base>)", drive.named_drive),
        *(_action(name, method, end, handler) for name, method, end, handler in item),
        *(_route(name, method, _ITEM, handler) for name, method, handler in plain),
        *_content_routes(),
    ]


def _action(name: str, method: str, end: str, handler: Handler) -> Route:
    """`…/content` behind an id, `…:/content` behind a path."""
    base = _DRIVE + "/(?P<base>root|special/approot|items/[^/:]+)"
    path = f"{base}(?:(?::|%3[Aa])(?P<path>/[^:]*?)(?::|%3[Aa]))?{end}"
    return _route(name, method, path, handler)


def _content_routes() -> list[Route]:
    upload = "content/upload/(?P<upload>[^/]+)"
    return [
        _route(
            "content.download", "GET", "content/download/[^/]+", content.serve_download,
            content.ticket_holder,
        ),
        _route("upload.fragment", "PUT", upload, sessions.send, sessions.session_owner),
        _route("upload.state", "GET", upload, sessions.state, sessions.session_owner),
        _route("upload.cancel", "DELETE", upload, sessions.cancel, sessions.session_owner),
    ]  # fmt: skip


def _route(name: str, method: str, path: str, handler: Handler, guard: Guard = bearer) -> Route:
    return Route("microsoft", name, method, re.compile(path), handler, guard)
