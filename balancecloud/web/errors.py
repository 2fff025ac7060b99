"""What is said when something fails: a page for people, JSON for programs, details for the log.

Nothing of a stack, a statement, a path or a provider's reply reaches an answer. These pages ask
neither the database nor Redis anything.
"""

import logging
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from flask import Flask, Response, jsonify, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from balancecloud.errors import (
    BadCsrf,
    BalanceCloudError,
    IntegrityError,
    Invalid,
    NotReady,
    NotSignedIn,
    SignInAgainFirst,
    Temporary,
    TooMany,
)
from balancecloud.web import context

# What a person reads for an answer of the framework's own.
SENTENCES: Final = {
    400: "The request could not be understood.",
    403: "You are not allowed to do that.",
    404: "There is nothing here, or it isn't yours.",
    405: "That can't be done with this address.",
    408: "The request took too long to arrive.",
    411: "The request must say how long it is.",
    413: "This is larger than this server accepts.",
    414: "The address is longer than this server accepts.",
    415: "This kind of content is not accepted here.",
    416: "That range lies outside the file.",
    417: "That expectation can't be met.",
    429: "Too many tries. Wait a moment.",
    431: "The request's headers are larger than this server accepts.",
}
CODES: Final = {
    400: "bad_request",
    404: "not_found",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many",
}
SECONDS_UNTIL_READY: Final = 5

logger = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Answer every error in our own words."""
    app.register_error_handler(BalanceCloudError, _ours)
    app.register_error_handler(HTTPException, _frameworks)
    app.register_error_handler(Exception, _unexpected)


def _ours(problem: BalanceCloudError) -> ResponseReturnValue:
    _note(problem)
    if isinstance(problem, NotSignedIn | SignInAgainFirst) and not _wants_json():
        return _ask_for_password(problem)
    return answer(problem)


def _note(problem: BalanceCloudError) -> None:
    if isinstance(problem, IntegrityError):
        logger.error("integrity error: %s", problem.cause)
    elif problem.status >= 500:
        logger.error("%s", problem.code, exc_info=problem)


def _ask_for_password(problem: BalanceCloudError) -> AnyResponse:
    page = "/sign-in" if isinstance(problem, NotSignedIn) else "/confirm-password"
    back = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return redirect(f"{page}?next={quote(back)}", 303)


def _frameworks(problem: HTTPException) -> ResponseReturnValue:
    if isinstance(problem, CSRFError):
        return answer(BadCsrf())
    if isinstance(problem, RateLimitExceeded):
        seconds = context.parts().limits.retry_after(context.gateway().clock.now())
        return answer(TooMany(seconds, f"Too many tries. Wait {_spell(seconds)}."))
    if problem.code is None or problem.code < 400:
        return problem.get_response()
    response = _render(problem.code, _code(problem.code), _sentence(problem.code))
    for name, value in problem.get_headers(request.environ):
        if name in {"Allow", "Retry-After", "WWW-Authenticate"}:
            response.headers[name] = value
    return response


def _unexpected(problem: Exception) -> ResponseReturnValue:
    if isinstance(problem, OperationalError | NoConnection | RedisError):
        logger.error("a part of this server is down: %s", type(problem).__name__)
        return answer(NotReady())
    if isinstance(problem, DBAPIError) and problem.connection_invalidated:
        logger.error("the database went away")
        return answer(NotReady())
    logger.error("unexpected error", exc_info=problem)
    return answer(BalanceCloudError())


def answer(problem: BalanceCloudError) -> Response:
    """Return the page or the JSON for one of our errors."""
    fields = problem.fields if isinstance(problem, Invalid) else None
    response = _render(problem.status, problem.code, problem.sentence, fields)
    if isinstance(problem, TooMany):
        response.headers["Retry-After"] = str(problem.retry_after)
    elif isinstance(problem, Temporary) and problem.retry_after is not None:
        response.headers["Retry-After"] = str(int(problem.retry_after) + 1)
    elif problem.status == 503:
        response.headers["Retry-After"] = str(SECONDS_UNTIL_READY)
    if problem.status == 401 and context.is_api():
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _render(
    status: int, code: str, sentence: str, fields: dict[str, list[str]] | None = None
) -> Response:
    context.rest()
    if _wants_json():
        body: dict[str, object] = {"detail": sentence, "code": code}
        if fields is not None:
            body["fields"] = fields
        return make_response(jsonify(body), status)
    return make_response(_page(status, code, sentence), status)


def _page(status: int, code: str, sentence: str) -> str:
    values = {
        "status": status,
        "title": _title(status),
        "sentence": sentence,
        "reference": context.request_id(),
        "code": code,
    }
    return render_template("errors/error.html", **values)


def _wants_json() -> bool:
    # A page's script says "empty": it can show a sentence, but not follow to a sign-in page.
    return context.is_api() or request.headers.get("Sec-Fetch-Dest") == "empty"


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _sentence(status: int) -> str:
    fallback = BalanceCloudError.sentence if status >= 500 else SENTENCES[400]
    return SENTENCES.get(status, fallback)


def _code(status: int) -> str:
    return CODES.get(status, _title(status).lower().replace(" ", "_").replace("-", "_"))


def _spell(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes"
