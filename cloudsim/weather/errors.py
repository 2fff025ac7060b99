"""Errors in each provider's own form, by their reason alone."""

import json
import math
from email.utils import formatdate

from cloudsim.google.refusals import refusal
from cloudsim.microsoft.refusals import Problem, content_refusal, graph_refusal
from cloudsim.routing import Call, Route
from cloudsim.weather.effects import Answer
from cloudsim.weather.routes import is_content_host, is_sign_in
from cloudsim.wire.messages import Response, json_response

WALL = "User rate limit exceeded."  # Google says it of the day's uploads; case and stop tell it
_REASONS = {
    "google": {
        400: "badRequest", 401: "authError", 403: "userRateLimitExceeded", 404: "notFound",
        409: "fileIdInUse", 412: "conditionNotMet", 429: "rateLimitExceeded",
    },
    "microsoft": {
        400: "invalidRequest", 401: "InvalidAuthenticationToken", 403: "accessDenied",
        404: "itemNotFound", 409: "resourceModified", 410: "resyncRequired",
        412: "resourceModified", 423: "resourceLocked", 429: "activityLimitReached",
        500: "generalException", 507: "quotaLimitReached",
    },
}  # fmt: skip
_OTHERWISE = {"google": "backendError", "microsoft": "serviceNotAvailable"}
_MESSAGES = {
    "authError": "Invalid Credentials",
    "userRateLimitExceeded": "User Rate Limit Exceeded. Rate of requests for user exceed configured"
    " project quota",
    "rateLimitExceeded": "Rate Limit Exceeded",
    "dailyLimitExceeded": "Daily Limit Exceeded",
    "quotaExceeded": "Daily Limit Exceeded",
    "storageQuotaExceeded": "The user's Drive storage quota has been exceeded.",
    "notFound": "File not found",
    "backendError": "Backend Error",
    "InvalidAuthenticationToken": "Access token has expired or is not yet valid.",
    "accessDenied": "Access denied",
    "itemNotFound": "The resource could not be found.",
    "activityLimitReached": "The request has been throttled",
    "serviceNotAvailable": "Service unavailable",
    "quotaLimitReached": "Insufficient Space Available",
    "resourceLocked": "The resource you are attempting to access is locked",
    "resourceModified": "The resource has changed",
}
_USAGE_LIMITS = frozenset(
    {
        "userRateLimitExceeded",
        "rateLimitExceeded",
        "dailyLimitExceeded",
        "quotaExceeded",
        "accessNotConfigured",
    }
)


def error_response(route: Route, call: Call, answer: Answer) -> Response:
    """Write the answer a rule or a condition gives."""
    response = _body(route, call, answer).with_headers(*answer.headers.items())
    if answer.retry_after_s is None:
        return response
    return response.with_headers(("Retry-After", _retry_after(call, answer)))


def _retry_after(call: Call, answer: Answer) -> str:
    seconds = math.ceil(answer.retry_after_s or 0)
    if answer.retry_after_as_date:
        return formatdate(call.services.clock.now() + seconds, usegmt=True)
    return str(seconds)


def _body(route: Route, call: Call, answer: Answer) -> Response:
    if answer.body is not None:
        kind = (("Content-Type", answer.content_type),)
        return Response(answer.status, answer.body.encode(), kind)
    if is_sign_in(route):
        return _sign_in_error(answer)
    reasons = _REASONS[route.provider]
    reason = answer.reason or reasons.get(answer.status, _OTHERWISE[route.provider])
    message = answer.message or _MESSAGES.get(reason, reason)
    if route.provider == "google":
        domain = "usageLimits" if reason in _USAGE_LIMITS else "global"
        return refusal(answer.status, reason, message, domain=domain).response
    if is_content_host(route):
        return content_refusal(answer.status, reason, message, answer.inner).response
    problem = Problem(answer.status, reason, message, answer.inner)
    return graph_refusal(call.services, call.request, problem).response


def _sign_in_error(answer: Answer) -> Response:
    """Write OAuth's form; a message that starts with AADSTS and a number tells it too."""
    body: dict[str, object] = {"error": answer.reason or "invalid_grant"}
    if answer.message:
        body["error_description"] = answer.message
    number = answer.message.partition(":")[0].removeprefix("AADSTS")
    if answer.message.startswith("AADSTS") and number.isdigit():
        body["error_codes"] = [int(number)]
    return json_response(body, answer.status)


def read_object(response: Response) -> dict[str, object] | None:
    """Read an answer that is a JSON object; None for any other."""
    if response.file is not None or not response.body.startswith(b"{"):
        return None
    value = json.loads(response.body)
    return value if isinstance(value, dict) else None
