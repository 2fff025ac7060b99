"""Reading request bodies that may be huge: counted, with deadlines, never put on a disk."""

import socket
from collections.abc import Callable
from typing import Final, Protocol

from flask import Request
from werkzeug.exceptions import ClientDisconnected

from balancecloud.errors import BrokenUpload, LengthRequired

# The cost per byte halves from 64 KiB to 1 MiB reads.
STEP: Final = 1 << 20
# A refusal takes this much more of the body in, so that the sender gets to hear it.
DRAIN: Final = 8 << 20
# After a minute a sender must have managed this rate, or it only holds a thread.
SLOWEST_BYTES_PER_SECOND: Final = 1024
GRACE_SECONDS: Final = 60.0


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
        self._began = monotonic()

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
        return data

    def drain(self) -> None:
        """Take a little more in, so that the sender hears a refusal, and let go of the rest."""
        limit = min(self.declared, self.received + DRAIN)
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
