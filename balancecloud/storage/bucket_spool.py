"""A spool in a bucket of any S3-compatible server, for web and workers on several machines.

A part is a row of segments, each an object that is written whole or not at all: nothing half
written can be left behind, and what was cut off is found by listing, like everything else.
"""

import logging
import uuid
from collections.abc import Iterator
from typing import Final

from opendal import exceptions

from balancecloud.buckets import SpoolBucket
from balancecloud.clock import Clock
from balancecloud.config import MIB
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import BalanceCloudError, BrokenUpload, NoSpoolSpace, NotReady, Unavailable
from balancecloud.storage.bucket_line import BucketLine

# What one upload holds in memory, and what one request carries. Where a byte lies follows from it,
# so it stays as it is while anything is in a spool.
SEGMENT_BYTES: Final = 4 * MIB
# A bucket says nothing of its room: as much as anybody asks for, until it refuses.
ENDLESS: Final = 1 << 62
# How long a bucket counts as full once it has refused; then it is asked again.
FULL_SECONDS: Final = 30.0

# How servers say that there is no room.
_FULL: Final = ("QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "InsufficientStorage")
# Its errors have no class above them but Exception.
_PROBLEMS: Final = (
    exceptions.Error,
    exceptions.Unexpected,
    exceptions.Unsupported,
    exceptions.ConfigInvalid,
    exceptions.NotFound,
    exceptions.PermissionDenied,
    exceptions.IsADirectory,
    exceptions.NotADirectory,
    exceptions.AlreadyExists,
    exceptions.IsSameFile,
    exceptions.ConditionNotMatch,
    exceptions.RateLimited,
    exceptions.RangeNotSatisfied,
    exceptions.Conflict,
)

logger = logging.getLogger(__name__)


class BucketSpool:
    """Sealed parts as objects `<prefix>/<upload>/<part>.<segment>`."""

    def __init__(
        self, bucket: SpoolBucket, clock: Clock, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self._line = BucketLine(bucket)
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._full_until = float("-inf")

    def create(self, upload: uuid.UUID, number: int) -> "BucketPart":
        """Begin a part; one that exists is noticed when the first segment is written."""
        return BucketPart(self, upload, number, self._segment_bytes)

    def read(self, upload: uuid.UUID, number: int, start: int, length: int) -> bytes:
        """Return exactly these sealed bytes."""
        pieces = []
        end = start + length
        while start < end:
            segment, begin = divmod(start, self._segment_bytes)
            wanted = min(end - start, self._segment_bytes - begin)
            pieces.append(self._read_segment(_path(upload, number, segment), begin, wanted))
            start += wanted
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def discard(self, upload: uuid.UUID, number: int) -> None:
        """Remove one part; what the bucket keeps goes with its upload."""
        try:
            self._line.operator.remove_all(f"{upload}/{number}.")
        except _PROBLEMS as problem:
            logger.warning("A part stays in the bucket for now: %s.", type(problem).__name__)

    def remove(self, upload: uuid.UUID) -> None:
        """Remove every part of an upload; what the bucket keeps, the sweep removes later."""
        try:
            self._line.operator.remove_all(f"{upload}/")
        except _PROBLEMS as problem:
            logger.warning("An upload stays in the bucket for now: %s.", type(problem).__name__)

    def uploads(self) -> Iterator[uuid.UUID]:
        """Yield every upload of which something is there; Unavailable when nobody says."""
        try:
            # The binding keeps other threads of Python, and signals, waiting while it lists: for
            # background processes only, and for seconds at most.
            for entry in self._line.hasty_operator.list(""):
                try:
                    yield uuid.UUID(entry.path.rstrip("/"))
                except ValueError:
                    continue
        except _PROBLEMS:
            raise Unavailable from None

    def free_bytes(self) -> int:
        """Return that there is room, unless the bucket has just refused for lack of it."""
        return 0 if self._clock.monotonic() < self._full_until else ENDLESS

    def check(self) -> None:
        """Raise NotReady unless the bucket answers and lets us in."""
        try:
            self._line.hasty_operator.check()
        except _PROBLEMS:
            raise NotReady from None

    def put_new(self, upload: uuid.UUID, number: int, segment: int, content: bytes) -> None:
        """Store a segment that is not there yet; never over another one."""
        path = _path(upload, number, segment)
        try:
            self._line.operator.write(path, content, if_not_exists=True)
        except (exceptions.ConditionNotMatch, exceptions.AlreadyExists):
            # Ours, when the answer to an earlier try was lost.
            if self._read_segment(path, 0, len(content)) != content:
                raise NoSpoolSpace from None
        except _PROBLEMS as problem:
            raise self._refusal(problem) from None

    def put_longer(self, upload: uuid.UUID, number: int, segment: int, content: bytes) -> None:
        """Store a segment of ours anew that has grown since."""
        try:
            self._line.operator.write(_path(upload, number, segment), content)
        except _PROBLEMS as problem:
            raise self._refusal(problem) from None

    def require(self, upload: uuid.UUID, number: int, segment: int) -> None:
        """Raise BrokenUpload when a segment was removed meanwhile."""
        try:
            self._line.operator.stat(_path(upload, number, segment))
        except exceptions.NotFound:
            raise BrokenUpload from None
        except _PROBLEMS as problem:
            raise self._refusal(problem) from None

    def _read_segment(self, path: str, begin: int, length: int) -> bytes:
        """Read as a stream: an answer longer than was asked for is noticed, not gathered."""
        sealed = bytearray()
        try:
            with self._line.operator.open(path, "rb", offset=begin, size=length) as stream:
                while len(sealed) < length and (more := stream.read(length - len(sealed))):
                    sealed += more
                is_whole = len(sealed) == length and not stream.read(1)
        except (OSError, *_PROBLEMS):  # a stream puts its errors as those of files
            raise Unavailable from None
        if not is_whole:
            raise Unavailable
        return bytes(sealed)

    def _refusal(self, problem: Exception) -> BalanceCloudError:
        """Say what a failed write means. Its text holds the server's reply and goes nowhere."""
        text = str(problem)
        if any(f'"{code}"' in text for code in _FULL):
            self._full_until = self._clock.monotonic() + FULL_SECONDS
            return NoSpoolSpace()
        logger.warning("The bucket of the spool did not take a write: %s.", type(problem).__name__)
        return NotReady()


class BucketPart:
    """A part in a bucket while it is written; one segment of it waits in memory."""

    def __init__(
        self, spool: BucketSpool, upload: uuid.UUID, number: int, segment_bytes: int
    ) -> None:
        self._spool = spool
        self._upload = upload
        self._number = number
        self._segment_bytes = segment_bytes
        self._segment = 0
        self._held = bytearray()
        self._stored = 0  # of the held bytes, how many are in the bucket

    def append(self, sealed: Buffer) -> None:
        """Add bytes; each segment goes as soon as it is full."""
        view = memoryview(sealed)
        while view:
            room = self._segment_bytes - len(self._held)
            self._held += view[:room]
            view = view[room:]
            if len(self._held) == self._segment_bytes:
                self._store()
                self._segment, self._held, self._stored = self._segment + 1, bytearray(), 0

    def sync(self) -> None:
        """Return once the bucket has every byte; BrokenUpload when the first ones are gone."""
        if len(self._held) > self._stored:
            self._store()
        if self._segment:
            # What removes an upload begins at its first segments.
            self._spool.require(self._upload, self._number, 0)

    def close(self) -> None:
        """Forget what was not synced."""
        self._held = bytearray()

    def _store(self) -> None:
        put = self._spool.put_longer if self._stored else self._spool.put_new
        put(self._upload, self._number, self._segment, bytes(self._held))
        self._stored = len(self._held)


def _path(upload: uuid.UUID, number: int, segment: int) -> str:
    return f"{upload}/{number}.{segment:02}"
