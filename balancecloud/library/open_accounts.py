"""Linked accounts as providers: one per account and process, shared by its threads.

Each stands behind its gate. The account's row feeds the gate with the pause that other processes
were told, and keeps what the gate has learned for the next process.
"""

import threading
import uuid
from dataclasses import dataclass

from sqlalchemy import case, extract, func, select

from balancecloud.clouds.limits import Learned
from balancecloud.clouds.oauth import AccessTokens
from balancecloud.clouds.provider import Provider
from balancecloud.clouds.registry import Account, Installation, grants_of
from balancecloud.clouds.stack import Known, Stacked, open_stacked
from balancecloud.errors import ClientRefused, Temporary
from balancecloud.library.account_tokens import AccountTokens, TokenVault
from balancecloud.library.upload_sessions import KeptUploadSessions
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from balancecloud.storage import health

# After another process linked an account anew, unlinked it, or was told to let it rest, ours knows
# within this time.
LOOK_AGAIN_SECONDS = 5.0
# What was learned changes with every other answer; a new process needs it only roughly.
KEEP_SECONDS = 30.0


@dataclass(slots=True)
class _Opened:
    """An open account, the place it was opened with, and what of it was last read and written."""

    stacked: Stacked
    place: str | None
    kept: Learned
    looked_at: float
    kept_at: float = float("-inf")

    def news(self, now: float) -> Learned | None:
        """Return what was learned since it was last written down, where it is time to write."""
        learned = self.stacked.gate.learned()
        if learned == self.kept or now - self.kept_at < KEEP_SECONDS:
            return None
        self.kept, self.kept_at = learned, now
        return learned


@dataclass(frozen=True, slots=True)
class _Row:
    """An account's row, and for how many seconds its provider is not to be asked."""

    account: CloudAccount
    pause: float


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
            return known.stacked.provider
        row = self._read(account_id)
        with self._lock:
            known = self._opened.get(account_id)
            if known is None or known.place != row.account.folder:
                stacked = self._open(row.account)
                known = _Opened(stacked, row.account.folder, stacked.gate.learned(), now)
                self._opened[account_id] = known
            known.looked_at = now
            known.stacked.gate.pause.read_row(row.pause)
            news, told = known.news(now), known.stacked.gate.pause.told()
        if news is not None or told is not None:
            self._write(account_id, news, told)
        return known.stacked.provider

    def _write(self, account_id: uuid.UUID, news: Learned | None, told: Temporary | None) -> None:
        """Write down what the gate knows and the row does not."""
        with self._vault.sessions.begin() as session:
            if news is not None:
                health.note_learned(session, account_id, news)
            if told is not None:
                health.note_failure(session, account_id, told)

    def _read(self, account_id: uuid.UUID) -> _Row:
        with self._vault.sessions() as session:
            found = session.execute(
                select(CloudAccount, _PAUSE).where(CloudAccount.id == account_id)
            ).one_or_none()
        if found is None or found[0].state is AccountState.UNLINKED:
            # Not closed: another thread may be in the middle of a last request.
            self._opened.pop(account_id, None)
            raise health.GrantKnownDead
        return _Row(found[0], max(0.0, float(found[1] or 0)))

    def _open(self, row: CloudAccount) -> Stacked:
        uploads = KeptUploadSessions(self._vault, row.user_id, row.id)
        account = Account(self._tokens(row), row.folder, uploads)
        known = Known(row.learned_in_flight, row.learned_creations_per_second)
        return open_stacked(row.provider, self._installation, account, known)

    def _tokens(self, row: CloudAccount) -> AccessTokens | None:
        if row.wrapped_token is None:
            return None
        return account_tokens(self._vault, self._installation, row)


# A silent account asked for nothing: its pause is when storage looks again, and whoever has no
# other way may ask at once. The breaker keeps that rare.
_PAUSE = case(
    (CloudAccount.state == AccountState.SILENT, 0.0),
    else_=extract("epoch", CloudAccount.paused_until - func.statement_timestamp()),
)


def account_tokens(
    vault: TokenVault, installation: Installation, row: CloudAccount
) -> AccountTokens:
    """Return the access tokens of a linked account."""
    grants = grants_of(row.provider, installation)
    if grants is None:
        raise ClientRefused("The administrator of this server no longer offers that provider.")
    return AccountTokens(vault, grants, row.id)
