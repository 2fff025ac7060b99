"""Linking an account by OAuth: begin, come back with a code, confirm.

An attempt is bound to the person, their session and the provider, lives ten minutes, and is used
once. No account exists, and nothing is stored at the provider, before it is confirmed. What talks
to a provider happens between transactions, so these functions commit their own steps.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from balancecloud.clouds.oauth import Grants, HeldTokens, TokenSet
from balancecloud.clouds.provider import Identity
from balancecloud.clouds.registry import PROVIDERS, Account, grants_of, open_account
from balancecloud.errors import LinkRefused, NeedsUser, NotFound, SignInAgain
from balancecloud.library.account_rows import (
    Linkable,
    Linked,
    keep_account,
    shown,
    take_attempt,
)
from balancecloud.library.account_views import find_by_subject
from balancecloud.library.gateway import Gateway
from balancecloud.library.probing import Candidate, try_out
from balancecloud.library.sealed_tokens import (
    PENDING_VERSION,
    VERIFIER_VERSION,
    TokenPlace,
    seal,
    seal_tokens,
    unseal,
    unseal_tokens,
)
from balancecloud.library.views import LinkProposal
from balancecloud.models.clouds import LinkAttempt

ATTEMPT_LIFETIME = timedelta(minutes=10)
STATE_BYTES = 32
# Of one person at a time; the oldest make room. Enough for every tab somebody has open.
OPEN_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Linker:
    """Who links: a person, and the sign-in they do it with."""

    user_id: uuid.UUID
    session_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class BegunLink:
    """Where to send the person, and the state that will come back."""

    oauth_url: str = field(repr=False)
    state: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Callback:
    """What a provider's redirect carries. All of it came through somebody's browser."""

    provider: str
    state: str = field(repr=False)
    code: str = field(repr=False)
    issuer: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A link attempt that was taken: nobody else can use its state any more."""

    id: uuid.UUID
    provider: str
    redirect_uri: str
    verifier: str = field(repr=False)


def begin_link(
    session: Session, gateway: Gateway, who: Linker, provider: str, redirect_uri: str | None = None
) -> BegunLink:
    """Write down an attempt and return where it goes on; LinkRefused where it must not begin."""
    grants = _grants(gateway, provider)
    address = redirect_uri or own_redirect_uri(gateway, provider)
    if address not in allowed_redirect_uris(gateway, provider):
        raise LinkRefused("This server does not allow that redirect_uri.")
    state = secrets.token_urlsafe(STATE_BYTES)
    url, verifier = grants.begin(address, state)
    attempt_id = uuid.uuid4()
    place = TokenPlace(who.user_id, attempt_id, provider, VERIFIER_VERSION)
    sealed = seal(gateway.keys, place, verifier.encode())
    _make_room(session, who.user_id)
    session.add(
        LinkAttempt(
            id=attempt_id,
            state_sha256=_digest(state),
            user_id=who.user_id,
            session_id=who.session_id,
            provider=provider,
            redirect_uri=address,
            wrapped_verifier=sealed.wrapped,
            master_version=sealed.master_version,
            expires_at=func.statement_timestamp() + ATTEMPT_LIFETIME,
        )
    )
    return BegunLink(url, state)


def own_redirect_uri(gateway: Gateway, provider: str) -> str:
    """Return our own page that a provider's answer comes to."""
    return f"{gateway.config.public_url}/clouds/callback/{provider}"


def allowed_redirect_uris(gateway: Gateway, provider: str) -> tuple[str, ...]:
    """Return every address an answer may be sent to; they are compared exactly."""
    return (own_redirect_uri(gateway, provider), *gateway.config.redirect_uris)


def receive_callback(gateway: Gateway, who: Linker, callback: Callback) -> uuid.UUID:
    """Take the answer to the browser's attempt; return the attempt, to be shown and confirmed."""
    attempt, tokens = _exchange(gateway, who, callback)
    held = HeldTokens(tokens, _grants(gateway, attempt.provider), gateway.clock)
    identity = _identity(gateway, attempt.provider, held)
    place = TokenPlace(who.user_id, attempt.id, attempt.provider, PENDING_VERSION)
    sealed = seal_tokens(gateway.keys, place, held.tokens)
    with gateway.sessions.begin() as session:
        session.add(
            LinkAttempt(
                id=attempt.id,
                state_sha256=_digest(secrets.token_urlsafe(STATE_BYTES)),  # the old one is used
                user_id=who.user_id,
                session_id=who.session_id,
                provider=attempt.provider,
                redirect_uri=attempt.redirect_uri,
                wrapped_verifier=b"",
                master_version=sealed.master_version,
                expires_at=func.statement_timestamp() + ATTEMPT_LIFETIME,
                subject=identity.subject,
                address=shown(identity.address),
                display_name=shown(identity.display_name),
                wrapped_token=sealed.wrapped,
            )
        )
    return attempt.id


def proposal(
    session: Session, gateway: Gateway, who: Linker, attempt_id: uuid.UUID
) -> LinkProposal:
    """Return the account that waits for the person's word; NotFound when there is none."""
    row = _pending(session, who, attempt_id)
    known = (row.provider, row.subject or "")
    return LinkProposal(
        attempt_id=row.id,
        provider=row.provider,
        provider_title=PROVIDERS[row.provider].title,
        address=row.address,
        display_name=row.display_name,
        relinks=find_by_subject(session, gateway.config, who.user_id, known),
    )


