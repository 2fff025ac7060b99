"""Which client speaks: its id and secret, its redirect addresses, its parameters."""

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from cloudsim.wire.messages import Params, Request

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Credentials:
    """A client's id and secret as it sent them, as Basic or as parameters."""

    id: str
    secret: str = field(repr=False)


def is_redirect_allowed(address: str) -> bool:
    """Https anywhere, http on this machine only, and no fragment."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.fragment or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


def sent_params(request: Request, query: Params) -> Params:
    """Collect the parameters of a token request: the form's before those of the query."""
    return Params({**query.values, **request.form().values})


def sent_credentials(request: Request, params: Params) -> Credentials:
    """Who the client says it is; Basic first."""
    kind, _, coded = request.header("authorization").partition(" ")
    if kind.lower() == "basic":
        try:
            text = base64.b64decode(coded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return Credentials("", "")
        name, _, secret = text.partition(":")
        return Credentials(unquote(name), unquote(secret))
    return Credentials(params.get("client_id"), params.get("client_secret"))


def is_known(clients: tuple[tuple[str, str], ...], sent: Credentials) -> bool:
    """Whether id and secret belong together."""
    return any(
        hmac.compare_digest(name.encode(), sent.id.encode())
        and hmac.compare_digest(secret.encode(), sent.secret.encode())
        for name, secret in clients
    )


def with_query(address: str, more: dict[str, str]) -> str:
    """Add parameters to those the address has; empty ones are left out."""
    parts = urlsplit(address)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    pairs += [(name, value) for name, value in more.items() if value]
    return urlunsplit(parts._replace(query=urlencode(pairs)))
