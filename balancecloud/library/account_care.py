"""Looking after linked accounts: how much room they have, whether they answer.

Reading a room takes a fresh access token, so this is also what keeps grants from dying of disuse:
every account that can be asked is, in every state but the one that waits for its person.
"""

import logging
import threading
import uuid
from datetime import timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from balancecloud.errors import GrantEnded, ProviderError, SignInAgain
from balancecloud.library.account_rows import own_account
from balancecloud.library.account_tokens import TokenVault
from balancecloud.library.gateway import Gateway
from balancecloud.library.open_accounts import account_tokens
from balancecloud.library.probing import probe
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from balancecloud.storage import health
from balancecloud.storage.tools import Tools

ROOM_LASTS = timedelta(minutes=15)  # reported usage lags by minutes anyway
AT_ONCE = 20  # accounts looked at in one round

logger = logging.getLogger(__name__)


def refresh_account(gateway: Gateway, user_id: uuid.UUID, account_id: uuid.UUID) -> list[uuid.UUID]:
    """Get a new access token, probe the account and read its room; return work to ring for.

    `GrantEnded` when it must be linked again; other troubles are written down and raised.
    """
    with gateway.sessions() as session:
        row = own_account(session, user_id, account_id)
    try:
        _renew(gateway, row)
        provider = gateway.open_provider(account_id)
        room = provider.room()
        probe(provider)
    except SignInAgain as error:
        _note_failure(gateway, account_id, error)
        raise GrantEnded from error
    except ProviderError as error:
        _note_failure(gateway, account_id, error)
        raise
    with gateway.sessions.begin() as session:
        health.note_room(session, account_id, room)
        return health.note_restored(session, account_id)


class RoomReading:
    """Refreshes rooms in a thread of its own, so that a slow provider holds nothing up."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def start(self, tools: Tools) -> None:
        """Begin a round, unless the last one is still under way."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._run, args=(tools,), name="rooms", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when the round is over."""
        if self._thread is not None:
            self._thread.join()

    @staticmethod
    def _run(tools: Tools) -> None:
        try:
            refresh_rooms(tools)
        except SQLAlchemyError as error:
            logger.warning("Rooms could not be read: %s.", type(error).__name__)


def refresh_rooms(tools: Tools) -> int:
    """Read the room of accounts not looked at for long, and ask silent ones; return how many."""
    due = _due(tools)
    for account_id in due:
        read_room(tools, account_id)
    return len(due)


def read_room(tools: Tools, account_id: uuid.UUID) -> None:
    """Read one account's room into its row, or write down why that failed."""
    try:
        room = tools.open_provider(account_id).room()
    except ProviderError as error:
        logger.info("The room of account %s could not be read: %s.", account_id, error.code)
        _note_failure(tools, account_id, error)
        return
    with tools.sessions.begin() as session:
        health.note_room(session, account_id, room)
        health.note_success(session, account_id)


def _renew(gateway: Gateway, row: CloudAccount) -> None:
    if row.wrapped_token is None:
        return
    vault = TokenVault(gateway.sessions, gateway.keys, gateway.clock)
    account_tokens(vault, gateway.installation, row).renew()


def _due(tools: Tools) -> list[uuid.UUID]:
    now = func.statement_timestamp()
    is_old = or_(CloudAccount.room_read_at.is_(None), CloudAccount.room_read_at < now - ROOM_LASTS)
    may_be_asked = or_(CloudAccount.paused_until.is_(None), CloudAccount.paused_until <= now)
    asks = (AccountState.HEALTHY, AccountState.SLOWED, AccountState.FULL, AccountState.DRAINING)
    wanted = or_(
        and_(CloudAccount.state.in_(asks), is_old), CloudAccount.state == AccountState.SILENT
    )
    # A silent account's pause moves each time it is asked: many of them never crowd out the others.
    waited_since = func.greatest(CloudAccount.room_read_at, CloudAccount.paused_until)
    with tools.sessions() as session:
        rows = session.scalars(
            select(CloudAccount.id)
            .where(may_be_asked, wanted)
            .order_by(waited_since.nulls_first(), CloudAccount.id)
            .limit(AT_ONCE)
        )
        return list(rows)


def _note_failure(tools: Tools, account_id: uuid.UUID, error: ProviderError) -> None:
    with tools.sessions.begin() as session:
        health.note_failure(session, account_id, error)
