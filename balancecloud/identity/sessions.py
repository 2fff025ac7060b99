"""Sign-ins that live on the server: found by the hash of a secret, ended at will.

A browser's session ends when it was idle too long; every session ends after its absolute time.
Both are judged by the database's clock.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import (
    ColumnElement,
    Interval,
    Select,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.errors import NotFound, SignInAgainFirst
from balancecloud.identity.people import Person, person_of
from balancecloud.models.people import RevokedToken, SessionRow, User

TOKEN_BYTES: Final = 32
RECENT: Final = timedelta(minutes=5)
# A session in use is written at most this often, so that reading pages costs no write each.
TOUCH_EVERY: Final = timedelta(seconds=60)
LONGEST_AGENT: Final = 256

Kind = Literal["browser", "bearer"]
Finding = Select[SessionRow, User, bool, bool]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as shown in the list of sessions and in the audit log."""

    address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who is signed in, by which session, and when the password was last given."""

    session_id: uuid.UUID
    kind: str
    auth_time: datetime
    expires_at: datetime
    is_recent: bool  # the password was given within the last five minutes
    is_use_due: bool  # its last use was noted a minute ago or more
    person: Person


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session in the list of its owner."""

    id: uuid.UUID
    kind: str
    created_at: datetime
    last_seen_at: datetime
    address: str | None
    user_agent: str | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A session just opened, and the secret that only its holder keeps."""

    session_id: uuid.UUID
    secret: str


def open_session(
    session: Session, config: Config, user_id: uuid.UUID, origin: Origin, kind: Kind
) -> Opened:
    """Open a session for someone who just proved who they are."""
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    row = SessionRow(
        id=uuid.uuid4(),
        user_id=user_id,
        token_sha256=_hash(secret),
        kind=kind,
        expires_at=func.now() + timedelta(seconds=config.session_absolute_seconds),
        address=origin.address,
        user_agent=origin.user_agent[:LONGEST_AGENT] if origin.user_agent else None,
    )
    session.add(row)
    session.flush()
    return Opened(row.id, secret)


def by_secret(session: Session, config: Config, secret: str) -> SignIn | None:
    """Return the browser's sign-in that this secret belongs to, if it still lives."""
    return _find(session, _browsers(), {"secret": _hash(secret), **_idle(config)})


def by_id(session: Session, config: Config, session_id: uuid.UUID) -> SignIn | None:
    """Return the program's sign-in with this id, if it still lives."""
    return _find(session, _programs(), {"session": session_id, **_idle(config)})


def lives(session: Session, config: Config, session_id: uuid.UUID) -> bool:
    """Say whether a sign-in of either kind still lives and its person may use it."""
    found = (
        select(SessionRow.id)
        .join(User, User.id == SessionRow.user_id)
        .where(SessionRow.id == session_id, User.is_active, _alive(_longest_idle(config)))
    )
    return session.scalar(found) is not None


def by_token(
    session: Session, config: Config, session_id: uuid.UUID, token_id: uuid.UUID
) -> SignIn | None:
    """Return the program's sign-in with this id, if it still lives and the token is not revoked."""
    values = {"session": session_id, "token": token_id, **_idle(config)}
    return _find(session, _token_holders(), values)


# The questions of every request are put together once.


@cache
def _browsers() -> Finding:
    return _finding("browser").where(SessionRow.token_sha256 == bindparam("secret"))


@cache
def _programs() -> Finding:
    return _finding("bearer").where(SessionRow.id == bindparam("session"))


@cache
def _token_holders() -> Finding:
    revoked = exists().where(RevokedToken.jti == bindparam("token"))
    return _programs().where(~revoked)


def _finding(kind: Kind) -> Finding:
    is_recent = (SessionRow.auth_time > func.now() - RECENT).label("is_recent")
    is_use_due = _use_is_due().label("is_use_due")
    return (
        select(SessionRow, User, is_recent, is_use_due)
        .join(User, User.id == SessionRow.user_id)
        .where(SessionRow.kind == kind, User.is_active, _alive(bindparam("idle", type_=Interval)))
    )


def _find(session: Session, query: Finding, values: dict[str, Any]) -> SignIn | None:
    found = session.execute(query, values).one_or_none()
    if found is None:
        return None
    row, user, recent, due = found
    return SignIn(row.id, row.kind, row.auth_time, row.expires_at, recent, due, person_of(user))


def _idle(config: Config) -> dict[str, timedelta]:
    return {"idle": _longest_idle(config)}


def _longest_idle(config: Config) -> timedelta:
    return timedelta(seconds=config.session_idle_seconds)


def _use_is_due() -> ColumnElement[bool]:
    return SessionRow.last_seen_at < func.now() - TOUCH_EVERY


def _alive(idle: timedelta | ColumnElement[timedelta]) -> ColumnElement[bool]:
    # A program's token ends by itself after half an hour, so its session has no idle time.
    in_use = or_(SessionRow.kind == "bearer", SessionRow.last_seen_at > func.now() - idle)
    return (SessionRow.expires_at > func.now()) & in_use


def touch(session: Session, session_id: uuid.UUID) -> None:
    """Note that a session is in use; at most one write a minute."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.id == session_id, _use_is_due())
        .values(last_seen_at=func.now())
    )


def require_recent(sign_in: SignIn) -> None:
    """Refuse an act that asks for the password within the last five minutes."""
    if not sign_in.is_recent:
        raise SignInAgainFirst


def renew(session: Session, sign_in: SignIn) -> str:
    """Give a session a new secret and sign-in time, after its password was given again."""
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    session.execute(
        update(SessionRow)
        .where(SessionRow.id == sign_in.session_id)
        .values(token_sha256=_hash(secret), auth_time=func.now(), last_seen_at=func.now())
    )
    return secret


def list_sessions(session: Session, config: Config, sign_in: SignIn) -> tuple[SessionView, ...]:
    """Return a person's living sessions, the present one first, then the latest used."""
    query = (
        select(SessionRow)
        .where(SessionRow.user_id == sign_in.person.id, _alive(_longest_idle(config)))
        .order_by(SessionRow.last_seen_at.desc())
    )
    views = [_view(row, sign_in.session_id) for row in session.scalars(query)]
    return tuple(sorted(views, key=lambda view: not view.is_current))


def _view(row: SessionRow, current: uuid.UUID) -> SessionView:
    return SessionView(
        row.id,
        row.kind,
        row.created_at,
        row.last_seen_at,
        row.address,
        row.user_agent,
        row.id == current,
    )


def end(session: Session, user_id: uuid.UUID, session_id: uuid.UUID) -> None:
    """End one session of this person; NotFound when there is none such."""
    query = delete(SessionRow).where(SessionRow.id == session_id, SessionRow.user_id == user_id)
    if session.execute(query.returning(SessionRow.id)).one_or_none() is None:
        raise NotFound


def end_others(session: Session, sign_in: SignIn) -> None:
    """End every session of this person but the present one, programs' too."""
    session.execute(
        delete(SessionRow).where(
            SessionRow.user_id == sign_in.person.id, SessionRow.id != sign_in.session_id
        )
    )


def sweep(session: Session) -> None:
    """Remove sessions whose absolute end has passed."""
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= func.now()))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
