"""Cloud accounts as pages show them, one in each state there is."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from balancecloud.library.account_words import Standing, health_of, warning_of
from balancecloud.library.grant_life import End
from balancecloud.library.views import AccountHealth, AccountView
from balancecloud.models.states import AccountState

NOW = datetime(2026, 11, 23, 14, 6, 31, tzinfo=UTC)
GIB = 1 << 30


def at(**past: float) -> datetime:
    return NOW - timedelta(**past)


def said(
    state: AccountState,
    label: str,
    reason: str | None = None,
    until: datetime | None = None,
    **more: Any,
) -> AccountHealth:
    """Return the words of a state as the library has them."""
    facts: dict[str, Any] = {
        "provider_title": "Google Drive",
        "uses_oauth": True,
        "since": at(minutes=64),
        "shards": 188,
        "unreadable": None,
        "others_take": True,
        **more,
    }
    return health_of(Standing(label=label, state=state, reason=reason, until=until, **facts))


HEALTHY = said(AccountState.HEALTHY, "Google Drive")


def account(number: int, **values: object) -> AccountView:
    made = AccountView(
        id=uuid.UUID(int=100 + number),
        provider="google_drive",
        provider_title="Google Drive",
        provider_account_id=f"id-{number}",
        address="anna@gmail.example",
        label="Google Drive",
        letter="G",
        color=number % 5,
        simulated=True,
        is_connected=True,
        state="healthy",
        state_reason=None,
        health=HEALTHY,
        warning=None,
        uses_oauth=True,
        state_since=at(days=3),
        paused_until=None,
        token_expires_at=at(hours=-1),
        total_bytes=15 * GIB,
        used_bytes=9 * GIB,
        stored_bytes=4 * GIB,
        room_read_at=at(minutes=4),
        room_is_old=False,
        created_at=at(days=90),
        updated_at=at(minutes=4),
    )
    return replace(made, **values)  # type: ignore[arg-type]


GOOGLE = account(0)
ONEDRIVE = account(
    1,
    provider="onedrive",
    provider_title="OneDrive",
    label="OneDrive",
    letter="O",
    address="anna@outlook.example",
    state="slowed",
    health=said(AccountState.SLOWED, "OneDrive", until=at(minutes=-14), unreadable=0),
    paused_until=at(minutes=-14),
    used_bytes=3 * GIB,
    stored_bytes=2 * GIB,
    total_bytes=5 * GIB,
)
WORK = account(
    2,
    label="Work Drive",
    letter="W",
    address="anna.lindqvist@a-rather-long-company-name.example",
    state="sign_in_again",
    state_reason="sign_in_again",
    health=said(AccountState.SIGN_IN_AGAIN, "Work Drive", "sign_in_again", unreadable=3),
    is_connected=False,
)
FOLDER = account(
    3,
    provider="folder",
    provider_title="Folder",
    label="NAS in the cellar",
    letter="F",
    address=None,
    simulated=False,
    uses_oauth=False,
    total_bytes=None,
    used_bytes=6 * GIB,
    stored_bytes=6 * GIB,
)
ACCOUNTS = (GOOGLE, ONEDRIVE, WORK, FOLDER)


def _full(number: int, label: str, *, others_take: bool) -> AccountView:
    return account(
        number,
        label=label,
        state="full",
        state_reason="account_full",
        health=said(AccountState.FULL, label, others_take=others_take),
        used_bytes=15 * GIB,
    )


SLOWED = ONEDRIVE
REVOKED = WORK
FULL = _full(4, "Google Drive 3", others_take=True)
FULL_ALONE = _full(5, "Google Drive", others_take=False)
SILENT = account(
    6,
    provider="onedrive",
    provider_title="OneDrive",
    label="OneDrive 2",
    letter="O",
    address="lindqvist.archive@outlook.example",
    state="silent",
    state_reason="unreachable",
    state_since=at(minutes=64),
    health=said(AccountState.SILENT, "OneDrive 2", unreadable=0),
    room_read_at=at(hours=3),
    room_is_old=True,
)
UNTICKED = account(
    7,
    label="Google Drive 4",
    state="sign_in_again",
    state_reason="access_refused",
    is_connected=False,
    health=said(AccountState.SIGN_IN_AGAIN, "Google Drive 4", "access_refused", unreadable=0),
)
CLIENT_REFUSED = account(
    8,
    label="Google Drive 5",
    state="sign_in_again",
    state_reason="client_refused",
    is_connected=False,
    health=said(AccountState.SIGN_IN_AGAIN, "Google Drive 5", "client_refused", shards=0),
    stored_bytes=0,
)
ENDING = account(
    9,
    label="Google Drive 6",
    warning=warning_of("Google Drive 6", End(at(days=-4), "time_limit"), NOW),
)
UNUSED = account(
    10,
    label="Google Drive 7",
    warning=warning_of("Google Drive 7", End(at(days=-9), "disuse"), NOW),
    total_bytes=None,
)
AWAY_FOLDER = account(
    11,
    provider="folder",
    provider_title="Folder",
    label="NAS in the attic",
    letter="F",
    address=None,
    simulated=False,
    uses_oauth=False,
    is_connected=False,
    state="sign_in_again",
    state_reason="access_refused",
    health=said(AccountState.SIGN_IN_AGAIN, "NAS in the attic", "access_refused", uses_oauth=False),
    room_read_at=None,
    room_is_old=True,
)
NAMED = {
    "healthy": GOOGLE,
    "slowed": SLOWED,
    "silent": SILENT,
    "full": FULL,
    "revoked": REVOKED,
    "permission-missing": UNTICKED,
    "client-refused": CLIENT_REFUSED,
    "grant-ends": ENDING,
    "grant-unused": UNUSED,
    "folder-refused": AWAY_FOLDER,
}
EVERY = tuple(NAMED.values())
