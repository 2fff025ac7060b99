"""The bodies of requests, read from the connection as they arrive."""

import io
import socket
from collections.abc import Callable

from cloudsim.wire.messages import Hangup

_LINE_AT_MOST = 65536
_DRAIN_AT_MOST = 16 << 20  # more than this unread, and a new connection is cheaper


class SizedBody:
    """A body whose length was announced."""

    def __init__(self, reader: io.BufferedReader, length: int) -> None:
        self.length: int | None = length
        self._reader = reader
        self._left = length

    def readinto(self, buffer: memoryview) -> int:
        if not self._left:
            return 0
        count = _read_some(self._reader, buffer[: self._left])
        self._left -= count
        return count


class ChunkedBody:
    """A body in chunks, its length unknown before its end."""

    length: int | None = None

    def __init__(self, reader: io.BufferedReader) -> None:
        self._reader = reader
        self._left = 0
        self._first = True
        self._ended = False

    def readinto(self, buffer: memoryview) -> int:
        if not self._left and not self._ended:
            self._next_chunk()
        if self._ended:
            return 0
        count = _read_some(self._reader, buffer[: self._left])
        self._left -= count
        return count

    def _next_chunk(self) -> None:
        if not self._first and self._line():
            raise Hangup("A chunk is longer than it said.")
        self._first = False
        size = self._line().split(b";")[0].strip()
        try:
            self._left = int(size, 16)
        except ValueError as error:
            raise Hangup("A chunk has no length.") from error
        if self._left < 0:
            raise Hangup("A chunk has no length.")
        if not self._left:
            self._ended = True
            while self._line():
                pass

    def _line(self) -> bytes:
        try:
            line = self._reader.readline(_LINE_AT_MOST)
        except OSError as error:
            raise Hangup("The connection broke.") from error
        if not line.endswith(b"\n"):
            raise Hangup("The body ended early.")
        return line.rstrip(b"\r\n")


def _read_some(reader: io.BufferedReader, buffer: memoryview) -> int:
    try:
        count = reader.readinto1(buffer)
    except OSError as error:
        raise Hangup("The connection broke.") from error
    if not count:
        raise Hangup("The body ended early.")
    return count


class PromptedBody:
    """A body the client sends only after "100 Continue", which goes out at the first read."""

    def __init__(self, body: SizedBody | ChunkedBody, prompt: Callable[[], None]) -> None:
        self.length = body.length
        self.prompted = False
        self._body = body
        self._prompt = prompt

    def readinto(self, buffer: memoryview) -> int:
        if not self.prompted:
            self.prompted = True
            self._prompt()
        return self._body.readinto(buffer)


class HeldBody:
    """A small body that was read ahead, to be read once more."""

    def __init__(self, content: bytes) -> None:
        self.length: int | None = len(content)
        self._left = memoryview(content)

    def readinto(self, buffer: memoryview) -> int:
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


AnyBody = SizedBody | ChunkedBody | PromptedBody


def drain(body: AnyBody) -> bool:
    """Read what an early answer left unread; False when the connection is better closed."""
    if isinstance(body, PromptedBody) and not body.prompted:
        return not body.length and body.length is not None
    buffer = memoryview(bytearray(65536))
    taken = 0
    while count := body.readinto(buffer):
        taken += count
        if taken > _DRAIN_AT_MOST:
            return False
    return True


def prompt_by(sock: socket.socket) -> Callable[[], None]:
    """Make the call that tells a waiting client to go on."""
    return lambda: sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
