"""The contents, one file each: written beside, then renamed into place."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from cloudsim.hashes import Digests, digest_pieces, hashes_of
from cloudsim.wire.messages import Hangup

_PIECE = 1 << 20


class Source(Protocol):
    """Where bytes come from: a request's body or a part of one."""

    length: int | None

    def readinto(self, buffer: memoryview) -> int: ...


class TooMuch(Exception):
    """More bytes came than there is room for or were announced."""


class Cut(Hangup):
    """A body ended early; have is how many bytes the upload holds."""

    def __init__(self, have: int) -> None:
        super().__init__("The body ended early.")
        self.have = have


class UploadLost(Exception):
    """The bytes of an upload are no longer there: a kill fell between its last two steps."""


@dataclass(frozen=True)
class Content:
    """Bytes that are on the disk but belong to no object yet."""

    blob: str
    size: int
    digests: Digests


class Blobs:
    """A folder of contents and a folder of those still arriving."""

    def __init__(self, folder: Path) -> None:
        self._kept = folder / "blobs"
        self._arriving = folder / "arriving"
        for place in (self._kept, self._arriving):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)

    def receive(self, source: Source, provider: str, at_most: int) -> Content:
        """Keep a whole body; one that is cut or longer than at_most leaves nothing."""
        blob = secrets.token_hex(16)
        beside = self._arriving / blob
        hashes = hashes_of(provider)
        size = 0
        try:
            with beside.open("xb", buffering=0) as file:
                for piece in _arriving(source, at_most):
                    hashes.update(piece)
                    file.write(piece)
                    size += len(piece)
            self._settle(beside, blob)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        return Content(blob, size, hashes.digests())

    def append(self, upload: str, source: Source, start: int, at_most: int) -> int:
        """Add a body behind byte start and give the bytes there are; Cut tells how many came."""
        have = start
        with self._upload_path(upload).open("ab", buffering=0) as file:
            file.truncate(start)  # what a killed server wrote but did not count
            try:
                for piece in _arriving(source, at_most - start):
                    file.write(piece)
                    have += len(piece)
            except Hangup as error:
                raise Cut(have) from error
        return have

    def finish(self, upload: str, provider: str, size: int) -> Content:
        """Make an upload's bytes a content, hashing them in one pass over the file."""
        blob = secrets.token_hex(16)
        path = self._upload_path(upload)
        with path.open("r+b") as file:
            if file.seek(0, 2) < size:
                raise UploadLost
            file.truncate(size)
            file.seek(0)
            digests = digest_pieces(provider, _pieces(file))
        self._settle(path, blob)
        return Content(blob, size, digests)

    def undo_finish(self, upload: str, content: Content) -> None:
        """Make a content an upload's bytes again, when no object could be made of it."""
        self._path(content.blob).rename(self._upload_path(upload))

    def discard_upload(self, upload: str) -> None:
        self._upload_path(upload).unlink(missing_ok=True)

    def open(self, blob: str) -> BinaryIO:
        """Open the content, readable to its end even if it is discarded meanwhile."""
        return self._path(blob).open("rb")

    def pieces(self, blob: str) -> Iterator[memoryview]:
        """Read the content in pieces, for whoever hashes it."""
        with self.open(blob) as file:
            yield from _pieces(file)

    def discard(self, blobs: Iterable[str]) -> None:
        for blob in blobs:
            self._path(blob).unlink(missing_ok=True)

    def flip_bit(self, blob: str, offset: int) -> None:
        """Damage the content where it lies."""
        with self._path(blob).open("r+b") as file:
            file.seek(offset)
            damaged = file.read(1)[0] ^ 1
            file.seek(offset)
            file.write(bytes([damaged]))

    def sweep(self, blobs: set[str], uploads: set[str]) -> None:
        """Remove what a killed server left and no row knows."""
        for path in self._kept.glob("*/*"):
            if path.name not in blobs:
                path.unlink()
        wanted = {self._upload_path(upload).name for upload in uploads}
        for path in self._arriving.iterdir():
            if path.name not in wanted:
                path.unlink()

    def _settle(self, beside: Path, blob: str) -> None:
        path = self._path(blob)
        try:
            beside.rename(path)
        except FileNotFoundError:  # the first content of its folder
            path.parent.mkdir(mode=0o700, exist_ok=True)
            beside.rename(path)

    def _path(self, blob: str) -> Path:
        return self._kept / blob[:2] / blob

    def _upload_path(self, upload: str) -> Path:
        return self._arriving / f"upload-{upload}"


def _arriving(source: Source, at_most: int) -> Iterator[memoryview]:
    """Read the body in pieces; TooMuch as soon as it is longer than allowed."""
    size = 0
    buffer = _buffer(source.length)
    while count := source.readinto(buffer):
        size += count
        if size > at_most:
            raise TooMuch
        yield buffer[:count]


def _buffer(length: int | None) -> memoryview:
    """Room for one read: no more than the body needs, as most bodies are small."""
    return memoryview(bytearray(_PIECE if length is None else max(1, min(length, _PIECE))))


def _pieces(file: BinaryIO) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(_PIECE))
    while count := file.readinto(buffer):  # type: ignore[attr-defined] # BinaryIO lacks what each binary file has
        yield buffer[:count]
