"""Connections whose every read is held to a deadline, to addresses that were checked."""

import functools
import http.client
import io
import ipaddress
import socket
import ssl
from typing import cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from balancecloud.clock import Clock
from balancecloud.errors import BadReply


class Deadline:
    """A moment on the monotonic clock by which a request must have ended."""

    def __init__(self, clock: Clock, total_seconds: float, idle_seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + total_seconds
        self._idle = idle_seconds

    def patience(self) -> float:
        """Return how long to wait for the next bytes; TimeoutError when the time is over."""
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        return min(left, self._idle)


class Wire:
    """A connection, and the deadline of the request it carries now."""

    def __init__(self, connection: "Plain | Secure") -> None:
        self.connection = connection

    def begin(self, deadline: Deadline) -> None:
        """Bind the connection to a request's deadline."""
        self.connection.response_class = cast(
            "type[http.client.HTTPResponse]", functools.partial(_answer, deadline=deadline)
        )
        if self.connection.sock is not None:
            self.connection.timeout = deadline.patience()

    def response(self) -> http.client.HTTPResponse:
        """Read status and headers. urllib3's own reading would log URLs of odd answers."""
        return http.client.HTTPConnection.getresponse(self.connection)

    def close(self) -> None:
        """Drop the connection."""
        self.connection.close()


def _answer(
    sock: socket.socket, *, deadline: Deadline, method: str | None = None
) -> http.client.HTTPResponse:
    return http.client.HTTPResponse(_TimedSocket(sock, deadline), method=method)  # type: ignore[arg-type]


class _TimedSocket:
    """What http.client needs of a socket, with every read held to the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader that keeps the socket open until it is closed itself."""
        raw = self._sock.makefile("rb", buffering=0)
        return io.BufferedReader(_TimedReader(self._sock, raw, self._deadline))


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase, deadline: Deadline) -> None:
        super().__init__()
        self._sock = sock
        self._raw = raw
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        self._sock.settimeout(self._deadline.patience())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def _connect(connection: HTTPConnection, timeout: float, *, is_public: bool) -> socket.socket:
    """Connect to an address that was checked, so that a second look-up cannot give another."""
    try:
        found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NewConnectionError(connection, "no address") from error
    if is_public and not all(_is_public(str(address[0])) for *_, address in found):
        raise BadReply("The cloud account pointed to a private address.")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError:
            sock.close()
        else:
            return sock
    raise NewConnectionError(connection, "no address answers")


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.is_global and not parsed.is_multicast


class Plain(HTTPConnection):
    """A connection without TLS: only ever to an origin we were configured with."""

    def __init__(self, host: str, port: int, *, is_public: bool, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._is_public = is_public
        self._patience = timeout

    def _new_conn(self) -> socket.socket:
        return _connect(self, self._patience, is_public=self._is_public)


class Secure(HTTPSConnection):
    """A connection whose certificate is verified."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        is_public: bool,
        timeout: float,
        ssl_context: ssl.SSLContext,
    ) -> None:
        super().__init__(host, port, timeout=timeout, ssl_context=ssl_context)
        self._is_public = is_public
        self._patience = timeout

    def _new_conn(self) -> socket.socket:
        return _connect(self, self._patience, is_public=self._is_public)
