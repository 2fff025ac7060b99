"""Linked accounts, and providers that can be linked, as pages and the API show them."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.clouds.registry import PROVIDERS, Kind
from balancecloud.config import Config
from balancecloud.errors import NotFound
from balancecloud.library import account_words
from balancecloud.library.account_words import Standing
from balancecloud.library.grant_life import Grant, end_to_warn_of
from balancecloud.library.survival import count_unreadable
from balancecloud.library.views import AccountView, AccountWarning, ProviderOffer
from balancecloud.models.clouds import CloudAccount, ShardRow
from balancecloud.models.states import AccountState, ShardState

ROOM_IS_OLD = timedelta(hours=1)
# Of an account in trouble we count the files that need it, up to this many shards: 5 000 took the
# database 60 ms on two busy cores.
SHARDS_COUNTED = 5_000

_HELD = (ShardState.STORED, ShardState.VERIFIED)
_TAKES = (AccountState.HEALTHY, AccountState.SLOWED)
_MISSED = (AccountState.SLOWED, AccountState.SILENT, AccountState.SIGN_IN_AGAIN)

_ASKS_FOR = {
    "google_drive": (
        "We ask Google for access to the files that BalanceCloud itself makes, in one folder"
        " called BalanceCloud. Nothing else in your Drive can be seen."
    ),
    "onedrive": (
        "We ask Microsoft to read and write your files, and to stay signed in. Everything we"
        " store lies in one folder called BalanceCloud."
    ),
    "folder": (
        "Shards are kept in a folder of this server, or of a disk mounted on it, below a folder"
        " that its administrator has allowed."
    ),
}


@dataclass(frozen=True, slots=True)
class _Held:
    """A row, the shards there, and whether it is to be left alone just now."""

    row: CloudAccount
    shards: int  # none where the account is well, at most one more than are counted elsewhere
    is_paused: bool
    now: datetime  # the database's

    @property
    def state(self) -> AccountState:
        """The state; nobody needs to end a pause that is over."""
        if self.row.state is AccountState.SLOWED and not self.is_paused:
            return AccountState.HEALTHY
        return self.row.state


def list_accounts(session: Session, config: Config, user_id: uuid.UUID) -> tuple[AccountView, ...]:
    """Return the person's linked accounts, the oldest first."""
    held = _read(session, user_id)
    taking = {one.row.id for one in held if one.state in _TAKES}
    return tuple(
        _view(session, config, one, others_take=bool(taking - {one.row.id})) for one in held
    )


def get_account(
    session: Session, config: Config, user_id: uuid.UUID, account_id: uuid.UUID
) -> AccountView:
    """Return one account; NotFound when it is another's or no longer linked."""
    for account in list_accounts(session, config, user_id):
        if account.id == account_id:
            return account
    raise NotFound


def count_shards(session: Session, account_id: uuid.UUID) -> int:
    """Return how many shards lie on an account: all are counted, so no page shows it."""
    return session.scalars(
        select(func.count())
        .select_from(ShardRow)
        .where(ShardRow.account_id == account_id, ShardRow.state.in_(_HELD))
    ).one()


def find_by_subject(
    session: Session, config: Config, user_id: uuid.UUID, known: tuple[str, str]
) -> AccountView | None:
    """Return the linked account with this provider and account id there, if there is one."""
    for account in list_accounts(session, config, user_id):
        if (account.provider, account.provider_account_id) == known:
            return account
    return None


def offers(config: Config) -> tuple[ProviderOffer, ...]:
    """Return every provider, with the reason where it cannot be linked here."""
    return tuple(_offer(config, kind) for kind in PROVIDERS.values())


def offer(config: Config, provider: str) -> ProviderOffer:
    """Return one provider; NotFound when there is none of that name."""
    if provider not in PROVIDERS:
        raise NotFound
    return _offer(config, PROVIDERS[provider])


def is_simulated(config: Config, provider: str) -> bool:
    """Say whether accounts of this provider live in the simulator."""
    return bool(config.simulator_url) and PROVIDERS[provider].links_by_oauth


