"""What a provider is asked while somebody gives us access: for tokens, and whose account it is.

Nothing here reads or writes a row but to see whom a grant serves.
"""

import logging
import uuid
from dataclasses import dataclass, field

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from balancecloud.clouds.oauth import Grants, HeldTokens, TokenSet
from balancecloud.clouds.provider import Identity
from balancecloud.clouds.registry import PROVIDERS, Account, grants_of, open_account
from balancecloud.errors import LinkRefused, NeedsUser, ProviderError, SignInAgain
from balancecloud.library.account_rows import Linkable
from balancecloud.library.gateway import Gateway
from balancecloud.library.probing import Candidate, try_out
from balancecloud.models.clouds import CloudAccount, LinkAttempt
from balancecloud.models.states import AccountState

logger = logging.getLogger(__name__)


def grants_for(gateway: Gateway, provider: str) -> Grants:
    """Return how access to this provider is given; LinkRefused where it cannot be linked."""
    grants = grants_of(provider, gateway.installation) if provider in PROVIDERS else None
    if grants is None:
        raise LinkRefused("This server cannot link accounts of that provider.")
    return grants


def denied(error: str) -> LinkRefused:
    """Return what a provider's answer without a code means."""
    if error in {"access_denied", "consent_required", "interaction_required"}:
        return LinkRefused("The permission was not given, so nothing was linked.")
    return LinkRefused(
        "The provider could not ask for the permission just now. Start linking again."
    )


def refusal(error: NeedsUser) -> LinkRefused:
    """Return the refusal a person can act on; a dead grant only means to start again."""
    return LinkRefused(None if isinstance(error, SignInAgain) else error.sentence)


def identify(gateway: Gateway, provider: str, held: HeldTokens) -> Identity:
    """Ask whose account these tokens are for."""
    account = open_account(provider, gateway.installation, Account(held, None))
    try:
        return account.identity()
    except NeedsUser as error:
        raise refusal(error) from error
    finally:
        account.close()


def try_tokens(gateway: Gateway, provider: str, tokens: TokenSet) -> Linkable:
    """Try the account out; LinkRefused, with words, where only the person can help."""
    held = HeldTokens(tokens, grants_for(gateway, provider), gateway.clock)
    try:
        return try_out(gateway.installation, gateway.clock, Candidate(provider, held, None))
    except NeedsUser as error:
        raise refusal(error) from error


def serves_somebody(
    session: Session, provider: str, subject: str, without: uuid.UUID | None = None
) -> bool:
    """Say whether a grant for this account is in use: a provider ends all of them as one.

    `without` is the account or the attempt that does not need it any more.
    """
    linked = select(CloudAccount.id).where(
        CloudAccount.provider == provider,
        CloudAccount.subject == subject,
        CloudAccount.state != AccountState.UNLINKED,
        CloudAccount.id != without,
    )
    waiting = select(LinkAttempt.id).where(
        and_(LinkAttempt.provider == provider, LinkAttempt.subject == subject),
        LinkAttempt.wrapped_token.is_not(None),
        LinkAttempt.expires_at > func.statement_timestamp(),
        LinkAttempt.id != without,
    )
    return session.scalar(select(linked.exists() | waiting.exists())) is True


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A grant that was refused, of an attempt that is over."""

    provider: str
    subject: str
    tokens: TokenSet | None = field(repr=False)
    attempt_id: uuid.UUID

    @classmethod
    def after(cls, found: Linkable, attempt_id: uuid.UUID) -> "Unwanted":
        """Return the grant of an account that was tried out and then not linked."""
        return cls(found.provider, found.identity.subject, found.tokens, attempt_id)


def give_back(gateway: Gateway, unwanted: Unwanted) -> None:
    """End a grant that was refused, unless it serves an account or another attempt."""
    with gateway.sessions() as session:
        is_in_use = serves_somebody(
            session, unwanted.provider, unwanted.subject, unwanted.attempt_id
        )
    if unwanted.tokens is not None and not is_in_use:
        end_grant(gateway, unwanted.provider, unwanted.tokens)


def end_grant(gateway: Gateway, provider: str, tokens: TokenSet) -> None:
    """End a grant at the provider where that is possible; that it fails is only logged."""
    grants = grants_of(provider, gateway.installation)
    if grants is None:
        return
    try:
        grants.revoke(tokens)
    except ProviderError as error:
        logger.warning("A grant at %s could not be ended: %s.", provider, error.code)
