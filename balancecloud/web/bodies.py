"""Reading request bodies that may be huge: counted, with deadlines, never put on a disk."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Final, Protocol

from flask import Request
from werkzeug.exceptions import ClientDisconnected

from balancecloud.errors import BrokenUpload, LengthRequired

# A step costs little beside sealing so much, and what is copied on its way is in a core's cache.
STEP: Final = 1 << 18
# A refusal takes this much more of the body in, so that the sender gets to hear it.
DRAIN: Final = 8 << 20
# After a minute a sender must have managed this rate, or it only holds a thread.
SLOWEST_BYTES_PER_SECOND: Final = 1024
GRACE_SECONDS: Final = 60.0
# A form or a JSON body, of 1 MiB at most, is there within this time.
FORM_SECONDS: Final = 30.0


class Readable(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""
        ...


class Body:
    """One request's body of a declared length, read in steps."""

    def __init__(
        self,
        stream: Readable,
        declared: int,
        connection: socket.socket | None,
        monotonic: Callable[[], float],
    ) -> None:
        self.declared = declared
        self.received = 0
        self._stream = stream
        self._connection = connection
        self._monotonic = monotonic
        self._began = self._watched_at = monotonic()
        self._watch = _watch(connection)

    def close(self) -> None:
        """Let the connection be: nothing more is read from it here."""
        self._watch.cancel()

    def read(self) -> bytes:
        """Return the next bytes, none at the end; BrokenUpload when the sender stops too early."""
        rest = self.declared - self.received
        if rest <= 0:
            return b""
        try:
            data = self._stream.read(min(STEP, rest))
        except (OSError, ClientDisconnected) as problem:
            raise BrokenUpload from problem
        if not data:
            raise BrokenUpload
        self.received += len(data)
        self._refuse_slow()
        self._watch_on()
        return data

    def drain(self) -> None:
        """Take a little more in, so that the sender hears a refusal, and let go of the rest."""
        limit = min(self.declared, self.received + DRAIN)
        self._watch.cancel()
        self._watch = _timer(self._connection, FORM_SECONDS)
        try:
            while self.received < limit:
                data = self._stream.read(min(STEP, limit - self.received))
                if not data:
                    break
                self.received += len(data)
        except (OSError, ClientDisconnected):
            return
        if self.received < self.declared and self._connection is not None:
            # The server would read the rest before the next request: there will be none.
            self._connection.shutdown(socket.SHUT_RD)

    def _watch_on(self) -> None:
        now = self._monotonic()
        if now - self._watched_at > GRACE_SECONDS:
            self._watch.cancel()
            self._watch, self._watched_at = _watch(self._connection), now

    def _refuse_slow(self) -> None:
        seconds = self._monotonic() - self._began
        if seconds > GRACE_SECONDS and self.received < seconds * SLOWEST_BYTES_PER_SECOND:
            raise BrokenUpload


def body_of(request: Request, idle_seconds: float, monotonic: Callable[[], float]) -> Body:
    """Return a request's body with its read deadline; LengthRequired without a length."""
    if request.content_length is None:
        raise LengthRequired
    # The general limit of a body is for the other routes; here the declared length is the limit.
    request.max_content_length = request.content_length
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(idle_seconds)
    return Body(request.stream, request.content_length, connection, monotonic)


def read_whole(request: Request, seconds: float = FORM_SECONDS) -> None:
    """Read a short body into the request now; one that takes longer counts as cut."""
    timer = _timer(request.environ.get("gunicorn.socket"), seconds)
    try:
        body = request.get_data(parse_form_data=False)
    finally:
        timer.cancel()
    # The framework would take the beginning of a form for the whole.
    if request.content_length is not None and len(body) != request.content_length:
        raise ClientDisconnected


def _watch(connection: socket.socket | None) -> threading.Timer:
    """Watch over the next step of a body: reading it must end at the slowest rate."""
    return _timer(connection, GRACE_SECONDS + STEP / SLOWEST_BYTES_PER_SECOND)


def _timer(connection: socket.socket | None, seconds: float) -> threading.Timer:
    """End what a connection still sends after so many seconds, unless that is cancelled.

    A deadline on each receive is not enough: the server goes on receiving until it has all that was
    asked for, so a byte now and then would hold its thread for ever.
    """

    def cut() -> None:
        with contextlib.suppress(OSError):  # closed meanwhile
            if connection is not None:
                connection.shutdown(socket.SHUT_RD)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    if connection is not None:
        timer.start()
    return timer
