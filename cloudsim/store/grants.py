"""What people have granted: one grant per account and client, its codes and its tokens."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from cloudsim.clock import Clock
from cloudsim.store.accounts import AccountId
from cloudsim.store.database import Database
from cloudsim.store.memory import Memory

ACCESS_LIFETIME_S = 3599
CODE_LIFETIME_S = 600
_REFRESH_LIFETIME_S = {"google": 180 * 86400, "microsoft": 90 * 86400}
_REFRESH_TOKENS_AT_MOST = 100  # per account and client at Google; the oldest dies silently
_PREFIXES = {
    ("google", 0): "ya29.",
    ("google", 1): "1//0",
    ("microsoft", 0): "EwB",
    ("microsoft", 1): "M.C5",
}


class BadCode(Exception):
    """The code is unknown, used or too old."""


class BadVerifier(Exception):
    """PKCE: the verifier is missing or not the one the challenge was made of."""


class OtherRedirect(Exception):
    """The redirect address is not the one the code was given for."""


class BadToken(Exception):
    """The token is unknown, too old or revoked."""


class OldToken(BadToken):
    """The token was good, and is too old."""


@dataclass(frozen=True)
class Consent:
    """What one approval on the consent page, or by sim_person, allows."""

    account: AccountId
    client: str
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str  # of PKCE; empty when none was sent
    wants_refresh: bool
    asks_again: bool  # prompt=consent: a refresh token even though it is not the first consent
    keeps_earlier: bool  # include_granted_scopes


@dataclass(frozen=True)
class Redemption:
    """A code as a client brings it to the token endpoint."""

    client: str
    code: str = field(repr=False)
    redirect_uri: str
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class Granted:
    """A grant as a code or a token stands for it."""

    grant: int
    account: AccountId
    client: str
    scopes: frozenset[str]
    refreshable: bool = False


class Grants:
    """All grants; tokens are kept as hashes only."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tokens: Memory[tuple[str, bool], tuple[Granted, float]] = Memory(database, "sign-ins")

    def consent(self, consent: Consent) -> str:
        """Record the approval and give the code for it."""
        code = "4/0" + secrets.token_urlsafe(40)
        with self._database.changing() as rows:
            found = rows.execute(
                "SELECT id, scopes FROM grants WHERE account = ? AND client = ?",
                (consent.account, consent.client),
            ).fetchone()
            scopes = consent.scopes
            if found and consent.keeps_earlier:
                scopes |= _scopes(found["scopes"])
            rows.execute(
                "INSERT INTO grants (account, client, scopes) VALUES (?, ?, ?)"
                " ON CONFLICT (account, client) DO UPDATE SET scopes = excluded.scopes",
                (consent.account, consent.client, _text(scopes)),
            )
            grant = rows.execute(
                "SELECT id FROM grants WHERE account = ? AND client = ?",
                (consent.account, consent.client),
            ).fetchone()
            refreshable = consent.wants_refresh and (found is None or consent.asks_again)
            rows.execute(
                "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                (_hash(code), grant["id"], _text(scopes), consent.redirect_uri, consent.challenge,
                 refreshable, self._clock.now() + CODE_LIFETIME_S),
            )  # fmt: skip
        return code

    def redeem(self, redemption: Redemption) -> Granted:
        """Exchange a code, once; any refusal after it was found uses it up."""
        with self._database.changing() as rows:
            row = rows.execute(
                "SELECT c.*, g.account, g.client FROM codes c JOIN grants g ON g.id = c.grant_id"
                " WHERE c.hash = ?",
                (_hash(redemption.code),),
            ).fetchone()
            rows.execute("UPDATE codes SET used = 1 WHERE hash = ?", (_hash(redemption.code),))
        if row is None or row["used"] or row["expires"] <= self._clock.now():
            raise BadCode
        if row["client"] != redemption.client:
            raise BadCode
        if row["redirect_uri"] != redemption.redirect_uri:
            raise OtherRedirect
        if row["challenge"] and not _fits(row["challenge"], redemption.verifier):
            raise BadVerifier
        return Granted(
            row["grant_id"], row["account"], row["client"], _scopes(row["scopes"]),
            bool(row["refreshable"]),
        )  # fmt: skip

    def issue(self, provider: str, granted: Granted, *, refresh: bool) -> str:
        """Make a new access token, or refresh token, under the grant."""
        token = _PREFIXES[provider, int(refresh)] + secrets.token_urlsafe(60)
        now = self._clock.now()
        lifetime = _REFRESH_LIFETIME_S[provider] if refresh else ACCESS_LIFETIME_S
        with self._database.changing() as rows:
            rows.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
                (_hash(token), granted.grant, refresh, _text(granted.scopes), now, now + lifetime),
            )
            rows.execute(
                "DELETE FROM tokens WHERE grant_id = ? AND expires <= ?", (granted.grant, now)
            )
            if refresh and provider == "google":
                rows.execute(
                    "DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE grant_id = ?"
                    " AND refresh ORDER BY created DESC LIMIT -1 OFFSET ?)",
                    (granted.grant, _REFRESH_TOKENS_AT_MOST),
                )
        return token

    def by_token(self, token: str, *, refresh: bool) -> Granted:
        """Find what a live token stands for; BadToken otherwise."""
        hashed = _hash(token)
        known = self._tokens.find((hashed, refresh), lambda: self._read(hashed, refresh=refresh))
        if known is None:
            raise BadToken
        granted, expires = known
        if expires <= self._clock.now():
            raise OldToken
        return granted

    def _read(self, hashed: str, *, refresh: bool) -> tuple[Granted, float] | None:
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT t.grant_id, t.scopes, t.expires, g.account, g.client FROM tokens t"
                " JOIN grants g ON g.id = t.grant_id WHERE t.hash = ? AND t.refresh = ?",
                (hashed, refresh),
            ).fetchone()
        if row is None:
            return None
        scopes = _scopes(row["scopes"])
        return Granted(row["grant_id"], row["account"], row["client"], scopes), row["expires"]

    def note_refresh(self, token: str, lifetime_of: str) -> None:
        """Let a refresh token that is used live on: it dies only of disuse."""
        expires = self._clock.now() + _REFRESH_LIFETIME_S[lifetime_of]
        with self._database.changing() as rows:
            rows.execute("UPDATE tokens SET expires = ? WHERE hash = ?", (expires, _hash(token)))

    def retire(self, token: str, moment: float) -> None:
        """Let a token that was replaced die then, unless it dies earlier."""
        with self._database.changing() as rows:
            rows.execute(
                "UPDATE tokens SET expires = min(expires, ?) WHERE hash = ?", (moment, _hash(token))
            )

    def limit_life(self, token: str, lifetime_s: float) -> None:
        """Let a token die so long after it was made, however often it is used."""
        with self._database.changing() as rows:
            rows.execute(
                "UPDATE tokens SET expires = min(expires, created + ?) WHERE hash = ?",
                (lifetime_s, _hash(token)),
            )

    def is_linked(self, account: AccountId) -> bool:
        """Whether any client holds a grant of the account."""
        with self._database.reading() as rows:
            found = rows.execute("SELECT 1 FROM grants WHERE account = ?", (account,)).fetchone()
        return found is not None

    def revoke(self, token: str) -> None:
        """End the grant behind an access or refresh token; BadToken when there is none."""
        with self._database.changing() as rows:
            row = rows.execute(
                "SELECT grant_id FROM tokens WHERE hash = ? AND expires > ?",
                (_hash(token), self._clock.now()),
            ).fetchone()
            if row is None:
                raise BadToken
            rows.execute("DELETE FROM grants WHERE id = ?", (row["grant_id"],))

    def revoke_all(self, account: AccountId) -> None:
        """End every grant of an account, as its owner can at the provider."""
        with self._database.changing() as rows:
            rows.execute("DELETE FROM grants WHERE account = ?", (account,))

    def expire_access(self, account: AccountId) -> None:
        """Let every access token of an account run out now; refreshing goes on working."""
        with self._database.changing() as rows:
            rows.execute(
                "DELETE FROM tokens WHERE NOT refresh AND grant_id IN"
                " (SELECT id FROM grants WHERE account = ?)",
                (account,),
            )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _text(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))


def _scopes(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _fits(challenge: str, verifier: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)
