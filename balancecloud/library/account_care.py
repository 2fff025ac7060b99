"""Looking after linked accounts: how much room they have, whether they answer."""

import logging
import uuid
from datetime import timedelta

from sqlalchemy import and_, func, or_, select

from balancecloud.errors import GrantEnded, ProviderError, SignInAgain
from balancecloud.library.account_rows import own_account
from balancecloud.library.account_tokens import TokenVault
from balancecloud.library.gateway import Gateway
from balancecloud.library.open_accounts import account_tokens
from balancecloud.library.probing import probe
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from balancecloud.storage import health

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


def refresh_rooms(gateway: Gateway) -> int:
    """Read the room of accounts not looked at for long, and ask silent ones; return how many."""
    due = _due(gateway)
    for account_id in due:
        read_room(gateway, account_id)
    return len(due)


def read_room(gateway: Gateway, account_id: uuid.UUID) -> None:
    """Read one account's room into its row, or write down why that failed."""
    try:
        room = gateway.open_provider(account_id).room()
    except ProviderError as error:
        logger.info("The room of account %s could not be read: %s.", account_id, error.code)
        _note_failure(gateway, account_id, error)
        return
    with gateway.sessions.begin() as session:
        health.note_room(session, account_id, room)
        health.note_success(session, account_id)


def _renew(gateway: Gateway, row: CloudAccount) -> None:
    if row.wrapped_token is None:
        return
    vault = TokenVault(gateway.sessions, gateway.keys, gateway.clock)
    account_tokens(vault, gateway.installation, row).renew()


def _due(gateway: Gateway) -> list[uuid.UUID]:
    now = func.statement_timestamp()
    is_old = or_(CloudAccount.room_read_at.is_(None), CloudAccount.room_read_at < now - ROOM_LASTS)
    may_be_asked = or_(CloudAccount.paused_until.is_(None), CloudAccount.paused_until <= now)
    asks = (AccountState.HEALTHY, AccountState.SLOWED, AccountState.FULL, AccountState.DRAINING)
    wanted = or_(
        and_(CloudAccount.state.in_(asks), is_old), CloudAccount.state == AccountState.SILENT
    )
    with gateway.sessions() as session:
        rows = session.scalars(
            select(CloudAccount.id)
            .where(may_be_asked, wanted)
            .order_by(CloudAccount.room_read_at.nulls_first(), CloudAccount.id)
            .limit(AT_ONCE)
        )
        return list(rows)


def _note_failure(gateway: Gateway, account_id: uuid.UUID, error: ProviderError) -> None:
    with gateway.sessions.begin() as session:
        health.note_failure(session, account_id, error)
