"""Linked accounts as providers: one per account and process, shared by its threads."""

import secrets
import threading
import uuid
from dataclasses import dataclass

from sqlalchemy import select

from balancecloud.clouds.oauth import AccessTokens, ClientRefused
from balancecloud.clouds.provider import Provider
from balancecloud.clouds.registry import Account, Installation, grants_of, open_account
from balancecloud.clouds.retry import Patience, Retry
from balancecloud.errors import SignInAgain
from balancecloud.library.account_tokens import AccountTokens, TokenVault
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState

# After another process linked an account anew, or unlinked it, ours knows within this time.
LOOK_AGAIN_SECONDS = 5.0

# Enough for a connection that was cut. What lasts longer is the account's state, and the work's
# row waits for it, while readers turn to another account.
_PATIENCE = Patience(attempts=2, first_seconds=0.5, longest_seconds=2.0, total_seconds=3.0)
_JITTER = secrets.SystemRandom().random


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open account, the place it was opened with, and when its row was last looked at."""

    provider: Provider
    place: str | None
    looked_at: float


class OpenAccounts:
    """Opens linked accounts by id; `open` is the `open_provider` that storage is handed."""

    def __init__(self, vault: TokenVault, installation: Installation) -> None:
        self._vault = vault
        self._installation = installation
        self._lock = threading.Lock()
        self._opened: dict[uuid.UUID, _Opened] = {}

    def open(self, account_id: uuid.UUID) -> Provider:
        """Return the account as a provider; `SignInAgain` when it is not linked any more."""
        now = self._vault.clock.monotonic()
        known = self._opened.get(account_id)
        if known is not None and now - known.looked_at < LOOK_AGAIN_SECONDS:
            return known.provider
        row = self._row(account_id)
        with self._lock:
            known = self._opened.get(account_id)
            if known is not None and known.place == row.folder:
                provider = known.provider
            else:
                provider = self._open(row)
            self._opened[account_id] = _Opened(provider, row.folder, now)
            return provider

    def _row(self, account_id: uuid.UUID) -> CloudAccount:
        with self._vault.sessions() as session:
            row = session.scalar(select(CloudAccount).where(CloudAccount.id == account_id))
        if row is None or row.state is AccountState.UNLINKED:
            # Not closed: another thread may be in the middle of a last request.
            self._opened.pop(account_id, None)
            raise SignInAgain
        return row

    def _open(self, row: CloudAccount) -> Provider:
        account = Account(self._tokens(row), row.folder)
        opened = open_account(row.provider, self._installation, account)
        return Retry(opened, self._vault.clock, _JITTER, _PATIENCE)

    def _tokens(self, row: CloudAccount) -> AccessTokens | None:
        if row.wrapped_token is None:
            return None
        return account_tokens(self._vault, self._installation, row)


def account_tokens(
    vault: TokenVault, installation: Installation, row: CloudAccount
) -> AccountTokens:
    """Return the access tokens of a linked account."""
    grants = grants_of(row.provider, installation)
    if grants is None:
        raise ClientRefused("The administrator of this server no longer offers that provider.")
    return AccountTokens(vault, grants, row.id)
