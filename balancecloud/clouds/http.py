"""One safe HTTP client for the providers.

HTTP/1.1 on kept connections. Every request has a deadline, every answer a bound; a redirect is
handed back, never followed; a bearer token goes to configured addresses only; a host is one we were
configured with, or a public https host on the provider's list. URLs are never logged: some of them
are secrets.
"""

import http.client
import json
import os
import ssl
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import certifi
from urllib3.exceptions import HTTPError

from balancecloud.clock import Clock
from balancecloud.clouds.wires import Deadline, Plain, Secure, Wire
from balancecloud.errors import BadReply, ConfigError, Unreachable

Bytes = bytes | bytearray | memoryview

# Of the form that Microsoft gives priority to on work accounts.
USER_AGENT = "ISV|BalanceCloud|BalanceCloud/1.0"
ERROR_BODY_BYTES = 64 << 10
DOCUMENT_BYTES = 4 << 20  # a page of 1000 files with the fields we ask for is under 1 MiB
SLICE_BYTES = 64 << 10
SENT_SLICE_BYTES = 256 << 10  # a link of 9 KB/s moves so much before a line counts as silent
IDLE_CONNECTIONS = 8  # kept per origin
LONGEST_RETRY_AFTER = 86_400.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a request may take: 60 s and what its bytes need at the slowest rate we accept."""

    connect_seconds: float = 10.0
    idle_seconds: float = 30.0
    base_seconds: float = 60.0
    slowest_bytes_per_second: float = 64 * 1024.0

    def total(self, length: int) -> float:
        """Return the seconds a request that moves `length` bytes may take in all."""
        return self.base_seconds + length / self.slowest_bytes_per_second


class Origin(NamedTuple):
    """Scheme, host and port of a URL."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin:
    """Return where the URL points; BadReply when it has no usable host or names a user."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = (parts.hostname or "").rstrip(".")
        if not host or parts.username is not None or parts.password is not None:
            raise BadReply
        return Origin(parts.scheme, host, port)
    except (ValueError, KeyError):
        raise BadReply from None


@dataclass(frozen=True, slots=True)
class HostRules:
    """Where a client may go: the configured origins, and public https hosts below the suffixes."""

    bases: frozenset[Origin]
    suffixes: tuple[str, ...]

    @classmethod
    def of(cls, bases: Iterable[str], suffixes: tuple[str, ...]) -> "HostRules":
        """Return the rules for these base URLs; only they may get a bearer token."""
        try:
            return cls(frozenset(origin_of(base) for base in bases), suffixes)
        except BadReply:
            raise ConfigError("The address of a provider is not a usable URL.") from None

    def is_base(self, origin: Origin) -> bool:
        """Say whether we were configured with this origin."""
        return origin in self.bases

    def check(self, origin: Origin) -> None:
        """Refuse any other place."""
        if self.is_base(origin):
            return
        listed = any(
            origin.host == suffix or origin.host.endswith("." + suffix) for suffix in self.suffixes
        )
        if origin.scheme != "https" or origin.port != 443 or not listed:
            raise BadReply("The cloud account pointed to a place that is not its own.")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. The parts are sent one after another, without being copied together."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parts: Sequence[Bytes] = field(default=(), repr=False)
    bearer: str | None = field(default=None, repr=False)
    largest_answer: int = DOCUMENT_BYTES
    is_cut: bool = False  # keep that much of a longer answer instead of refusing it

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(len(part) for part in self.parts)


def json_request(method: str, url: str, document: Mapping[str, object]) -> Request:
    """Return a request that carries JSON."""
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Request(method, url, headers=headers, parts=(json.dumps(document).encode(),))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` have lower-case names; of an error only 64 KiB are kept."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    retry_after_seconds: float | None

    @property
    def is_success(self) -> bool:
        """Say whether it is a 2xx."""
        return 200 <= self.status < 300


class HttpClient:
    """Sends requests to one provider. Thread-safe; survives a fork; `close` drops connections."""

    def __init__(
        self,
        rules: HostRules,
        clock: Clock,
        deadlines: Deadlines | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._deadlines = deadlines or Deadlines()
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[Wire]] = {}
        self._pid = os.getpid()
        weakref.finalize(self, _close_all, self._idle)

    def send(self, request: Request) -> Answer:
        """Send and return the answer, whatever its status; `Unreachable` or `BadReply` if none."""
        origin = origin_of(request.url)
        self._rules.check(origin)
        headers = self._headers(request, origin)
        deadline = Deadline(
            self._clock,
            self._deadlines.total(request.length + request.largest_answer),
            self._deadlines.idle_seconds,
        )
        wire = self._take(origin)
        try:
            answer = self._exchange(wire, request, headers, deadline)
        except (OSError, HTTPError, http.client.IncompleteRead):
            wire.close()
            raise Unreachable from None  # messages may hold the URL
        except (http.client.HTTPException, ValueError):
            wire.close()
            raise BadReply from None
        except BaseException:
            wire.close()
            raise
        self._give_back(origin, wire)
        return answer

    def close(self) -> None:
        """Drop every kept connection."""
        with self._lock:
            _close_all(self._idle)

    def _headers(self, request: Request, origin: Origin) -> dict[str, str]:
        headers = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Content-Length": str(request.length),
            **request.headers,
        }
        if request.method in {"GET", "DELETE", "HEAD"} and not request.length:
            del headers["Content-Length"]
        if request.bearer is not None and self._rules.is_base(origin):
            headers["Authorization"] = f"Bearer {request.bearer}"
        return headers

    def _exchange(
        self, wire: Wire, request: Request, headers: Mapping[str, str], deadline: Deadline
    ) -> Answer:
        wire.begin(deadline)
        parts = urlsplit(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # A view is as good as bytes to a socket; an iterator without a length would go in chunks.
        slices = _slices(request.parts, deadline) if request.length else None
        try:
            wire.connection.request(
                request.method,
                target,
                body=cast("Iterable[bytes] | None", slices),
                headers=headers,
            )
        except (BrokenPipeError, ConnectionResetError):
            # The server may have answered and closed before it read the whole body.
            if wire.connection.sock is None:
                raise
        response = wire.response()
        body = self._read(response, request, deadline)
        if not response.isclosed():
            wire.close()  # the rest of a long error body is not waited for
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=body,
            retry_after_seconds=_retry_after(response.getheader("Retry-After"), self._clock.now()),
        )

    def _read(
        self, response: http.client.HTTPResponse, request: Request, deadline: Deadline
    ) -> bytes:
        """Read the body, of an error at most 64 KiB; a longer success than asked is refused."""
        is_success = response.status < 300
        limit = request.largest_answer if is_success else ERROR_BODY_BYTES
        if response.length is None:
            body = b"".join(_pieces(response, limit + 1, deadline))
        else:
            # Into its place at once: pieces would be there twice when they are joined.
            body = response.read(min(response.length, limit + 1))
        if response.length and len(body) <= limit:
            raise http.client.IncompleteRead(b"")
        if response.length == 0:
            response.close()  # Python 3.11 leaves it open after the last byte
        if len(body) > limit and is_success and not request.is_cut:
            raise BadReply
        return body[:limit]

    def _take(self, origin: Origin) -> Wire:
        with self._lock:
            if self._pid != os.getpid():
                # Connections made before a fork are the parent's too: never use them.
                _close_all(self._idle)
                self._pid = os.getpid()
            idle = self._idle.get(origin, [])
            while idle:
                wire = idle.pop()
                if wire.connection.is_connected:
                    return wire
                wire.close()
        return Wire(self._connection(origin))

    def _give_back(self, origin: Origin, wire: Wire) -> None:
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if wire.connection.sock is not None and len(idle) < IDLE_CONNECTIONS:
                idle.append(wire)
                return
        wire.close()

    def _connection(self, origin: Origin) -> Plain | Secure:
        is_public = not self._rules.is_base(origin)
        patience = self._deadlines.connect_seconds
        if origin.scheme == "http":
            return Plain(origin.host, origin.port, is_public=is_public, timeout=patience)
        return Secure(
            origin.host,
            origin.port,
            is_public=is_public,
            timeout=patience,
            ssl_context=self._tls(),
        )

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=self._ca_file or certifi.where())
            return self._context


def _close_all(idle: dict[Origin, list[Wire]]) -> None:
    for wires in idle.values():
        for wire in wires:
            wire.close()
    idle.clear()


def _pieces(response: http.client.HTTPResponse, limit: int, deadline: Deadline) -> Iterator[bytes]:
    """Yield what comes of a body whose length is not told, at most so many bytes."""
    left = limit
    while left > 0:
        deadline.patience()
        piece = response.read1(min(SLICE_BYTES, left))
        if not piece:
            return
        yield piece
        left -= len(piece)


def _slices(parts: Sequence[Bytes], deadline: Deadline) -> Iterator[memoryview]:
    """Yield the parts in small slices, so that a timeout is about progress, not about size."""
    for part in parts:
        view = memoryview(part).cast("B")
        for start in range(0, len(view), SENT_SLICE_BYTES):
            deadline.patience()
            yield view[start : start + SENT_SLICE_BYTES]


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Read seconds or a date; what is neither counts as not given."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_RETRY_AFTER)
    try:
        seconds = (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
