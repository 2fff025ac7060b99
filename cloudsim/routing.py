"""Which function answers which request, and the place around each where faults can step in."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cloudsim.conditions import FAIR, Conditions
from cloudsim.settings import Services
from cloudsim.store.accounts import Account
from cloudsim.wire.messages import Params, Request, Response


class Refusal(Exception):
    """The answer is an error, ready in the provider's own form."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True)
class Caller:
    """On whose behalf a request is made, by which client, and what was granted."""

    account: Account
    client: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class Call:
    """One request on its way to its handler."""

    services: Services = field(repr=False)
    request: Request
    query: Params = field(repr=False)
    path: Mapping[str, str]
    caller: Caller | None
    conditions: Conditions = FAIR  # what the weather is for it

    @property
    def known_caller(self) -> Caller:
        """The caller of a route whose guard let nobody else through."""
        if self.caller is None:
            raise LookupError("This route has no guard.")
        return self.caller


Guard = Callable[[Services, Request, Params], Caller | None]
Handler = Callable[[Call], Response]


def nobody(_services: Services, _request: Request, _query: Params) -> None:
    """Find nobody: the guard of routes that need no token, or check their own."""


@dataclass(frozen=True)
class Route:
    """A method and a form of path with its function; the name is for faults and logs."""

    provider: str
    name: str
    method: str
    pattern: re.Pattern[str]
    handler: Handler
    guard: Guard = nobody
    when: str = ""  # what the query must contain, where a path alone does not decide


class Hook(Protocol):
    """Steps in before a handler, to answer in its place, and after it, to change its answer."""

    def before(self, route: Route, call: Call) -> Response | None: ...

    def after(self, route: Route, call: Call, response: Response) -> Response: ...


class Router:
    """Finds routes by method and first segment; the first pattern that fits wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[tuple[str, str], list[Route]] = {}
        for route in routes:
            self._routes.setdefault((route.method, route.provider), []).append(route)

    def find(
        self, method: str, path: str, query_text: str
    ) -> tuple[Route, Mapping[str, str]] | None:
        """Find the route and the named groups of its pattern, as they stand in the path."""
        first, _, rest = path.removeprefix("/").partition("/")
        provider, rest = (first, rest) if first in _PREFIXES else ("own", path.removeprefix("/"))
        for route in self._routes.get((method, provider), ()):
            if route.when in query_text and (match := route.pattern.fullmatch(rest)):
                return route, match.groupdict()
        return None


_PREFIXES = frozenset({"google", "microsoft", "_sim"})
