"""about and files of Drive v3, but for the bytes of an upload and the listing."""

from typing import Any

from cloudsim.bins import account_now
from cloudsim.google.fields import apply_mask, read_mask
from cloudsim.google.making import changed, check_new, make_file
from cloudsim.google.refusals import invalid, no_scope, not_found, refusal
from cloudsim.google.resource import (
    ALL_OF_DRIVE,
    file_mask,
    masked_file,
    must_write,
    new_id,
    root_json,
    sees_all,
    user_json,
    visible,
)  # fmt: skip
from cloudsim.routing import Call
from cloudsim.store.objects import Object, Selection
from cloudsim.wire.messages import FileSlice, Response, json_response
from cloudsim.wire.ranges import NotSatisfiable, wanted_span

_ABOUT_FIELDS = frozenset(
    [
        "kind",
        "user",
        "storageQuota",
        "importFormats",
        "exportFormats",
        "maxImportSizes",
        "maxUploadSize",
        "appInstalled",
        "folderColorPalette",
        "driveThemes",
        "teamDriveThemes",
        "canCreateDrives",
        "canCreateTeamDrives",
    ]
)
_LARGEST = 5 * 1024**4
_BIN_BATCH = 1000


def about(call: Call) -> Response:
    fields = call.query.get("fields")
    if not fields:
        message = "The 'fields' parameter is required for this method."
        raise refusal(400, "required", message, ("parameter", "fields"))
    account = account_now(call)
    quota = {
        "usage": str(account.used),
        "usageInDrive": str(account.used),
        "usageInDriveTrash": str(account.binned),
    }
    if account.quota is not None:
        quota = {"limit": str(account.quota), **quota}
    answer: dict[str, Any] = {
        "kind": "drive#about",
        "user": user_json(account),
        "storageQuota": quota,
        "maxUploadSize": str(_LARGEST),
        "appInstalled": True,
        "canCreateDrives": False,
        "importFormats": {},
        "exportFormats": {},
        "maxImportSizes": {},
    }
    return json_response(apply_mask(answer, read_mask(fields, _ABOUT_FIELDS)))


def generate_ids(call: Call) -> Response:
    must_write(call.known_caller)
    text = call.query.get("count", "10")
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1000:
        raise invalid(
            "count", f"Invalid value '{text}'. Values must be within the range: [1, 1000]"
        )
    secret = call.services.database.secret
    ids = [new_id(secret) for _ in range(int(text))]
    return json_response({"kind": "drive#generatedIds", "space": "drive", "ids": ids})


def create(call: Call) -> Response:
    must_write(call.known_caller)
    sent = call.request.json()
    check_new(call, sent)
    file_mask(call.query.get("fields"))
    made = make_file(call, sent, "", None)
    return _answer(call, made)


def get(call: Call) -> Response:
    file_id = call.path["id"]
    account = call.known_caller.account
    if file_id in {"root", account.root_id} and _may_see_root(call):
        return json_response(apply_mask(root_json(account), file_mask(call.query.get("fields"))))
    file = visible(call, file_id)
    if call.query.get("alt") == "media":
        return _download(call, file)
    return _answer(call, file)


def _may_see_root(call: Call) -> bool:
    """Under drive.file the root, not made by the client, is 404; compat bears with asking."""
    return sees_all(call.known_caller) or not call.services.settings.strict


def _download(call: Call, file: Object) -> Response:
    if file.blob is None:
        message = "Only files with binary content can be downloaded."
        raise refusal(403, "fileNotDownloadable", message, ("parameter", "alt"))
    if file.is_infected and call.query.get("acknowledgeAbuse") != "true":
        message = "This file has been identified as malware or spam and cannot be downloaded."
        raise refusal(403, "cannotDownloadAbusiveFile", message)
    try:
        span = wanted_span(call.request.header("range"), file.size)
    except NotSatisfiable as error:
        message = "Request range not satisfiable"
        refused = refusal(416, "requestedRangeNotSatisfiable", message, ("header", "Range"))
        size = ("Content-Range", f"bytes */{file.size}")
        raise type(refused)(refused.response.with_headers(size)) from error
    headers: tuple[tuple[str, str], ...] = (("Content-Type", file.mime), ("Accept-Ranges", "bytes"))
    try:
        opened = call.services.blobs.open(file.blob)
    except FileNotFoundError as error:  # deleted since its row was read
        raise not_found(file.id) from error
    if span is None:
        return Response(200, b"", headers, FileSlice(opened, 0, file.size))
    where = f"bytes {span.start}-{span.start + span.length - 1}/{file.size}"
    headers = (*headers, ("Content-Range", where))
    return Response(206, b"", headers, FileSlice(opened, span.start, span.length))


def update(call: Call) -> Response:
    must_write(call.known_caller)
    old = visible(call, call.path["id"])
    file_mask(call.query.get("fields"))
    return _answer(call, changed(call, old, call.request.json()))


def delete(call: Call) -> Response:
    must_write(call.known_caller)
    file = visible(call, call.path["id"])
    call.services.blobs.discard(call.services.objects.remove(file.id))
    return Response(204)


def empty_bin(call: Call) -> Response:
    if ALL_OF_DRIVE not in call.known_caller.scopes:
        raise no_scope()
    objects = call.services.objects
    binned = Selection("account = ? AND trashed_itself", (call.known_caller.account.id,))
    while found := objects.select(binned, _BIN_BATCH):
        for file in found:
            call.services.blobs.discard(objects.remove(file.id))
    return Response(204)


def _answer(call: Call, file: Object) -> Response:
    account = call.known_caller.account
    return json_response(masked_file(account, file, call.query.get("fields")))
