"""The contents, one file each: written beside, then renamed into place.

Where bytes are only counted, a file has its length and no blocks: it reads as zeros.
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

from cloudsim.hashes import ContentHashes, Digests, Known, digest_pieces, hashes_of
from cloudsim.store.small import AT_MOST as SMALL_AT_MOST
from cloudsim.store.small import SmallContents
from cloudsim.wire.messages import Hangup

_PIECE = 1 << 20
_RUNNING_AT_MOST = 10_000  # of abandoned sessions, the oldest are forgotten


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
class Arriving:
    """An upload in several requests, by its id, and whose hashes it needs."""

    id: str
    provider: str


@dataclass(frozen=True)
class Content:
    """Bytes that belong to no object yet: on the disk, or small enough to be kept in its row."""

    blob: str
    size: int
    digests: Digests
    small: bytes | None = field(default=None, repr=False)


@dataclass
class _Running:
    """The hashes of an upload as far as it has come by this process alone."""

    hashes: ContentHashes | Known
    have: int = 0

    def take(self, piece: memoryview, at: int) -> None:
        """Take in what is new of a piece that begins at this place."""
        if at + len(piece) > self.have:
            self.hashes.update(piece[self.have - at :])
            self.have = at + len(piece)


class Blobs:
    """A folder of contents and a folder of those still arriving."""

    def __init__(self, folder: Path, small: SmallContents, *, keeps_bytes: bool = True) -> None:
        self._small = small
        self._keeps_bytes = keeps_bytes
        self._running: dict[str, _Running] = {}  # by upload; what is missing is read again
        self._kept = folder / "blobs"
        self._arriving = folder / "arriving"
        for place in (self._kept, self._arriving):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)

    def receive(self, source: Source, provider: str, at_most: int) -> Content:
        """Keep a whole body; one that is cut or longer than at_most leaves nothing."""
        if source.length is not None and source.length <= SMALL_AT_MOST:
            return self._receive_small(source, provider, at_most)
        blob = secrets.token_hex(16)
        beside = self._arriving / blob
        hashes = hashes_of(provider)
        size = 0
        try:
            with beside.open("xb", buffering=0) as file:
                for piece in _arriving(source, at_most):
                    hashes.update(piece)
                    self._write(file, piece)
                    size += len(piece)
                if not self._keeps_bytes:
                    file.truncate(size)
            self._settle(beside, blob)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        return Content(blob, size, hashes.digests())

    def _receive_small(self, source: Source, provider: str, at_most: int) -> Content:
        taken = b"".join(bytes(piece) for piece in _arriving(source, at_most))
        digests = digest_pieces(provider, [memoryview(taken)])
        kept = taken if self._keeps_bytes else bytes(len(taken))
        return Content(self._small.new_name(), len(taken), digests, kept)

    def _write(self, file: FileIO, piece: memoryview) -> None:
        if self._keeps_bytes:
            file.write(piece)

    def append(self, upload: Arriving, source: Source, start: int, at_most: int) -> int:
        """Add a body behind byte start and give the bytes there are; Cut tells how many came."""
        have = start
        running = self._running_at(upload, start)
        with self._upload_path(upload.id).open("ab", buffering=0) as file:
            file.truncate(start)  # what a killed server wrote but did not count
            try:
                for piece in _arriving(source, at_most - start):
                    self._write(file, piece)
                    if running:
                        running.take(piece, have)
                    have += len(piece)
            except Hangup as error:
                raise Cut(have) from error
            finally:
                if not self._keeps_bytes:
                    file.truncate(have)
        return have

    def _running_at(self, upload: Arriving, start: int) -> _Running | None:
        """Find the hashes to go on with; bytes that come again may be others than before."""
        running = self._running.get(upload.id)
        if start == 0 and (running is None or self._keeps_bytes):
            running = self._running[upload.id] = _Running(hashes_of(upload.provider))
            if len(self._running) > _RUNNING_AT_MOST:
                self._running.pop(next(iter(self._running)), None)
        elif running and self._keeps_bytes and running.have != start:
            del self._running[upload.id]
            return None
        return running

    def finish(self, upload: Arriving, size: int) -> Content:
        """Make an upload's bytes a content; those not hashed on their way are hashed now."""
        blob = secrets.token_hex(16)
        path = self._upload_path(upload.id)
        running = self._running.pop(upload.id, None)
        with path.open("r+b") as file:
            if file.seek(0, 2) < size:
                raise UploadLost
            file.truncate(size)
            if running and running.have == size:
                digests = running.hashes.digests()
            elif self._keeps_bytes:
                file.seek(0)
                digests = digest_pieces(upload.provider, _pieces(file))
            else:
                raise UploadLost
        self._settle(path, blob)
        return Content(blob, size, digests)

    def undo_finish(self, upload: Arriving, content: Content) -> None:
        """Make a content an upload's bytes again, when no object could be made of it."""
        self._path(content.blob).rename(self._upload_path(upload.id))
        self._running[upload.id] = _Running(Known(content.digests), content.size)

    def discard_upload(self, upload: str) -> None:
        self._running.pop(upload, None)
        self._upload_path(upload).unlink(missing_ok=True)

    def open(self, blob: str) -> BinaryIO:
        """Open the content, readable to its end even if it is discarded meanwhile."""
        return self._small.open(blob) if self._small.is_one(blob) else self._path(blob).open("rb")

    def pieces(self, blob: str) -> Iterator[memoryview]:
        """Read the content in pieces, for whoever hashes it."""
        with self.open(blob) as file:
            yield from _pieces(file)

    def discard(self, blobs: Iterable[str]) -> None:
        for blob in blobs:
            if self._small.is_one(blob):
                self._small.discard(blob)
            else:
                self._path(blob).unlink(missing_ok=True)

    def flip_bit(self, blob: str, offset: int) -> None:
        """Damage the content where it lies."""
        if self._small.is_one(blob):
            content = bytearray(self._small.open(blob).getbuffer())
            content[offset] ^= 1
            self._small.replace(blob, bytes(content))
            return
        with self._path(blob).open("r+b") as file:
            file.seek(offset)
            damaged = file.read(1)[0] ^ 1
            file.seek(offset)
            file.write(bytes([damaged]))

    def sweep(self, blobs: set[str], uploads: set[str]) -> None:
        """Remove what a killed server left and no row knows."""
        self._small.sweep(blobs)
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