def _read(session: Session, user_id: uuid.UUID) -> list[_Held]:
    """Return the person's linked accounts, the oldest first.

    Every page asks, so nothing here grows with the library: the bytes are kept in the row, and
    shards are counted only where words depend on them, and only so far.
    """
    some = (
        select(ShardRow.pack_id)
        .where(
            ShardRow.account_id == CloudAccount.id,
            ShardRow.state.in_(_HELD),
            CloudAccount.state != AccountState.HEALTHY,
        )
        .limit(SHARDS_COUNTED + 1)
        .correlate(CloudAccount)
        .subquery()
    )
    shards = select(func.count()).select_from(some).scalar_subquery()
    now = func.statement_timestamp()
    is_paused = func.coalesce(CloudAccount.paused_until > now, False)
    rows = session.execute(
        select(CloudAccount, shards, is_paused, now)
        .where(CloudAccount.user_id == user_id, CloudAccount.state != AccountState.UNLINKED)
        .order_by(CloudAccount.created_at, CloudAccount.id)
        .execution_options(populate_existing=True)
    ).all()
    return [_Held(*row) for row in rows]


def _view(session: Session, config: Config, held: _Held, *, others_take: bool) -> AccountView:
    row, state = held.row, held.state
    kind = PROVIDERS[row.provider]
    return AccountView(
        id=row.id,
        provider=row.provider,
        provider_title=kind.title,
        provider_account_id=row.subject,
        address=row.address,
        label=row.label,
        letter=row.label[:1].upper(),
        color=row.color,
        simulated=is_simulated(config, row.provider),
        is_connected=state is not AccountState.SIGN_IN_AGAIN,
        state=state.value,
        state_reason=row.state_reason,
        health=account_words.health_of(_standing(session, held, others_take=others_take)),
        warning=_warning(row, state, held.now),
        uses_oauth=kind.links_by_oauth,
        state_since=row.state_since,
        paused_until=row.paused_until if held.is_paused else None,
        token_expires_at=row.token_expires_at,
        total_bytes=row.total_bytes,
        used_bytes=row.used_bytes,
        stored_bytes=row.stored_bytes,
        room_read_at=row.room_read_at,
        room_is_old=row.room_read_at is None or held.now - row.room_read_at > ROOM_IS_OLD,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _standing(session: Session, held: _Held, *, others_take: bool) -> Standing:
    row, kind = held.row, PROVIDERS[held.row.provider]
    return Standing(
        label=row.label,
        provider_title=kind.title,
        uses_oauth=kind.links_by_oauth,
        state=held.state,
        reason=row.state_reason,
        since=row.state_since,
        until=row.paused_until if held.is_paused else None,
        shards=held.shards,
        unreadable=_unreadable(session, held),
        others_take=others_take,
    )


def _unreadable(session: Session, held: _Held) -> int | None:
    """Count the files that need this account just now, where that is cheap and worth knowing."""
    if held.state not in _MISSED or not 0 < held.shards <= SHARDS_COUNTED:
        return None
    return count_unreadable(session, held.row.id)


def _warning(row: CloudAccount, state: AccountState, now: datetime) -> AccountWarning | None:
    if row.wrapped_token is None or state is AccountState.SIGN_IN_AGAIN:
        return None
    grant = Grant(row.provider, row.grant_given_at, row.grant_used_at, row.grant_expires_at)
    end = end_to_warn_of(grant, now)
    return account_words.warning_of(row.label, end, now) if end else None


def _offer(config: Config, kind: Kind) -> ProviderOffer:
    reason = _why_not(config, kind)
    return ProviderOffer(
        name=kind.name,
        title=kind.title,
        uses_oauth=kind.links_by_oauth,
        simulated=is_simulated(config, kind.name),
        asks_for=_ASKS_FOR[kind.name],
        available=reason is None,
        unavailable_reason=reason,
    )


def _why_not(config: Config, kind: Kind) -> str | None:
    if not kind.links_by_oauth:
        has_roots = bool(config.folder_roots)
        return None if has_roots else "The administrator has not allowed any folder."
    client = config.google if kind.name == "google_drive" else config.microsoft
    if not client.client_id:
        return f"The administrator has not set up a client for {kind.title}."
    return None
