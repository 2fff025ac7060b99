"""Linking an account by OAuth, or signing one in again: begin, come back with a code, confirm.

An attempt is bound to the person, their session and the provider, lives ten minutes, and is used
once. No account exists, and nothing is stored at the provider, before it is confirmed. An attempt
to sign an account in again is bound to that account too, and takes consent to no other. What talks
to a provider happens between transactions, so these functions commit their own steps.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from balancecloud.clouds.oauth import HeldTokens, TokenSet
from balancecloud.clouds.registry import PROVIDERS
from balancecloud.errors import LinkRefused, NeedsUser, NotFound
from balancecloud.library.account_rows import (
    Linkable,
    Linked,
    demand_same,
    keep_account,
    lock_person,
    own_account,
    shown,
    take_attempt,
)
from balancecloud.library.account_views import find_by_subject
from balancecloud.library.consents import (
    Unwanted,
    denied,
    give_back,
    grants_for,
    identify,
    refusal,
    try_tokens,
)
from balancecloud.library.gateway import Gateway
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
    account_id: uuid.UUID | None
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Aim:
    """What an attempt is for; `account_id`: the account that is to be signed in again."""

    provider: str
    redirect_uri: str
    account_id: uuid.UUID | None = None
    address: str | None = None


def begin_link(
    session: Session, gateway: Gateway, who: Linker, provider: str, redirect_uri: str | None = None
) -> BegunLink:
    """Write down an attempt and return where it goes on; LinkRefused where it must not begin."""
    grants_for(gateway, provider)
    address = redirect_uri or own_redirect_uri(gateway, provider)
    if address not in allowed_redirect_uris(gateway, provider):
        raise LinkRefused("This server does not allow that redirect_uri.")
    return _begin(session, gateway, who, _Aim(provider, address))


def begin_sign_in(
    session: Session, gateway: Gateway, who: Linker, account_id: uuid.UUID
) -> BegunLink:
    """Begin to sign a linked account in again; NotFound when it is another's, or a folder."""
    row = own_account(session, who.user_id, account_id)
    if not PROVIDERS[row.provider].links_by_oauth:
        raise NotFound
    address = own_redirect_uri(gateway, row.provider)
    return _begin(session, gateway, who, _Aim(row.provider, address, row.id, row.address))


