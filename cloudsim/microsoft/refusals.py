"""The errors of Graph and of the hosts that take pre-authenticated requests."""

import uuid
from dataclasses import dataclass

from cloudsim.clock import utc_text
from cloudsim.routing import Call, Refusal
from cloudsim.settings import Services
from cloudsim.wire.messages import Request, json_response


@dataclass(frozen=True)
class Problem:
    """What an error says; the inner code is the detail some errors carry."""

    status: int
    code: str
    message: str
    inner: str = ""


def graph_refusal(services: Services, request: Request, problem: Problem) -> Refusal:
    """Write an error as Graph does, with the ids its support asks for."""
    request_id = str(uuid.uuid4())
    inner_error = {
        "date": utc_text(services.clock.now())[:19],
        "request-id": request_id,
        "client-request-id": request.header("client-request-id") or request_id,
    }
    if problem.inner:
        inner_error["code"] = problem.inner
    error = {"code": problem.code, "message": problem.message, "innerError": inner_error}
    headers = (("request-id", request_id),)
    return Refusal(json_response({"error": error}, problem.status, headers))


def content_refusal(status: int, code: str, message: str, inner: str = "") -> Refusal:
    """Write an error as the content hosts do: innererror in lower case, without ids."""
    error: dict[str, object] = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return Refusal(json_response({"error": error}, status))


def refuse(call: Call, status: int, code: str, message: str, inner: str = "") -> Refusal:
    return graph_refusal(call.services, call.request, Problem(status, code, message, inner))


def not_found(call: Call) -> Refusal:
    return refuse(call, 404, "itemNotFound", "The resource could not be found.")


def name_taken(call: Call) -> Refusal:
    return refuse(call, 409, "nameAlreadyExists", "The specified item name already exists.")


def no_room(call: Call) -> Refusal:
    return refuse(call, 507, "quotaLimitReached", "Insufficient Space Available")


def bad_request(call: Call, message: str, inner: str = "") -> Refusal:
    return refuse(call, 400, "invalidRequest", message, inner)


def session_gone() -> Refusal:
    return content_refusal(404, "itemNotFound", "The upload session was not found")
