"""The routes of Drive v3."""

import re

from cloudsim.google import changes, files, sessions, uploads
from cloudsim.google.listing import list_files
from cloudsim.google.resource import bearer
from cloudsim.routing import Guard, Handler, Route

_CHANGES = "drive/v3/changes"
_FILES = "drive/v3/files"
_ONE = "drive/v3/files/(?P<id>[^/]+)"
_UPLOAD = "(?:resumable/)?upload/drive/v3/files"
_UPLOAD_ONE = "(?:resumable/)?upload/drive/v3/files/(?P<id>[^/]+)"


def routes() -> list[Route]:
    """More particular paths stand before more general ones."""
    return [
        _route("about.get", "GET", "drive/v3/about", files.about),
        _route(
            "changes.getStartPageToken", "GET", _CHANGES + "/startPageToken",
            changes.start_page_token,
        ),
        _route("changes.list", "GET", _CHANGES, changes.list_changes),
        _route("files.generateIds", "GET", _FILES + "/generateIds", files.generate_ids),
        _route("files.list", "GET", _FILES, list_files),
        _route("files.create", "POST", _FILES, files.create),
        _route("files.get.media", "GET", _ONE, files.get, when="alt=media"),
        _route("files.get", "GET", _ONE, files.get),
        _route("files.update", "PATCH", _ONE, files.update),
        _route("files.emptyTrash", "DELETE", _FILES + "/trash", files.empty_bin),
        _route("files.delete", "DELETE", _ONE, files.delete),
        *_session_routes(),
        _route("upload.start", "POST", _UPLOAD, uploads.upload, when="uploadType=resumable"),
        _route("upload.multipart", "POST", _UPLOAD, uploads.upload, when="uploadType=multipart"),
        _route("upload.media", "POST", _UPLOAD, uploads.upload),
        _route("upload.update", "PATCH", _UPLOAD_ONE, uploads.upload),
    ]  # fmt: skip


def _session_routes() -> list[Route]:
    handlers: list[tuple[str, str, Handler]] = [
        ("upload.session", "PUT", sessions.send),
        ("upload.session", "POST", sessions.send),  # rclone
        ("upload.cancel", "DELETE", sessions.cancel),
    ]
    return [
        _route(name, method, path, handler, guard=sessions.session_owner, when="upload_id=")
        for name, method, handler in handlers
        for path in (_UPLOAD, _UPLOAD_ONE)
    ]


def _route(  # noqa: PLR0913 - a table's columns
    name: str, method: str, path: str, handler: Handler, *, guard: Guard = bearer, when: str = ""
) -> Route:
    return Route("google", name, method, re.compile(path), handler, guard, when)
