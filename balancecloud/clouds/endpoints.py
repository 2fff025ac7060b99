"""Where each provider is and how it grants access; for the simulator only these differ."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OAuthSite:
    """Where and how one provider grants access."""

    authorize: str
    token: str
    revoke: str | None
    issuer: str  # "{tenantid}" stands for any tenant's id
    scopes: tuple[str, ...]
    needed_scope: str
    extra: Mapping[str, str]  # more parameters of the authorize URL


@dataclass(frozen=True, slots=True)
class GoogleEndpoints:
    """Base addresses of Google's services."""

    authorize: str = "https://accounts.google.com/o/oauth2/v2/auth"
    token: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    revoke: str = "https://oauth2.googleapis.com/revoke"
    api: str = "https://www.googleapis.com/drive/v3"
    upload: str = "https://www.googleapis.com/upload/drive/v3"
    issuer: str = "https://accounts.google.com"

    @classmethod
    def simulated(cls, base_url: str) -> "GoogleEndpoints":
        """Return the addresses of the simulator at `base_url`."""
        base = base_url.rstrip("/") + "/google"
        return cls(
            authorize=f"{base}/o/oauth2/v2/auth",
            token=f"{base}/token",
            revoke=f"{base}/revoke",
            api=f"{base}/drive/v3",
            upload=f"{base}/upload/drive/v3",
            issuer=base,
        )

    def site(self) -> OAuthSite:
        """Return how Google grants access."""
        scope = "https://www.googleapis.com/auth/drive.file"
        return OAuthSite(
            authorize=self.authorize,
            token=self.token,
            revoke=self.revoke,
            issuer=self.issuer,
            scopes=(scope,),
            needed_scope=scope,
            # Without prompt=consent a refresh token comes only with the user's first consent.
            extra={"access_type": "offline", "prompt": "consent"},
        )


@dataclass(frozen=True, slots=True)
class MicrosoftEndpoints:
    """Base addresses of Microsoft's services; "{tenant}" in them is replaced by the tenant."""

    authorize: str = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize"
    token: str = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"  # noqa: S105
    graph: str = "https://graph.microsoft.com/v1.0"
    tenant: str = "common"
    issuer: str = "https://login.microsoftonline.com/{tenantid}/v2.0"

    @classmethod
    def simulated(cls, base_url: str) -> "MicrosoftEndpoints":
        """Return the addresses of the simulator at `base_url`."""
        base = base_url.rstrip("/") + "/microsoft"
        return cls(
            authorize=base + "/{tenant}/oauth2/v2.0/authorize",
            token=base + "/{tenant}/oauth2/v2.0/token",
            graph=f"{base}/v1.0",
            issuer=base + "/{tenantid}/v2.0",
        )

    def site(self) -> OAuthSite:
        """Return how Microsoft grants access; there is no address to revoke it."""
        return OAuthSite(
            authorize=self.authorize.replace("{tenant}", self.tenant),
            token=self.token.replace("{tenant}", self.tenant),
            revoke=None,
            issuer=self.issuer,
            scopes=("Files.ReadWrite", "offline_access", "User.Read"),
            needed_scope="Files.ReadWrite",
            extra={"response_mode": "query", "prompt": "select_account"},
        )
