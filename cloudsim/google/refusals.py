"""The errors of Drive v3 in Google's envelope."""

from typing import Any

from cloudsim.routing import Refusal
from cloudsim.wire.messages import json_response

_RPC_STATUS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}


def refusal(
    status: int,
    reason: str,
    message: str,
    where: tuple[str, str] | None = None,
    domain: str = "global",
) -> Refusal:
    """Write an error by status and reason; where is a locationType with its location."""
    one: dict[str, Any] = {"domain": domain, "reason": reason, "message": message}
    if where:
        one["locationType"], one["location"] = where
    error: dict[str, Any] = {"errors": [one], "code": status, "message": message}
    headers = []
    if status == 401:
        error["status"] = _RPC_STATUS[status]
        headers.append(("WWW-Authenticate", 'Bearer realm="https://accounts.google.com/"'))
    if reason == "insufficientPermissions":
        error["status"] = _RPC_STATUS[status]
        error["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "domain": "googleapis.com",
                "metadata": {"service": "drive.googleapis.com"},
            }
        ]
    return Refusal(json_response({"error": error}, status, headers))


def not_found(file_id: str) -> Refusal:
    return refusal(404, "notFound", f"File not found: {file_id}.", ("parameter", "fileId"))


def invalid(parameter: str, message: str) -> Refusal:
    return refusal(400, "invalid", message, ("parameter", parameter))


def bad_request(message: str) -> Refusal:
    return refusal(400, "badRequest", message)


def id_in_use() -> Refusal:
    message = "A file already exists with the provided ID."
    return refusal(409, "fileIdInUse", message, ("other", "file.id"))


def no_room() -> Refusal:
    return refusal(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")


def no_scope() -> Refusal:
    message = "Request had insufficient authentication scopes."
    return refusal(403, "insufficientPermissions", message)
