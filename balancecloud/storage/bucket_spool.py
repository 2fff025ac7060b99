"""A spool in a bucket of any S3-compatible server, for web and workers on several machines.

A part is a row of segments, each an object that is written whole or not at all: nothing half
written can be left behind, and what was cut off is found by listing, like everything else.
"""

import logging
import os
import threading
import uuid
from collections.abc import Iterator
from typing import Final

import opendal
from opendal import exceptions
from opendal.layers import RetryLayer, TimeoutLayer

from balancecloud.buckets import SpoolBucket
from balancecloud.clock import Clock
from balancecloud.config import MIB
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import BalanceCloudError, BrokenUpload, NoSpoolSpace, NotReady, Unavailable

# What one upload holds in memory, and what one request carries. Where a byte lies follows from it,
# so it stays as it is while anything is in a spool.
SEGMENT_BYTES: Final = 4 * MIB
# A bucket says nothing of its room: as much as anybody asks for, until it refuses.
ENDLESS: Final = 1 << 62
# How long a bucket counts as full once it has refused; then it is asked again.
FULL_SECONDS: Final = 30.0
# A segment and the look after it, each tried three times, take less than an upload's lease of
# 120 seconds. Twenty-five seconds let a segment through at 170 KB/s.
SEGMENT_SECONDS: Final = 25.0
ANSWER_SECONDS: Final = 10.0
TRIES_AGAIN: Final = 2
CHECK_SECONDS: Final = 3.0

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
        self._line = Line(bucket)
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

    def remove(self, upload: uuid.UUID) -> None:
        """Remove every part of an upload; what the bucket keeps, the sweep removes later."""
        try:
            self._line.operator.remove_all(f"{upload}/")
        except _PROBLEMS as problem:
            logger.warning("An upload stays in the bucket for now: %s.", type(problem).__name__)

    def uploads(self) -> Iterator[uuid.UUID]:
        """Yield every upload of which something is there; Unavailable when nobody says."""
        try:
            # The binding keeps other Python threads waiting while it lists: for background
            # processes only, never while a person waits.
            for entry in self._line.operator.list(""):
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
        try:
            sealed = self._line.operator.read(path, offset=begin, size=length)
        except _PROBLEMS:
            raise Unavailable from None
        if len(sealed) != length:
            raise Unavailable
        return sealed

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


class Line:
    """The connection to a bucket, opened where it is first used.

    The library's threads do not survive a fork, and a child that uses what its parent has opened
    waits for ever (measured). So the parents of gunicorn and of the worker never open it.
    """

    _opened_by: int | None = None  # the process, as all lines share the library's threads

    def __init__(self, bucket: SpoolBucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._operator: opendal.Operator | None = None
        self._hasty: opendal.Operator | None = None

    @property
    def operator(self) -> opendal.Operator:
        """Asks again when something temporary is in the way."""
        with self._lock:
            if self._operator is None:
                retry = RetryLayer(max_times=TRIES_AGAIN, min_delay=0.2, max_delay=2, jitter=True)
                waiting = TimeoutLayer(timeout=ANSWER_SECONDS, io_timeout=SEGMENT_SECONDS)
                self._operator = self._open(waiting).layer(retry)
            return self._operator

    @property
    def hasty_operator(self) -> opendal.Operator:
        """Asks once and does not wait long."""
        with self._lock:
            if self._hasty is None:
                waiting = TimeoutLayer(timeout=CHECK_SECONDS, io_timeout=CHECK_SECONDS)
                self._hasty = self._open(waiting)
            return self._hasty

    def _open(self, waiting: TimeoutLayer) -> opendal.Operator:
        if Line._opened_by not in {None, os.getpid()}:
            raise AssertionError("The bucket was opened before this process was forked.")
        Line._opened_by = os.getpid()
        bucket = self._bucket
        operator = opendal.Operator(
            "s3",
            bucket=bucket.name,
            root=f"/{bucket.prefix}",
            endpoint=bucket.endpoint,
            region=bucket.region,
            access_key_id=bucket.key_id,
            secret_access_key=bucket.secret_key,
            checksum_algorithm="md5",
            enable_virtual_host_style=str(bucket.is_virtual_host).lower(),
            disable_config_load="true",  # neither other people's keys nor the machine's
            disable_ec2_metadata="true",
        )
        return operator.layer(waiting)


def _path(upload: uuid.UUID, number: int, segment: int) -> str:
    return f"{upload}/{number}.{segment:02}"