def confirm_link(gateway: Gateway, who: Linker, attempt_id: uuid.UUID) -> Linked:
    """Try the account out and link it; what the provider answers instead is raised."""
    with gateway.sessions() as session:
        row = _pending(session, who, attempt_id)
        place = TokenPlace(row.user_id, row.id, row.provider, PENDING_VERSION)
        tokens = unseal_tokens(gateway.keys, place, row.wrapped_token or b"")
    found = _try_out(gateway, row.provider, tokens)
    if found.identity.subject != row.subject:
        raise LinkRefused
    with gateway.sessions.begin() as session:
        if not take_attempt(session, attempt_id):
            raise LinkRefused
        return keep_account(session, gateway.keys, who.user_id, found)


def link_by_callback(gateway: Gateway, who: Linker, callback: Callback) -> Linked:
    """Take the answer to a program's attempt, and link at once: the call is its confirmation."""
    attempt, tokens = _exchange(gateway, who, callback)
    found = _try_out(gateway, attempt.provider, tokens)
    with gateway.sessions.begin() as session:
        return keep_account(session, gateway.keys, who.user_id, found)


def remove_expired_attempts(session: Session) -> int:
    """Forget every attempt whose time is over; return how many."""
    over = delete(LinkAttempt).where(LinkAttempt.expires_at <= func.statement_timestamp())
    return len(session.scalars(over.returning(LinkAttempt.id)).all())


def _try_out(gateway: Gateway, provider: str, tokens: TokenSet) -> Linkable:
    held = HeldTokens(tokens, _grants(gateway, provider), gateway.clock)
    try:
        return try_out(gateway.installation, gateway.clock, Candidate(provider, held, None))
    except NeedsUser as error:
        raise _refusal(error) from error


def _refusal(error: NeedsUser) -> LinkRefused:
    """Return the refusal a person can act on; a dead grant only means to start again."""
    return LinkRefused(None if isinstance(error, SignInAgain) else error.sentence)


def _exchange(gateway: Gateway, who: Linker, callback: Callback) -> tuple[_Attempt, TokenSet]:
    """Use the attempt up, then its code; refusals of every kind look alike."""
    attempt = _take(gateway, who, callback)
    grants = _grants(gateway, attempt.provider)
    if callback.error is not None:
        raise LinkRefused(_denied(callback.error))
    grants.check_issuer(callback.issuer)
    if not callback.code:
        raise LinkRefused
    try:
        return attempt, grants.finish(attempt.redirect_uri, callback.code, attempt.verifier)
    except NeedsUser as error:
        raise _refusal(error) from error


def _take(gateway: Gateway, who: Linker, callback: Callback) -> _Attempt:
    """Delete the row of this state: only its own person, in the same sign-in, can."""
    is_alive = LinkAttempt.expires_at > func.statement_timestamp()
    is_open = LinkAttempt.wrapped_token.is_(None)
    with gateway.sessions.begin() as session:
        row = session.execute(
            delete(LinkAttempt)
            .where(
                LinkAttempt.state_sha256 == _digest(callback.state),
                _is_of(who),
                is_open,
            )
            .returning(
                LinkAttempt.id,
                LinkAttempt.provider,
                LinkAttempt.redirect_uri,
                LinkAttempt.wrapped_verifier,
                is_alive.label("is_alive"),
            )
        ).one_or_none()
    if row is None or not row.is_alive or row.provider != callback.provider:
        raise LinkRefused
    place = TokenPlace(who.user_id, row.id, row.provider, VERIFIER_VERSION)
    verifier = unseal(gateway.keys, place, row.wrapped_verifier).decode()
    return _Attempt(row.id, row.provider, row.redirect_uri, verifier)


def _denied(error: str) -> str:
    if error in {"access_denied", "consent_required", "interaction_required"}:
        return "The permission was not given, so nothing was linked."
    return "The provider could not ask for the permission just now. Start linking again."


def _identity(gateway: Gateway, provider: str, held: HeldTokens) -> Identity:
    account = open_account(provider, gateway.installation, Account(held, None))
    try:
        return account.identity()
    except NeedsUser as error:
        raise _refusal(error) from error
    finally:
        account.close()


def _pending(session: Session, who: Linker, attempt_id: uuid.UUID) -> LinkAttempt:
    row = session.scalar(
        select(LinkAttempt).where(
            LinkAttempt.id == attempt_id,
            _is_of(who),
            LinkAttempt.wrapped_token.is_not(None),
            LinkAttempt.expires_at > func.statement_timestamp(),
        )
    )
    if row is None:
        raise NotFound("This link attempt is no longer valid. Start linking the account again.")
    return row


def _is_of(who: Linker) -> ColumnElement[bool]:
    return (LinkAttempt.user_id == who.user_id) & (LinkAttempt.session_id == who.session_id)


def _make_room(session: Session, user_id: uuid.UUID) -> None:
    remove_expired_attempts(session)
    newest = (
        select(LinkAttempt.id)
        .where(LinkAttempt.user_id == user_id)
        .order_by(LinkAttempt.created_at.desc(), LinkAttempt.id)
        .limit(OPEN_ATTEMPTS - 1)
    )
    session.execute(
        delete(LinkAttempt).where(
            LinkAttempt.user_id == user_id, LinkAttempt.id.not_in(newest.scalar_subquery())
        )
    )


def _grants(gateway: Gateway, provider: str) -> Grants:
    grants = grants_of(provider, gateway.installation) if provider in PROVIDERS else None
    if grants is None:
        raise LinkRefused("This server cannot link accounts of that provider.")
    return grants


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()
