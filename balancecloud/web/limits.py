"""How often one may ask: Flask-Limiter over Redis, by account, address and person.

Two limiters: one guards passwords and refuses when Redis is away, the other guards capacity and
lets pass. Which route has which limit is the table below; each application wraps its own views,
because a Limiter keeps its storage to itself.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from flask import Flask, request
from flask_limiter import ApplicationLimit, Limiter
from flask_login import current_user
from redis import ConnectionPool

from balancecloud.config import Config
from balancecloud.web.known_browsers import KnownBrowsers, account_of

API: Final = "600 per minute"
POLLS: Final = "600 per minute"


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `rate`, counted by `key`, over all routes that name the same `scope`."""

    rate: str
    key: Callable[[KnownBrowsers], str]
    scope: str


def by_address(_known: KnownBrowsers) -> str:
    """Return the address that asks."""
    return address()


def address() -> str:
    """Return whom to count a request against: an address, or an IPv6 network of /64."""
    try:
        found = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "local"  # a UNIX socket has no address
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def by_account(known: KnownBrowsers) -> str:
    """Return whose password is being tried; a browser that knows the account counts alone."""
    account = _account()
    return f"{account}/{known.number(account) or 'anywhere'}"


def _account() -> str:
    body = request.get_json(silent=True) if request.is_json else request.form
    return account_of(body.get("email") if isinstance(body, Mapping) else None)


def person() -> str:
    """Return who is signed in, else the address."""
    return str(current_user.get_id()) if current_user.is_authenticated else address()


def poller() -> str:
    """Return who asks again for a job, counted beside their other calls."""
    return f"{person()}/polls"


def by_person(_known: KnownBrowsers) -> str:
    """Return who is signed in."""
    return person()


def by_all(known: KnownBrowsers) -> str:
    """Return one key for all, but for browsers that know the account."""
    return known.number(_account()) or "all"


SIGN_IN: Final = (
    Rule("5 per minute", by_account, "sign-in/account"),
    Rule("20 per minute", by_address, "sign-in/address"),
    Rule("600 per minute", by_all, "sign-in/all"),
)
REGISTER: Final = (
    Rule("30 per hour", by_address, "register/address"),
    Rule("600 per hour", by_all, "register/all"),
)
# A burst of 5,000, and 200 a second over time.
UPLOAD: Final = (Rule("5000 per 25 second", by_person, "upload"),)
PASSWORD: Final = (Rule("5 per minute", by_person, "password"),)

# Passwords: without Redis these are refused.
STRICT: Final[Mapping[str, tuple[Rule, ...]]] = {
    "auth.sign_in": SIGN_IN,
    "api_auth.login": SIGN_IN,
    "auth.register": REGISTER,
    "api_auth.register": REGISTER,
    "auth.confirm_password": PASSWORD,
    "settings.password": PASSWORD,
}
# Capacity: without Redis these pass.
LENIENT: Final[Mapping[str, tuple[Rule, ...]]] = {
    "uploads.to_root": UPLOAD,
    "uploads.to_folder": UPLOAD,
    "api_files.upload": UPLOAD,
    "api_uploads.create": UPLOAD,
    "api_uploads.one": UPLOAD,
}
# Of these the body is what takes time; their creation has a limit of its own.
UPLOADS: Final = frozenset({"api_files.upload", "api_uploads.create", "api_uploads.one"})


class Limits:
    """The two limiters of one application."""

    def __init__(self, config: Config, pool: ConnectionPool) -> None:
        uri = config.redis_url.replace("unix://", "redis+unix://", 1)
        self.enabled = config.rate_limits
        self.known = KnownBrowsers(config)
        self._strict = Limiter(
            address,
            storage_uri=uri,
            storage_options={"connection_pool": pool},  # type: ignore[dict-item] # handed through
            strategy="moving-window",
            key_prefix="strict",
        )
        self._lenient = Limiter(
            address,
            storage_uri=uri,
            storage_options={"connection_pool": pool},  # type: ignore[dict-item] # handed through
            strategy="fixed-window",
            key_prefix="lenient",
            swallow_errors=True,
            application_limits=[
                ApplicationLimit(API, key_function=person, exempt_when=_is_not_counted),
                ApplicationLimit(POLLS, key_function=poller, exempt_when=_is_no_poll),
            ],
        )

    def guard(self, app: Flask) -> None:
        """Put each limit of the tables before its view; call it after all are registered."""
        if not self.enabled:
            return
        self._strict.init_app(app)
        self._lenient.init_app(app)
        for limiter, table in ((self._strict, STRICT), (self._lenient, LENIENT)):
            for endpoint, rules in table.items():
                view: Callable[..., Any] = app.view_functions[endpoint]
                for rule in rules:
                    view = limiter.shared_limit(
                        rule.rate,
                        rule.scope,
                        key_func=partial(rule.key, self.known),
                        exempt_when=_is_reading,
                    )(view)
                app.view_functions[endpoint] = view

    def retry_after(self, now: datetime) -> int:
        """Return the seconds after which a request refused just now may be repeated."""
        for limiter in (self._strict, self._lenient):
            limit = limiter.current_limit if self.enabled else None
            if limit and limit.breached:
                return max(1, limit.reset_at - int(now.timestamp()))
        return 1


def _is_reading() -> bool:
    return request.method in {"GET", "HEAD", "OPTIONS"}


def _is_not_counted() -> bool:
    if not request.path.startswith("/api/"):
        return True
    if request.endpoint in UPLOADS and not _is_reading():
        return True
    return not _is_no_poll()


def _is_no_poll() -> bool:
    # Anybody can add the header to any call: only a job's own answers heed it.
    return request.endpoint != "api_jobs.show" or "If-None-Match" not in request.headers
