"""Access to accounts by OAuth 2: where each provider grants it, and the tokens that come of it.

Authorization code with PKCE S256 (RFC 9700), through Authlib's `OAuth2Session`. Every request goes
through our own HTTP client, so its deadlines, bounds and host rules hold here too.
"""

import io
import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import BaseAdapter

from balancecloud.clock import Clock
from balancecloud.clouds.endpoints import OAuthSite
from balancecloud.clouds.http import Answer, HttpClient, Request
from balancecloud.errors import (
    AccessRefused,
    BadReply,
    ClientRefused,
    LinkRefused,
    SignInAgain,
    Temporary,
)

EXPIRY_MARGIN = timedelta(seconds=60)  # a token is renewed before it can expire on the way
TOKEN_ANSWER_BYTES = 64 << 10
LONGEST_LIFETIME_SECONDS = 86_400  # a provider that claims more is taken for this
LONGEST_GRANT_SECONDS = 10 * 366 * 86_400  # the same of a grant that ends by itself


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """What a provider knows this installation by."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What a provider granted. `expires_at` already leaves a margin of a minute."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    scope: str
    grant_expires_at: datetime | None = None  # where the provider says that it ends by itself

    def is_fresh(self, now: datetime) -> bool:
        """Say whether the access token can still be used."""
        return now < self.expires_at

    def to_json(self) -> bytes:
        """Return the bytes to be wrapped; they hold secrets."""
        value = {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_at": self.expires_at.timestamp(),
            "scope": self.scope,
            "grant_expires_at": self.grant_expires_at and self.grant_expires_at.timestamp(),
        }
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "TokenSet":
        """Read what `to_json` wrote; anything else is a ValueError."""
        try:
            value = json.loads(text)
            return cls(
                access_token=_text(value["access_token"]),
                refresh_token=_text(value["refresh_token"]),
                expires_at=_moment(value["expires_at"]),
                scope=_text(value["scope"]),
                grant_expires_at=_moment_or_none(value.get("grant_expires_at")),
            )
        except (KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError) as error:
            # The text is not chained: it holds tokens.
            raise ValueError(f"not a token set: {type(error).__name__}") from None


def _moment(value: float) -> datetime:
    return datetime.fromtimestamp(float(value), UTC)


def _moment_or_none(value: float | None) -> datetime | None:
    return None if value is None else _moment(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


class AccessTokens(Protocol):
    """Where a provider gets its access token from."""

    def current(self) -> str:
        """Return a fresh access token; raises `SignInAgain` when the grant is dead."""
        ...

    def refused(self, token: str) -> str:
        """Return a newer token after `token` got a 401; raises `SignInAgain` when there is none."""
        ...


# What Authlib's reading raises where a token answer is not one, "expires_in" of 1e400 included.
_NOT_A_TOKEN = (
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    OverflowError,
    RecursionError,
)


class Grants:
    """Begins, finishes, renews and ends the grants of one provider."""

    def __init__(
        self, site: OAuthSite, client: OAuthClient, http: HttpClient, clock: Clock
    ) -> None:
        self._site = site
        self._client = client
        self._http = http
        self._clock = clock

    def begin(
        self, redirect_uri: str, state: str, login_hint: str | None = None
    ) -> tuple[str, str]:
        """Return the address to send the person to, and the PKCE verifier to keep secret.

        `login_hint` is the address of the account that is to be chosen there.
        """
        verifier = secrets.token_urlsafe(64)
        hint = {"login_hint": login_hint} if login_hint else {}
        with self._session() as session:
            url, _ = session.create_authorization_url(
                self._site.authorize,
                state=state,
                code_verifier=verifier,
                redirect_uri=redirect_uri,
                scope=" ".join(self._site.scopes),
                **self._site.extra,
                **hint,
            )
        return str(url), verifier

    def check_issuer(self, issuer: str | None) -> None:
        """Refuse an authorization answer that names another issuer (RFC 9207)."""
        if issuer is None:
            return
        pattern = re.escape(self._site.issuer).replace(
            re.escape("{tenantid}"), "[0-9A-Za-z.-]{1,64}"
        )
        if not re.fullmatch(pattern, issuer):
            raise LinkRefused

    def finish(self, redirect_uri: str, code: str, verifier: str) -> TokenSet:
        """Exchange the code; raises `LinkRefused` for a bad one, `AccessRefused` for too little."""
        try:
            answer = self._ask_for_tokens(
                grant_type="authorization_code",
                code=code,
                redirect_uri=redirect_uri,
                code_verifier=verifier,
            )
        except SignInAgain as error:
            raise LinkRefused from error
        tokens = self._token_set(answer, None)
        self._check_scope(tokens)
        return tokens

    def refresh(self, tokens: TokenSet) -> TokenSet:
        """Return the tokens that follow; raises `SignInAgain` when the grant is dead."""
        answer = self._ask_for_tokens(
            grant_type="refresh_token", refresh_token=tokens.refresh_token
        )
        return self._token_set(answer, tokens)

    def revoke(self, tokens: TokenSet) -> bool:
        """End the grant; a dead one is fine. False where the provider has no way to."""
        if self._site.revoke is None:
            return False
        with self._session() as session:
            response = session.revoke_token(
                self._site.revoke, token=tokens.refresh_token, allow_redirects=False
            )
        if response.status_code in {200, 400}:  # 400 invalid_token: it was dead already
            return True
        raise Temporary("The provider did not confirm that access was ended.")

    def _session(self) -> OAuth2Session:
        session = OAuth2Session(
            self._client.client_id,
            self._client.client_secret or None,
            # Both providers document the secret in the body; Basic has several readings of
            # reserved characters.
            token_endpoint_auth_method="client_secret_post"
            if self._client.client_secret
            else "none",
            revocation_endpoint_auth_method="none",
            code_challenge_method="S256",
        )
        session.trust_env = False  # no .netrc, no proxy variables
        session.adapters.clear()
        session.mount("http", _Wire(self._http))
        return session

    def _ask_for_tokens(self, **parameters: str) -> Mapping[str, object]:
        """Return the provider's answer, or raise what its error means."""
        try:
            with self._session() as session:
                answer = session.fetch_token(self._site.token, allow_redirects=False, **parameters)
        except AuthlibBaseError as error:
            # Only a number is taken from a description: it may quote what was sent.
            raise _meaning(str(error.error), _number_of(error.description)) from None
        except (*_NOT_A_TOKEN, requests.RequestException):
            raise BadReply from None
        return cast("Mapping[str, object]", answer)

    def _token_set(self, answer: Mapping[str, object], before: TokenSet | None) -> TokenSet:
        try:
            refresh_token = answer.get("refresh_token") or (before and before.refresh_token)
            if refresh_token is None:
                raise LinkRefused("The provider gave no lasting access. Start linking again.")
            return TokenSet(
                access_token=_text(answer["access_token"]),
                refresh_token=_text(refresh_token),
                expires_at=self._expiry(answer.get("expires_in")),
                scope=_text(answer.get("scope") or (before.scope if before else "")),
                grant_expires_at=self._grant_end(answer.get("refresh_token_expires_in"))
                or (before.grant_expires_at if before else None),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            raise BadReply from None

    def _expiry(self, expires_in: object) -> datetime:
        seconds = int(expires_in) if isinstance(expires_in, int | str) else 3600
        lifetime = timedelta(seconds=min(max(seconds, 0), LONGEST_LIFETIME_SECONDS))
        return self._clock.now() + lifetime - EXPIRY_MARGIN

    def _grant_end(self, expires_in: object) -> datetime | None:
        """Return when the grant ends by itself; None where the provider sets no end."""
        if not isinstance(expires_in, int) or expires_in <= 0:
            return None
        return self._clock.now() + timedelta(seconds=min(expires_in, LONGEST_GRANT_SECONDS))

    def _check_scope(self, tokens: TokenSet) -> None:
        """Scopes come in any order and case, Microsoft's also with a resource before them."""
        granted = {scope.rsplit("/", 1)[-1].lower() for scope in tokens.scope.split()}
        if self._site.needed_scope.rsplit("/", 1)[-1].lower() not in granted:
            raise AccessRefused(
                "The permission to store files was not given. Link the account again and allow it."
            )


# What a person must consent to anew; the rest of invalid_* is the operator's to mend.
_GRANT_IS_DEAD = frozenset(
    {"invalid_grant", "interaction_required", "consent_required", "login_required"}
)
_ASK_AGAIN = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


# Microsoft says more by number than by word: some numbers under a word for a dead grant pass by
# themselves, and some tell what the operator has to mend.
_NUMBERS_TO_ASK_AGAIN = frozenset({50196, 90033})  # too many alike in a short time; a passing fault
_NUMBERS_OF_A_SECRET = {7000215: "is wrong", 7000222: "has expired"}


def _number_of(description: object) -> int | None:
    """Return the number that Microsoft's descriptions begin with."""
    text = description if isinstance(description, str) else ""
    match = re.match(r"AADSTS([0-9]{1,9})(?![0-9])", text)
    return int(match[1]) if match else None


def _meaning(code: str, number: int | None) -> Exception:
    if number in _NUMBERS_TO_ASK_AGAIN or code in _ASK_AGAIN:
        return Temporary()
    if number in _NUMBERS_OF_A_SECRET:
        return ClientRefused(
            f"This server's client secret at Microsoft {_NUMBERS_OF_A_SECRET[number]}. "
            "Its administrator has to set another one."
        )
    if code in _GRANT_IS_DEAD:
        return SignInAgain()
    return ClientRefused()


# What requests adds besides (it would take compressed answers) is our client's own business.
_HEADERS_TO_SEND = frozenset({"accept", "content-type"})


class _Wire(BaseAdapter):
    """Carries what Authlib sends through our own client."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__()
        self._http = http

    def send(  # noqa: PLR0913, PLR0917 - the signature is that of requests
        self,
        request: requests.PreparedRequest,
        stream: object = False,  # noqa: ARG002, FBT002
        timeout: object = None,  # noqa: ARG002
        verify: object = True,  # noqa: ARG002, FBT002
        cert: object = None,  # noqa: ARG002
        proxies: object = None,  # noqa: ARG002
    ) -> requests.Response:
        """Send it with the client's own deadlines; requests' timeout is not needed."""
        body = request.body or b""
        answer = self._http.send(
            Request(
                method=request.method or "POST",
                url=request.url or "",
                headers={
                    name: str(value)
                    for name, value in request.headers.items()
                    if name.lower() in _HEADERS_TO_SEND
                },
                parts=(body.encode() if isinstance(body, str) else bytes(body),),
                largest_answer=TOKEN_ANSWER_BYTES,
            )
        )
        if answer.status in {408, 429} or answer.status >= 500:
            raise Temporary(retry_after=answer.retry_after_seconds)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.request = request
        return response

    def close(self) -> None:
        """Leave the client open: it outlives the session."""


def send_with_token(http: HttpClient, tokens: AccessTokens, request: Request) -> Answer:
    """Send as the account; after a 401 once more with a newer token, then `SignInAgain`."""
    token = tokens.current()
    answer = http.send(replace(request, bearer=token))
    if answer.status != 401:
        return answer
    answer = http.send(replace(request, bearer=tokens.refused(token)))
    if answer.status == 401:
        raise SignInAgain
    return answer


class HeldTokens:
    """Tokens in memory, for an account that has no row yet; refreshes at once become one."""

    def __init__(self, tokens: TokenSet, grants: Grants, clock: Clock) -> None:
        self._tokens = tokens
        self._grants = grants
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def tokens(self) -> TokenSet:
        """What is held now."""
        return self._tokens

    def current(self) -> str:
        """Return a fresh access token."""
        with self._lock:
            if not self._tokens.is_fresh(self._clock.now()):
                self._tokens = self._grants.refresh(self._tokens)
            return self._tokens.access_token

    def refused(self, token: str) -> str:
        """Refresh, unless another thread has done so since `token` was handed out."""
        with self._lock:
            if self._tokens.access_token == token:
                self._tokens = self._grants.refresh(self._tokens)
            return self._tokens.access_token
