"""Every provider there is, and how to open an account of it. The one place that knows them all."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.clouds import folder
from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints
from balancecloud.clouds.folder import Folder
from balancecloud.clouds.google_drive import GoogleDrive
from balancecloud.clouds.http import HostRules, HttpClient
from balancecloud.clouds.oauth import AccessTokens, Grants, OAuthClient
from balancecloud.clouds.onedrive import OneDrive
from balancecloud.clouds.provider import Identity, Provider
from balancecloud.clouds.upload_sessions import UploadSessions
from balancecloud.errors import ConfigError

GOOGLE_SUFFIXES = ("googleapis.com", "googleusercontent.com", "google.com")
MICROSOFT_SUFFIXES = (
    "microsoftonline.com",
    "graph.microsoft.com",
    "1drv.com",
    "sharepoint.com",
    "sharepoint.us",
    "microsoftpersonalcontent.com",
    "storage.live.com",
    "onedrive.com",
)


class PlacedProvider(Provider, Protocol):
    """A provider that makes the folder its shards lie in."""

    def ensure_place(self) -> str:
        """Find or make the folder and return what the account's row keeps of it."""
        ...


@dataclass(frozen=True, slots=True)
class Installation:
    """What all accounts of this installation share."""

    google: GoogleEndpoints
    microsoft: MicrosoftEndpoints
    google_client: OAuthClient | None
    microsoft_client: OAuthClient | None
    folder_roots: tuple[Path, ...]
    google_http: HttpClient
    microsoft_http: HttpClient
    clock: Clock


@dataclass(frozen=True, slots=True)
class OAuthClients:
    """Whom the providers know this installation as; None where it has no client there."""

    google: OAuthClient | None
    microsoft: OAuthClient | None


def installation(
    google: GoogleEndpoints,
    microsoft: MicrosoftEndpoints,
    clients: OAuthClients,
    folder_roots: tuple[Path, ...],
    clock: Clock = SYSTEM_CLOCK,
) -> Installation:
    """Return what is shared, with one HTTP client per family of hosts."""
    google_bases = (google.api, google.upload, google.token, google.revoke)
    microsoft_bases = (microsoft.graph, microsoft.token)
    return Installation(
        google=google,
        microsoft=microsoft,
        google_client=clients.google,
        microsoft_client=clients.microsoft,
        folder_roots=folder_roots,
        google_http=HttpClient(HostRules.of(google_bases, GOOGLE_SUFFIXES), clock),
        microsoft_http=HttpClient(HostRules.of(microsoft_bases, MICROSOFT_SUFFIXES), clock),
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class Account:
    """What is particular to one account: tokens (None for folders), place, unfinished uploads."""

    tokens: AccessTokens | None
    place: str | None  # Google's folder id, OneDrive's item id, a folder's path
    sessions: UploadSessions | None = None  # None: this process alone remembers them


@dataclass(frozen=True, slots=True)
class Kind:
    """One provider: what it is called and how it is opened."""

    name: str
    title: str
    wrapping_code: int  # format.md, AAD of `oauth-token`
    grants: Callable[[Installation], Grants | None] | None  # None: it is not linked by OAuth
    open: Callable[[Installation, Account], PlacedProvider]

    @property
    def links_by_oauth(self) -> bool:
        """Say whether an account is linked at the provider's own page."""
        return self.grants is not None


def _google_grants(shared: Installation) -> Grants | None:
    client = shared.google_client
    if client is None:
        return None
    return Grants(shared.google.site(), client, shared.google_http, shared.clock)


def _microsoft_grants(shared: Installation) -> Grants | None:
    client = shared.microsoft_client
    if client is None:
        return None
    return Grants(shared.microsoft.site(), client, shared.microsoft_http, shared.clock)


def _open_google(shared: Installation, account: Account) -> PlacedProvider:
    tokens = _tokens_of(account)
    return GoogleDrive(
        shared.google,
        tokens,
        account.place,
        shared.google_http,
        sessions=account.sessions,
        clock=shared.clock,
    )


def _open_onedrive(shared: Installation, account: Account) -> PlacedProvider:
    tokens = _tokens_of(account)
    return OneDrive(
        shared.microsoft,
        tokens,
        account.place,
        shared.microsoft_http,
        sessions=account.sessions,
        clock=shared.clock,
    )


def _open_folder(shared: Installation, account: Account) -> PlacedProvider:
    if account.place is None:
        raise ConfigError("A folder account needs a path.")
    return Folder(Path(account.place), shared.folder_roots)


def _tokens_of(account: Account) -> AccessTokens:
    if account.tokens is None:
        raise ConfigError("This account needs tokens.")
    return account.tokens


PROVIDERS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("google_drive", "Google Drive", 1, _google_grants, _open_google),
        Kind("onedrive", "OneDrive", 2, _microsoft_grants, _open_onedrive),
        Kind("folder", "Folder", 3, None, _open_folder),
    )
}


def open_account(name: str, shared: Installation, account: Account) -> PlacedProvider:
    """Return the account as a provider; nothing is asked of it yet."""
    return PROVIDERS[name].open(shared, account)


def grants_of(name: str, shared: Installation) -> Grants | None:
    """Return how access to this provider is granted; None without OAuth or without a client."""
    make = PROVIDERS[name].grants
    return make(shared) if make else None


def failure_domain(name: str, identity: Identity, place: str | None) -> str:
    """Name what fails as one: the account at the provider, or the device a folder lies on."""
    if name == "folder" and place is not None:
        return f"folder:{folder.failure_domain(Path(place))}"
    return f"{name}:{identity.subject}"
