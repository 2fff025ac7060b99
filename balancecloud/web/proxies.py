"""Who really asks: forwarded addresses are believed only from proxies named in the settings."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

UNIX: Final = "unix"  # names the peer of a UNIX socket, which has no address
FORWARDED: Final[tuple[str, ...]] = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_FORWARDED",
)


class TrustedProxies:
    """Replaces peer, scheme and host by what a trusted proxy says, and drops it from others."""

    def __init__(self, application: Application, trusted: tuple[str, ...]) -> None:
        self._application = application
        self._unix = UNIX in trusted
        self._networks = [ipaddress.ip_network(name) for name in trusted if name != UNIX]

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Pass the request on with its true peer."""
        said: dict[str, str] = {name: environ.pop(name, "") for name in FORWARDED}
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            self._believe(environ, said)
        return self._application(environ, start)

    def _believe(self, environ: dict[str, Any], said: Mapping[str, str]) -> None:
        client = self._client(said["HTTP_X_FORWARDED_FOR"])
        if client:
            environ["REMOTE_ADDR"] = client
        scheme = _last(said["HTTP_X_FORWARDED_PROTO"])
        if scheme in {"http", "https"}:
            environ["wsgi.url_scheme"] = scheme
        host = _last(said["HTTP_X_FORWARDED_HOST"])
        if host:
            environ["HTTP_HOST"] = host

    def _client(self, hops: str) -> str | None:
        """Return the nearest hop that is no proxy of ours: what lies beyond it is hearsay."""
        for hop in reversed([hop.strip() for hop in hops.split(",")]):
            if not _is_address(hop):
                return None
            if not self._trusts(hop):
                return hop
        return None

    def _trusts(self, peer: str) -> bool:
        if not peer:
            return self._unix
        if not _is_address(peer):
            return False
        address = ipaddress.ip_address(peer)
        return any(address in network for network in self._networks)


def _last(values: str) -> str:
    return values.rsplit(",", 1)[-1].strip()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
