"""A multipart body as a stream of parts, in every dialect clients are known to send."""

from collections.abc import Mapping
from email.message import Message
from functools import lru_cache

from cloudsim.wire.messages import BadBody, Body

_PIECE = 1 << 20
_HEAD_AT_MOST = 65536


@lru_cache(maxsize=64)  # a client sends the same again and again
def boundary_of(content_type: str) -> str:
    """Read the boundary, quoted or not, of multipart/related or multipart/form-data."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_maintype() != "multipart" or not boundary:
        raise BadBody("The body is not multipart, or has no boundary.")
    return boundary


class Parts:
    """The parts one after another: next_part(), then readinto() until it gives 0."""

    def __init__(self, body: Body, boundary: str) -> None:
        self.length = body.length  # no part is longer than the whole
        self._body = body
        self._opening = b"--" + boundary.encode("latin-1")
        self._newline = b""  # the first boundary's line tells: Google takes bare \n as well
        self._held = bytearray()
        self._piece = memoryview(bytearray(min(_PIECE, (body.length or _PIECE) + 1)))
        self._in_part = False
        self._content_left = 0  # held bytes known to be content

    def next_part(self) -> Mapping[str, str]:
        """Go to the next part and give its headers; BadBody when there is none."""
        if self._newline:
            self._skip_content()
        else:
            self._open()
        rest = self._line()
        if rest.startswith(b"--"):
            raise BadBody("A part is missing.")
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        self._in_part = True
        return headers

    def readinto(self, buffer: memoryview) -> int:
        """Fill some of the buffer with this part's content; 0 at its end."""
        if not self._content_left and self._in_part:
            self._find_content()
        count = min(len(buffer), self._content_left)
        if count:
            buffer[:count] = memoryview(self._held)[:count]
            del self._held[:count]
            self._content_left -= count
        return count

    @property
    def _mark(self) -> bytes:
        return self._newline + self._opening

    def _open(self) -> None:
        """Skip to behind the first boundary, and see how its line ends."""
        while (at := self._held.find(self._opening)) < 0 or at + len(self._opening) >= len(
            self._held
        ):
            if len(self._held) > _HEAD_AT_MOST + _PIECE:
                raise BadBody("There is no boundary.")
            self._fill()
        del self._held[: at + len(self._opening)]
        self._newline = b"\n" if self._held[0] == ord("\n") else b"\r\n"

    def _find_content(self) -> None:
        while True:
            at = self._held.find(self._mark)
            if at >= 0:
                self._content_left = at
                if at == 0:
                    self._in_part = False
                    del self._held[: len(self._mark)]
                return
            safe = len(self._held) - len(self._mark) + 1
            if safe > 0:
                self._content_left = safe
                return
            self._fill()

    def _skip_content(self) -> None:
        while self._in_part:
            self._find_content()
            del self._held[: self._content_left]
            self._content_left = 0

    def _line(self) -> bytes:
        while (at := self._held.find(self._newline)) < 0:
            if len(self._held) > _HEAD_AT_MOST:
                raise BadBody("A part's head is too long.")
            self._fill()
        line = bytes(self._held[:at])
        del self._held[: at + len(self._newline)]
        return line

    def _fill(self) -> None:
        count = self._body.readinto(self._piece)
        if not count:
            raise BadBody("The body ended within a part.")
        self._held += self._piece[:count]
