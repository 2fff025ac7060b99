"""Bytes that a number decides: made again wherever they are compared, never kept."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

STEP = 1 << 18
BLOCK = 16  # of AES: the counter may begin at any of them


@dataclass(frozen=True)
class Content:
    """So many bytes of the key stream of this number."""

    number: int
    size: int

    def pieces(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `begin` to before `end`."""
        stream = self.stream(begin)
        left = (self.size if end is None else end) - begin
        while left > 0:
            piece = stream.read(min(STEP, left))
            left -= len(piece)
            yield piece

    def stream(self, begin: int = 0) -> "Stream":
        """Return the bytes from `begin` on, without an end."""
        return Stream(self.number, begin)

    @cached_property
    def sha256(self) -> bytes:
        """The hash of the whole."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.digest()


class Stream:
    """A number's key stream from some byte on."""

    def __init__(self, number: int, begin: int) -> None:
        key = hashlib.sha256(b"soak %d" % number).digest()
        counter = (begin // BLOCK).to_bytes(BLOCK, "big")
        self._encryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
        self.read(begin % BLOCK)

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        return self._encryptor.update(bytes(size))


@dataclass(frozen=True)
class Form:
    """A multipart body of files, made as it is sent."""

    files: tuple[tuple[str, Content], ...]

    def __len__(self) -> int:
        return sum(len(head) + content.size + 2 for head, content in self._parts()) + len(TAIL)

    def __iter__(self) -> Iterator[bytes]:
        for head, content in self._parts():
            yield head
            yield from content.pieces()
            yield b"\r\n"
        yield TAIL

    def _parts(self) -> Iterator[tuple[bytes, Content]]:
        for name, content in self.files:
            yield HEAD % name.encode(), content


class BrokenOff(Exception):
    """The sender goes away."""


@dataclass(frozen=True)
class Broken(Form):
    """A form of which only so many bytes are sent, and no more ever."""

    kept: int

    def __iter__(self) -> Iterator[bytes]:
        left = self.kept
        for piece in super().__iter__():
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                raise BrokenOff


HEAD = b'--soak\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n'
TAIL = b"--soak--\r\n"
