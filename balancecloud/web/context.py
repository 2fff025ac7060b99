"""What a view may reach: the parts of the house, the request's transaction, and who is asking.

The one place that looks at the application and keeps things on the request.
"""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from flask import Flask, Response, current_app, g, has_request_context, request
from flask_login import UserMixin, current_user
from redis import Redis
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.errors import NotSignedIn
from balancecloud.extensions import db, login
from balancecloud.identity import sessions, tokens
from balancecloud.identity.people import Person
from balancecloud.identity.sessions import Origin, SignIn
from balancecloud.library.gateway import Gateway
from balancecloud.library.previews import Viewer
from balancecloud.live.doorbell import MOST_WAITING, Doorbell
from balancecloud.live.progress import ProgressStore
from balancecloud.web.json_values import ApiJson
from balancecloud.web.limits import Limits
from balancecloud.web.streams import Streams

KEY: Final = "balancecloud"
BEARER: Final = "bearer"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Parts:
    """What `create_app` built, once for the whole application."""

    config: Config
    gateway: Gateway
    redis: Redis
    doorbell: Doorbell
    progress: ProgressStore
    limits: Limits
    viewer: Viewer
    streams: Streams


def install(app: Flask, parts: Parts) -> None:
    """Keep the parts with the application and end each request's transaction in one place."""
    app.extensions[KEY] = parts
    app.after_request(_end_transaction)
    login.init_app(app, add_context_processor=False)
    login.request_loader(_load_sign_in)


def parts() -> Parts:
    """Return what the application was built of."""
    return cast("Parts", current_app.extensions[KEY])


def config() -> Config:
    """Return the settings."""
    return parts().config


def gateway() -> Gateway:
    """Return the gateway that library functions are handed."""
    return parts().gateway


def doorbell() -> Doorbell:
    """Return what wakes workers. Views call `ring_after_commit` instead of ringing it."""
    return parts().doorbell


def progress() -> ProgressStore:
    """Return the live figures of running jobs."""
    return parts().progress


def viewer() -> Viewer:
    """Return what looks into files for previews."""
    return parts().viewer


def json() -> ApiJson:
    """Return how values are written, for what is written after the request."""
    return cast("ApiJson", current_app.json)


def request_id() -> str:
    """Return what names this request in the log and on an error page."""
    if not has_request_context():
        return "-"
    if "request_id" not in g:
        g.request_id = secrets.token_hex(6)
    return cast("str", g.request_id)


def rest() -> None:
    """Ask neither the database nor Redis from here on: an error is being told."""
    g.at_rest = True


def is_at_rest() -> bool:
    """Say whether this request may not ask the database or Redis any more."""
    return bool(g.get("at_rest", False))


def view() -> Callable[..., Any] | None:
    """Return the view that answers this request."""
    return current_app.view_functions.get(request.endpoint or "")


# --- the transaction --------------------------------------------------------------------------


def session() -> Session:
    """Return the request's session; it is committed once, after a view that did not fail."""
    return db.session()


def ring_after_commit(work_id: uuid.UUID, enough: int = MOST_WAITING) -> None:
    """Wake a worker for this work as soon as the request's transaction is committed."""
    _rings().append((work_id, enough))


def commit() -> None:
    """Commit now and ring. For uploads, and for what must outlive a refusal."""
    session().commit()
    pending = _rings()
    while pending:
        doorbell().ring(*pending.pop(0))


def rollback() -> None:
    """Undo what the request changed and forget its rings."""
    session().rollback()
    _rings().clear()


def _rings() -> list[tuple[uuid.UUID, int]]:
    if "rings" not in g:
        g.rings = []
    return cast("list[tuple[uuid.UUID, int]]", g.rings)


def _end_transaction(response: Response) -> Response:
    if response.status_code < 400:
        commit()
    else:
        rollback()
    return response


# --- who is asking ----------------------------------------------------------------------------


class SignedIn(UserMixin):  # type: ignore[misc] # flask-login has no types
    """What flask-login keeps for the length of a request; nothing of it is in a cookie."""

    def __init__(self, sign_in: SignIn, claims: tokens.Claims | None = None) -> None:
        self.sign_in = sign_in
        self.claims = claims  # of the bearer token it came with

    def get_id(self) -> str:
        """Return the person's id, as flask-login asks."""
        return str(self.sign_in.person.id)


def person() -> Person:
    """Return who is signed in; NotSignedIn when nobody is."""
    return sign_in().person


def person_or_none() -> Person | None:
    """Return who is signed in, or None."""
    present = sign_in_or_none()
    return present.person if present else None


def sign_in() -> SignIn:
    """Return the present sign-in; NotSignedIn when there is none."""
    present = sign_in_or_none()
    if present is None:
        raise NotSignedIn
    return present


def sign_in_or_none() -> SignIn | None:
    """Return the present sign-in, or None."""
    signed_in = _signed_in()
    return signed_in.sign_in if signed_in else None


def person_if_known() -> Person | None:
    """Return who is signed in where this request has found out already; asks nothing."""
    return person_or_none() if "_login_user" in g else None


def claims() -> tokens.Claims:
    """Return the claims of the bearer token of this request; NotSignedIn without one."""
    signed_in = _signed_in()
    if signed_in is None or signed_in.claims is None:
        raise NotSignedIn
    return signed_in.claims


def token_end() -> datetime | None:
    """Return when the bearer token of this request ends; None for a browser's session."""
    signed_in = _signed_in()
    return signed_in.claims.expires_at if signed_in and signed_in.claims else None


def require_recent_sign_in() -> None:
    """Refuse what asks for a password given within the last five minutes."""
    sessions.require_recent(sign_in())


def origin() -> Origin:
    """Return where this request comes from."""
    return Origin(request.remote_addr, request.headers.get("User-Agent"))


def carries_bearer() -> bool:
    """Say whether this is a call of a program with its own token."""
    authorization = request.authorization
    return is_api() and authorization is not None and authorization.type == BEARER


def is_api() -> bool:
    """Say whether a program is asking, not a person's browser."""
    return request.path == "/api" or request.path.startswith("/api/")


def session_cookie_name() -> str:
    """Return the name of the cookie that holds a browser's session."""
    return "__Host-balancecloud" if config().is_https else "balancecloud"


def background(view: View) -> View:
    """Mark a view that a page asks by itself, again and again: it does not renew a session."""
    view.__dict__["is_background"] = True
    return view


def _signed_in() -> SignedIn | None:
    return current_user if current_user.is_authenticated else None


def _load_sign_in(_request: object) -> SignedIn | None:
    found = _by_token() if carries_bearer() else _by_cookie()
    if found and found.sign_in.is_use_due and not _is_background():
        _note_use(found.sign_in.session_id)
    return found


def _by_token() -> SignedIn | None:
    authorization = request.authorization
    text = authorization.token if authorization else None
    claims = tokens.read(config(), text or "", gateway().clock.now())
    if claims is None:
        return None
    found = sessions.by_token(session(), config(), claims.session_id, claims.token_id)
    return SignedIn(found, claims) if found else None


def _by_cookie() -> SignedIn | None:
    secret = request.cookies.get(session_cookie_name(), "")
    found = sessions.by_secret(session(), config(), secret) if secret else None
    return SignedIn(found) if found else None


def _is_background() -> bool:
    return bool(getattr(view(), "is_background", False))


def _note_use(session_id: uuid.UUID) -> None:
    # A transaction of its own: the row must not stay locked for the length of the request.
    with gateway().sessions.begin() as own:
        sessions.touch(own, session_id)
