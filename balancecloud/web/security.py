"""The web's own defences: who may send a change, the headers of every answer, safe redirects."""

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Request, Response, make_response, request
from flask_wtf.csrf import validate_csrf
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Response as AnyResponse
from wtforms import ValidationError

from balancecloud.config import Config
from balancecloud.errors import BadCsrf
from balancecloud.extensions import csrf
from balancecloud.web import context
from balancecloud.web.bodies import read_whole

View = TypeVar("View", bound=Callable[..., Any])

LONGEST_FORM: Final = 256 * 1024
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HOME: Final = "/"

CONTENT_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types default",
    )
)
# A view that hands out a person's own content sets a stricter policy; these fill what is not set.
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
        "publickey-credentials-get=(self)"
    ),
    "Cache-Control": "no-store, private",
}
STRICT_TRANSPORT: Final = "max-age=63072000; includeSubDomains"

ALLOWED_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS: Final = (
    "Authorization, Content-Type, If-None-Match, Range, Tus-Resumable, Upload-Length, "
    "Upload-Offset, Upload-Metadata, Upload-Checksum, X-HTTP-Method-Override"
)
EXPOSED_HEADERS: Final = (
    "ETag, Location, Content-Disposition, Content-Range, Retry-After, Tus-Resumable, Tus-Version, "
    "Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, "
    "Upload-Expires, Upload-Metadata, Upload-Job"
)
PREFLIGHT_SECONDS: Final = "600"


class PlainRequest(Request):
    """A request whose bodies the framework never puts on a disk."""

    def _get_file_stream(self, *_arguments: object, **_named: object) -> NoReturn:
        # Uploads are read by their own loop. Anywhere else a file part would end up, in clear,
        # in a temporary file of the framework's.
        raise UnsupportedMediaType


def register(app: Flask) -> None:
    """Check every request before its view runs and dress every answer."""
    app.before_request(_refuse_host)
    app.before_request(_answer_preflight)
    app.before_request(_refuse_encoded)
    app.before_request(_hold_forms_short)
    app.before_request(_guard)
    app.after_request(_add_cors)
    app.after_request(_add_headers)


# --- requests ---------------------------------------------------------------------------------


def checks_itself(view: View) -> View:
    """Mark a view that calls `check_origin` and `valid_csrf` by itself, or takes no session."""
    csrf.exempt(view)
    return view


def check_origin() -> None:
    """Refuse a change that a page of another origin sent."""
    origin = request.headers.get("Origin")
    if origin is not None:
        if origin not in _own_origins() and not (context.is_api() and _is_invited(origin)):
            raise BadCsrf
        return
    # Programs send neither header; a browser sends at least one of them.
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        raise BadCsrf


def streams(view: View) -> View:
    """Mark a view that reads its body by itself, in steps. Others find theirs read already."""
    view.__dict__["is_stream"] = True
    return view


def valid_csrf(token: str | None) -> bool:
    """Say whether this is the CSRF token of the present browser."""
    try:
        validate_csrf(token)
    except ValidationError:
        return False
    return True


def public(view: View) -> View:
    """Let anyone call a view. Every other one asks for a sign-in before it runs."""
    view.__dict__["is_public"] = True
    return view


def _guard() -> None:
    if request.endpoint is None:
        return
    changes = request.method not in SAFE_METHODS
    if changes:
        check_origin()
    if not getattr(context.view(), "is_public", False):
        context.sign_in()
    if changes and not getattr(context.view(), "is_stream", False):
        read_whole(request)
    if changes and not context.carries_bearer():
        csrf.protect(apply_exemptions=True)


def _refuse_host() -> None:
    # Flask's own check builds no addresses afterwards, so not even its error page can be shown.
    name, _, port = request.host.rpartition(":")
    if (name if port.isdecimal() else request.host) not in context.config().trusted_hosts:
        raise BadRequest


def _hold_forms_short() -> None:
    # These are read at once: Werkzeug's limit of form memory holds for multipart bodies only.
    if request.mimetype == "application/x-www-form-urlencoded":
        request.max_content_length = LONGEST_FORM


def _refuse_encoded() -> None:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType


def _own_origins() -> frozenset[str]:
    public = urlsplit(context.config().public_url)
    return frozenset({f"{public.scheme}://{public.netloc}", request.host_url.rstrip("/")})


def safe_next(target: str | None) -> str:
    """Return a path of ours to go on to; anything else leads home."""
    text = target or ""
    is_path = text.startswith("/") and not text.startswith("//") and "\\" not in text
    if not is_path or not text.isprintable() or any(sign.isspace() for sign in text):
        return HOME
    parts = urlsplit(text)
    return HOME if parts.scheme or parts.netloc else text


# --- answers ----------------------------------------------------------------------------------


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if context.config().is_https:
        response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
    response.headers["X-Request-ID"] = context.request_id()
    return response


def _is_invited(origin: str) -> bool:
    return origin != "null" and origin in context.config().cors_origins


def _answer_preflight() -> Response | None:
    is_preflight = (
        request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    )
    if not (is_preflight and context.is_api()):
        return None
    response = make_response("", 204)
    if _is_invited(request.headers.get("Origin", "")):
        response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
    return response


def _add_cors(response: Response) -> Response:
    if not context.is_api() or not context.config().cors_origins:
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if _is_invited(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


# --- the session cookie -----------------------------------------------------------------------


def set_session_cookie(response: AnyResponse, secret: str) -> AnyResponse:
    """Hand the browser its session's secret."""
    response.set_cookie(context.session_cookie_name(), secret, **_cookie_flags(context.config()))
    return response


def clear_session_cookie(response: AnyResponse) -> AnyResponse:
    """Take the session's secret from the browser."""
    response.delete_cookie(context.session_cookie_name(), **_cookie_flags(context.config()))
    return response


def _cookie_flags(config: Config) -> dict[str, Any]:
    return {"path": "/", "secure": config.is_https, "httponly": True, "samesite": "Lax"}
