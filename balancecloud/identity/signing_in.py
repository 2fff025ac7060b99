"""Signing in and out, for browsers and programs; each leaves a row in the audit log."""

import hashlib
from dataclasses import dataclass

from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.errors import BadCredentials
from balancecloud.identity import audit, sessions, users
from balancecloud.identity.people import Person
from balancecloud.identity.sessions import Kind, Opened, Origin, SignIn


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody offers to prove who they are. It does not show itself."""

    email: str
    password: str
    origin: Origin

    def __repr__(self) -> str:
        return "Attempt(***)"


def sign_in(session: Session, config: Config, attempt: Attempt, kind: Kind) -> Opened:
    """Open a session for an address and its password; BadCredentials else, which is noted too."""
    try:
        person = users.prove(session, config, attempt.email, attempt.password)
    except BadCredentials:
        audit.record(
            session, "session.refused", None, attempt.origin, account=_blurred(attempt.email)
        )
        raise
    return welcome(session, config, person, attempt.origin, kind)


def welcome(session: Session, config: Config, person: Person, origin: Origin, kind: Kind) -> Opened:
    """Open a session for someone who proved who they are, or has just registered."""
    opened = sessions.open_session(session, config, person.id, origin, kind)
    audit.record(session, "session.opened", person.id, origin, kind=kind)
    return opened


def confirm(session: Session, config: Config, present: SignIn, attempt: Attempt) -> str:
    """Renew a session whose holder gave the password again; return its new secret."""
    try:
        users.prove(session, config, present.person.email, attempt.password)
    except BadCredentials:
        audit.record(session, "session.confirm_refused", present.person.id, attempt.origin)
        raise
    audit.record(session, "session.confirmed", present.person.id, attempt.origin)
    return sessions.renew(session, present)


def sign_out(session: Session, present: SignIn, origin: Origin) -> None:
    """End the present session."""
    sessions.end(session, present.person.id, present.session_id)
    audit.record(session, "session.closed", present.person.id, origin)


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The present password and the wanted one. It does not show itself."""

    current: str
    wanted: str

    def __repr__(self) -> str:
        return "PasswordChange(***)"


def change_password(
    session: Session, config: Config, present: SignIn, change: PasswordChange, origin: Origin
) -> str:
    """Set a new password, end every other session and token, return this one's new secret."""
    users.change_password(session, config, present.person, change.current, change.wanted)
    sessions.end_others(session, present)
    audit.record(session, "password.changed", present.person.id, origin)
    return sessions.renew(session, present)


def _blurred(email: str) -> str:
    # Enough to see that one account is tried again and again, without keeping what was typed.
    return hashlib.sha256(email.strip().casefold().encode("utf-8", "replace")).hexdigest()[:16]