def _begin(session: Session, gateway: Gateway, who: Linker, aim: _Aim) -> BegunLink:
    state = secrets.token_urlsafe(STATE_BYTES)
    url, verifier = grants_for(gateway, aim.provider).begin(aim.redirect_uri, state, aim.address)
    attempt_id = uuid.uuid4()
    place = TokenPlace(who.user_id, attempt_id, aim.provider, VERIFIER_VERSION)
    sealed = seal(gateway.keys, place, verifier.encode())
    _make_room(session, who.user_id)
    session.add(
        LinkAttempt(
            id=attempt_id,
            state_sha256=_digest(state),
            user_id=who.user_id,
            session_id=who.session_id,
            provider=aim.provider,
            redirect_uri=aim.redirect_uri,
            account_id=aim.account_id,
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
    """Take the answer to the browser's attempt; return the attempt, to be shown and confirmed.

    OtherAccount when another account than the one to be signed in again consented.
    """
    attempt, tokens = _exchange(gateway, who, callback)
    held = HeldTokens(tokens, grants_for(gateway, attempt.provider), gateway.clock)
    identity = identify(gateway, attempt.provider, held)
    place = TokenPlace(who.user_id, attempt.id, attempt.provider, PENDING_VERSION)
    sealed = seal_tokens(gateway.keys, place, held.tokens)
    waiting = LinkAttempt(
        id=attempt.id,
        state_sha256=_digest(secrets.token_urlsafe(STATE_BYTES)),  # the old one is used
        user_id=who.user_id,
        session_id=who.session_id,
        provider=attempt.provider,
        redirect_uri=attempt.redirect_uri,
        account_id=attempt.account_id,
        wrapped_verifier=b"",
        master_version=sealed.master_version,
        expires_at=func.statement_timestamp() + ATTEMPT_LIFETIME,
        subject=identity.subject,
        address=shown(identity.address),
        display_name=shown(identity.display_name),
        wrapped_token=sealed.wrapped,
    )
    try:
        with gateway.sessions.begin() as session:
            demand_same(session, who.user_id, attempt.account_id, identity)
            session.add(waiting)
    except LinkRefused:
        give_back(gateway, Unwanted(attempt.provider, identity.subject, held.tokens, attempt.id))
        raise
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
        signs_in=row.account_id is not None,
    )


def confirm_link(gateway: Gateway, who: Linker, attempt_id: uuid.UUID) -> Linked:
    """Try the account out and link it; what the provider answers instead is raised."""
    with gateway.sessions() as session:
        row = _pending(session, who, attempt_id)
        place = TokenPlace(row.user_id, row.id, row.provider, PENDING_VERSION)
        tokens = unseal_tokens(gateway.keys, place, row.wrapped_token or b"")
    found = try_tokens(gateway, row.provider, tokens)
    if found.identity.subject != row.subject:
        raise LinkRefused
    try:
        with gateway.sessions.begin() as session:
            # Unlinking takes the person, then the account with its attempts: in that order here.
            lock_person(session, who.user_id)
            take_attempt(session, attempt_id)
            return _keep(session, gateway, who, row.account_id, found)
    except LinkRefused:
        give_back(gateway, Unwanted.after(found, attempt_id))
        raise


def link_by_callback(gateway: Gateway, who: Linker, callback: Callback) -> Linked:
    """Take the answer to a program's attempt, and link at once: the call is its confirmation."""
    attempt, tokens = _exchange(gateway, who, callback)
    found = try_tokens(gateway, attempt.provider, tokens)
    try:
        with gateway.sessions.begin() as session:
            return _keep(session, gateway, who, attempt.account_id, found)
    except LinkRefused:
        give_back(gateway, Unwanted.after(found, attempt.id))
        raise


def _keep(
    session: Session, gateway: Gateway, who: Linker, account_id: uuid.UUID | None, found: Linkable
) -> Linked:
    # Unlinking holds the same lock: the account asked for is linked until this is committed.
    lock_person(session, who.user_id)
    demand_same(session, who.user_id, account_id, found.identity)
    return keep_account(session, gateway.keys, who.user_id, found)


def remove_expired_attempts(session: Session) -> int:
    """Forget every attempt whose time is over; return how many."""
    over = delete(LinkAttempt).where(LinkAttempt.expires_at <= func.statement_timestamp())
    return len(session.scalars(over.returning(LinkAttempt.id)).all())


def _exchange(gateway: Gateway, who: Linker, callback: Callback) -> tuple[_Attempt, TokenSet]:
    """Use the attempt up, then its code; refusals of every kind look alike."""
    attempt = _take(gateway, who, callback)
    grants = grants_for(gateway, attempt.provider)
    if callback.error is not None:
        raise denied(callback.error)
    grants.check_issuer(callback.issuer)
    if not callback.code:
        raise LinkRefused
    try:
        return attempt, grants.finish(attempt.redirect_uri, callback.code, attempt.verifier)
    except NeedsUser as error:
        raise refusal(error) from error


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
                LinkAttempt.account_id,
                LinkAttempt.wrapped_verifier,
                is_alive.label("is_alive"),
            )
        ).one_or_none()
    if row is None or not row.is_alive or row.provider != callback.provider:
        raise LinkRefused
    place = TokenPlace(who.user_id, row.id, row.provider, VERIFIER_VERSION)
    verifier = unseal(gateway.keys, place, row.wrapped_verifier).decode()
    return _Attempt(row.id, row.provider, row.redirect_uri, row.account_id, verifier)


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


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()
