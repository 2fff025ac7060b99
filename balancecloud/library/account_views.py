"""Linked accounts, and providers that can be linked, as pages and the API show them."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from balancecloud.clouds.registry import PROVIDERS, Kind
from balancecloud.config import Config
from balancecloud.errors import AccessRefused, NotFound
from balancecloud.library.views import AccountView, ProviderOffer
from balancecloud.models.clouds import CloudAccount, ShardRow
from balancecloud.models.states import AccountState, ShardState

_HELD = (ShardState.STORED, ShardState.VERIFIED)

_STATE_WORDS = {
    AccountState.HEALTHY: "Healthy",
    AccountState.SLOWED: "Slowed down until {until}",
    AccountState.SIGN_IN_AGAIN: "Sign in again",
    AccountState.FULL: "Full",
    AccountState.SILENT: "Not answering since {since}",
    AccountState.DRAINING: "Moving everything off",
    AccountState.UNLINKED: "Unlinked",
}

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
class _Holding:
    """What we keep on an account, and whether it is to be left alone just now."""

    stored_bytes: int
    shards: int
    is_paused: bool


def list_accounts(session: Session, config: Config, user_id: uuid.UUID) -> tuple[AccountView, ...]:
    """Return the person's linked accounts, the oldest first."""
    return _views(session, config, CloudAccount.user_id == user_id)


def get_account(
    session: Session, config: Config, user_id: uuid.UUID, account_id: uuid.UUID
) -> AccountView:
    """Return one account; NotFound when it is another's or no longer linked."""
    is_own = CloudAccount.user_id == user_id
    found = _views(session, config, is_own, CloudAccount.id == account_id)
    if not found:
        raise NotFound
    return found[0]


def find_by_subject(
    session: Session, config: Config, user_id: uuid.UUID, known: tuple[str, str]
) -> AccountView | None:
    """Return the linked account with this provider and account id there, if there is one."""
    provider, subject = known
    found = _views(
        session,
        config,
        CloudAccount.user_id == user_id,
        CloudAccount.provider == provider,
        CloudAccount.subject == subject,
    )
    return found[0] if found else None


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


def _views(
    session: Session, config: Config, *which: ColumnElement[bool]
) -> tuple[AccountView, ...]:
    held = (
        select(
            func.coalesce(func.sum(ShardRow.length), 0).label("bytes"),
            func.count().label("shards"),
        )
        .where(ShardRow.account_id == CloudAccount.id, ShardRow.state.in_(_HELD))
        .lateral()
    )
    is_paused = func.coalesce(CloudAccount.paused_until > func.statement_timestamp(), False)
    rows = session.execute(
        select(CloudAccount, held.c.bytes, held.c.shards, is_paused)
        .join(held, true())
        .where(CloudAccount.state != AccountState.UNLINKED, *which)
        .order_by(CloudAccount.created_at, CloudAccount.id)
        .execution_options(populate_existing=True)
    ).all()
    return tuple(
        _view(config, row, _Holding(int(stored), shards, paused))
        for row, stored, shards, paused in rows
    )


def _view(config: Config, row: CloudAccount, holding: _Holding) -> AccountView:
    state = _state_now(row, holding)
    title = PROVIDERS[row.provider].title
    return AccountView(
        id=row.id,
        provider=row.provider,
        provider_title=title,
        provider_account_id=row.subject,
        address=row.address,
        label=row.label,
        letter=row.label[:1].upper(),
        color=row.color,
        simulated=is_simulated(config, row.provider),
        is_connected=state is not AccountState.SIGN_IN_AGAIN,
        state=state.value,
        state_reason=row.state_reason,
        state_sentence=state_sentence(state, row),
        state_since=row.state_since,
        paused_until=row.paused_until if holding.is_paused else None,
        token_expires_at=row.token_expires_at,
        total_bytes=row.total_bytes,
        used_bytes=row.used_bytes,
        stored_bytes=holding.stored_bytes,
        shards=holding.shards,
        room_read_at=row.room_read_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _state_now(row: CloudAccount, holding: _Holding) -> AccountState:
    """Return the state; nobody needs to end a pause that is over."""
    if row.state is AccountState.SLOWED and not holding.is_paused:
        return AccountState.HEALTHY
    return row.state


def state_sentence(state: AccountState, row: CloudAccount) -> str:
    """Return the words of a state, with the time of this row where it has one."""
    if state is AccountState.SIGN_IN_AGAIN and row.state_reason == AccessRefused.code:
        return "Access refused. Link it again"
    words = _STATE_WORDS[state]
    return words.format(until=_time_of_day(row.paused_until), since=_time_of_day(row.state_since))


def _time_of_day(moment: datetime | None) -> str:
    return "a moment" if moment is None else f"{moment.astimezone(UTC):%H:%M} UTC"


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
