"""The access tokens of one linked account, kept in its row and shared by all processes.

One refresher per account: a short lease on the row, on the database's clock; what it brings is
written only where the token version is still the one it used, and committed before it is used.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, extract, func, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import Clock
from balancecloud.clouds.oauth import Grants, TokenSet
from balancecloud.crypto.keys import MasterKeys
from balancecloud.errors import SignInAgain, Unreachable
from balancecloud.library.sealed_tokens import TokenPlace, seal_tokens, unseal_tokens
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from balancecloud.storage import health

# Longer than a refresh may take by the deadlines of clouds/http.py; a refresher that died holds
# the others up no longer than this.
REFRESH_LEASE = timedelta(seconds=130)
PATIENCE_SECONDS = 30.0  # how long a loser waits for the winner before it says "later"
# A renewal takes some tenths of a second; who still waits later looks less and less often.
FIRST_LOOK_SECONDS = 0.05
LAST_LOOK_SECONDS = 2.0

_DEAD = (AccountState.SIGN_IN_AGAIN, AccountState.UNLINKED)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the row holds now."""

    tokens: TokenSet = field(repr=False)
    place: TokenPlace
    seconds_left: float


@dataclass(frozen=True, slots=True)
class TokenVault:
    """What every account's tokens need: the rows, the keys that open them, the clock."""

    sessions: sessionmaker[Session]
    keys: MasterKeys
    clock: Clock
    refresh_lease: timedelta = REFRESH_LEASE


class AccountTokens:
    """Access tokens out of one account's row. Thread-safe."""

    def __init__(self, vault: TokenVault, grants: Grants, account_id: uuid.UUID) -> None:
        self._vault = vault
        self._grants = grants
        self._account_id = account_id
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0

    def __repr__(self) -> str:
        return f"AccountTokens({self._account_id})"

    def current(self) -> str:
        """Return a fresh access token; raises `SignInAgain` when the grant is dead."""
        with self._turn():
            if self._token and self._vault.clock.monotonic() < self._good_until:
                return self._token
            return self._obtain(refused=None)

    def refused(self, token: str) -> str:
        """Return a newer token after `token` got a 401; raises `SignInAgain` when there is none."""
        with self._turn():
            return self._obtain(refused=token)

    def renew(self) -> str:
        """Return a token that was granted just now, as the person asked for it."""
        with self._turn():
            return self._obtain(refused=self._read().tokens.access_token)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one thread of this process ask at a time; nobody waits longer than one renewal."""
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise _later()
        try:
            yield
        finally:
            self._lock.release()

    def _obtain(self, refused: str | None) -> str:
        """Take the row's token, or renew it, or wait for whoever does."""
        give_up_at = self._vault.clock.monotonic() + PATIENCE_SECONDS
        pause = FIRST_LOOK_SECONDS
        while True:
            kept = self._read()
            if kept.seconds_left > 0 and kept.tokens.access_token != refused:
                return self._remember(kept.tokens.access_token, kept.seconds_left)
            owner = uuid.uuid4()
            if self._take_lease(kept, owner):
                renewed = self._renew(kept, owner)
                if renewed is not None:
                    return renewed
            if self._vault.clock.monotonic() > give_up_at:
                raise _later()
            self._vault.clock.sleep(pause)
            pause = min(2 * pause, LAST_LOOK_SECONDS)

    def _read(self) -> _Kept:
        left = extract("epoch", CloudAccount.token_expires_at - _now())
        with self._vault.sessions() as session:
            found = session.execute(
                select(CloudAccount, left).where(CloudAccount.id == self._account_id)
            ).one_or_none()
        if found is None:
            raise health.GrantKnownDead
        row, seconds_left = found
        if row.state in _DEAD or row.wrapped_token is None:
            raise health.GrantKnownDead
        place = TokenPlace(row.user_id, row.id, row.provider, row.token_version)
        tokens = unseal_tokens(self._vault.keys, place, row.wrapped_token)
        return _Kept(tokens, place, float(seconds_left or 0))

    def _take_lease(self, kept: _Kept, owner: uuid.UUID) -> bool:
        free = or_(CloudAccount.refresh_until.is_(None), CloudAccount.refresh_until < _now())
        until = _now() + self._vault.refresh_lease
        return self._write(kept, free, refresh_owner=owner, refresh_until=until)

    def _renew(self, kept: _Kept, owner: uuid.UUID) -> str | None:
        """Ask the provider; None when the row has changed meanwhile and is to be read again."""
        try:
            tokens = self._grants.refresh(kept.tokens)
        except SignInAgain as error:
            if self._note_dead(kept):
                raise health.GrantKnownDead(error.sentence) from error
            return None
        except BaseException:
            self._release(kept, owner)
            raise
        return self._keep(kept, tokens)

    def _keep(self, kept: _Kept, tokens: TokenSet) -> str | None:
        lifetime = tokens.expires_at - self._vault.clock.now()
        place = TokenPlace(
            kept.place.user_id, kept.place.row_id, kept.place.provider, kept.place.version + 1
        )
        sealed = seal_tokens(self._vault.keys, place, tokens)
        values = {
            "wrapped_token": sealed.wrapped,
            "master_version": sealed.master_version,
            "token_version": place.version,
            "token_expires_at": _now() + lifetime,
            "grant_used_at": _now(),
            "grant_expires_at": tokens.grant_expires_at,
            "refresh_owner": None,
            "refresh_until": None,
        }
        if not self._write(kept, **values) and not self._revive(kept, values):
            return None
        return self._remember(tokens.access_token, lifetime.total_seconds())

    def _revive(self, kept: _Kept, values: dict[str, Any]) -> bool:
        """Write new tokens where another process took ours for dead, as we were slow with them.

        A provider whose old token dies at once refuses it to whoever took over our lease.
        """
        is_dead = and_(
            CloudAccount.state == AccountState.SIGN_IN_AGAIN,
            CloudAccount.state_reason == SignInAgain.code,
        )
        with self._vault.sessions.begin() as session:
            changed = self._compare_and_set(session, kept, is_dead, values)
            if changed:
                health.note_restored(session, self._account_id)
        return changed

    def _note_dead(self, kept: _Kept) -> bool:
        """Say that the grant is dead, unless the row already holds another one."""
        with self._vault.sessions.begin() as session:
            return health.note_dead_grant(session, self._account_id, kept.place.version)

    def _release(self, kept: _Kept, owner: uuid.UUID) -> None:
        is_mine = CloudAccount.refresh_owner == owner
        self._write(kept, is_mine, refresh_owner=None, refresh_until=None)

    def _write(self, kept: _Kept, *more: ColumnElement[bool], **values: Any) -> bool:
        """Compare and set: change the row only while it is linked and holds the token we know."""
        is_linked = CloudAccount.state.not_in(_DEAD)
        with self._vault.sessions.begin() as session:
            return self._compare_and_set(session, kept, and_(is_linked, *more), values)

    def _compare_and_set(
        self, session: Session, kept: _Kept, guard: ColumnElement[bool], values: dict[str, Any]
    ) -> bool:
        changed = session.scalar(
            update(CloudAccount)
            .where(
                CloudAccount.id == self._account_id,
                CloudAccount.token_version == kept.place.version,
                guard,
            )
            .values(**values)
            .returning(CloudAccount.id)
            .execution_options(synchronize_session=False)
        )
        return changed is not None

    def _remember(self, token: str, seconds: float) -> str:
        self._token = token
        self._good_until = self._vault.clock.monotonic() + seconds
        return token


def _later() -> Unreachable:
    return Unreachable("Another process is renewing the access to this account.", is_own=True)


def _now() -> ColumnElement[Any]:
    return func.statement_timestamp()
