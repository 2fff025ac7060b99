"""A bounded cache on the gateway's disk of sealed bytes that were read from the clouds.

It holds runs of packs as they were fetched, ciphertext only, in files of their own:
`<two letters>/<pack>/<start>-<length>`. Nothing in it is trusted: whoever reads a run opens its
frames, and forgets the run when they do not hold. A file that is gone, short or unreadable is a
miss. Several processes share one folder; what was read least lately goes first.
"""

import fcntl
import logging
import os
import secrets
import shutil
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balancecloud.clock import Clock
from balancecloud.config import Config
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import ConfigError

# Never more than a quarter of what the disk has for it: the spool needs room too.
SHARE_OF_DISK: Final = 4
# Looked through when so much was written since the last time, and emptied by so much below its
# size, so that going over it is rare and the sum of all processes stays within it.
LOOKS: Final = 16
SPARE: Final = 8
MOST_RUNS: Final = 65_536
# A run that is read again counts as read lately; to note that more often would only cost writes.
TOUCH_SECONDS: Final = 60.0
# What a killed process left half written is removed after so long.
STALE_SECONDS: Final = 3600.0
UNFINISHED: Final = ".new"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """Sealed bytes of a pack in one file."""

    path: Path
    start: int
    length: int

    @property
    def end(self) -> int:
        """The pack's first byte behind it."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class HeldRuns:
    """Runs that together hold a stretch of a pack."""

    runs: tuple[Run, ...]

    def read(self, start: int, length: int) -> bytes | None:
        """Return these bytes of the pack; None where a file vanished or is short."""
        pieces = []
        at, end = start, start + length
        for run in self.runs:
            if run.start <= at < min(run.end, end):
                stop = min(run.end, end)
                piece = _read(run.path, at - run.start, stop - at)
                if piece is None:
                    return None
                pieces.append(piece)
                at = stop
        if at < end:
            return None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def forget(self) -> None:
        """Remove the files: what they hold did not open."""
        for run in self.runs:
            run.path.unlink(missing_ok=True)


class Cache:
    """A folder of runs, 0700. Thread-safe, and safe beside other processes."""

    def __init__(self, root: Path, limit_bytes: int, clock: Clock) -> None:
        self._root = root
        self._limit = limit_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._unseen = limit_bytes  # a new process looks through it at its first put
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = root.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise ConfigError("The cache folder must belong to this user alone (mode 0700).")

    @property
    def largest_stream(self) -> int:
        """How many bytes one download may bring in: a longer one would push out all else."""
        return self._limit // 4

    def find(self, pack_id: uuid.UUID, start: int, length: int) -> HeldRuns | None:
        """Return runs that hold these bytes of a pack; None where some are missing."""
        found: list[Run] = []
        at = start
        for run in sorted(_runs(self._folder(pack_id)), key=lambda run: (run.start, -run.end)):
            if run.start <= at < run.end:
                found.append(run)
                at = run.end
        if at < start + length:
            return None
        needed = [run for run in found if run.start < start + length]
        for run in needed:
            self._touch(run)
        return HeldRuns(tuple(needed))

    def put(self, pack_id: uuid.UUID, start: int, sealed: Sequence[Buffer]) -> None:
        """Keep sealed bytes of a pack from `start` on; what cannot be written is not kept."""
        length = sum(map(len, sealed))
        if not length or length > self._limit // SPARE:
            return
        folder = self._folder(pack_id)
        if any(run.start <= start and run.end >= start + length for run in _runs(folder)):
            return
        try:
            self._write(folder, f"{start}-{length}", sealed)
        except OSError as problem:
            logger.info("A run could not be kept: %s.", problem.strerror)
            return
        if self._is_to_be_looked_through(length):
            self.shrink()

    def shrink(self) -> None:
        """Remove what was read least lately until there is room, unless another process does."""
        try:
            lock = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        else:
            self._shrink()
        finally:
            os.close(lock)

    def _shrink(self) -> None:
        files = sorted(self._files(), reverse=True)
        held = sum(size for _, size, _ in files)
        room = self._room(held)
        room -= room // SPARE
        kept = 0
        for number, (_, size, path) in enumerate(files):
            kept += size
            if kept > room or number >= MOST_RUNS:
                _remove(path)

    def _room(self, held: int) -> int:
        """Return how much may be held: the setting, or less where the disk is small or full."""
        free = shutil.disk_usage(self._root).free
        return min(self._limit, (free + held) // SHARE_OF_DISK)

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each run was last read, its size and its file; remove what was left over."""
        stale = self._clock.now().timestamp() - STALE_SECONDS
        for folder in self._root.glob("[0-9a-f][0-9a-f]/*"):
            for entry in _entries(folder):
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if not entry.name.endswith(UNFINISHED):
                    yield status.st_mtime, status.st_size, Path(entry.path)
                elif status.st_mtime < stale:
                    _remove(Path(entry.path))

    def _is_to_be_looked_through(self, written: int) -> bool:
        with self._lock:
            self._unseen += written
            if self._unseen < self._limit // LOOKS:
                return False
            self._unseen = 0
            return True

    def _write(self, folder: Path, name: str, sealed: Iterable[Buffer]) -> None:
        """Write beside, then rename: no reader sees half a run. A crash may lose it, no more."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = folder / f"{secrets.token_hex(8)}{UNFINISHED}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                for piece in sealed:
                    _write_all(file.fileno(), piece)
            beside.rename(folder / name)
        except OSError:
            beside.unlink(missing_ok=True)
            raise

    def _touch(self, run: Run) -> None:
        try:
            age = self._clock.now().timestamp() - run.path.stat().st_mtime
            if age > TOUCH_SECONDS:
                os.utime(run.path)
        except OSError:
            return  # it is gone: reading will find out

    def _folder(self, pack_id: uuid.UUID) -> Path:
        return self._root / pack_id.hex[:2] / pack_id.hex


def open_cache(config: Config, clock: Clock) -> Cache | None:
    """Return the cache of the settings; None where nothing is to be kept."""
    return Cache(config.cache_dir, config.cache_bytes, clock) if config.cache_bytes else None


def _runs(folder: Path) -> list[Run]:
    """Return what a pack's folder holds by its names."""
    found = []
    for entry in _entries(folder):
        start, _, length = entry.name.partition("-")
        if start.isdecimal() and length.isdecimal():
            found.append(Run(folder / entry.name, int(start), int(length)))
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _read(path: Path, start: int, length: int) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        piece = os.pread(descriptor, length, start)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return piece if len(piece) == length else None


def _write_all(descriptor: int, piece: Buffer) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _remove(path: Path) -> None:
    """Remove a file, and the folder of its pack when that is empty then."""
    try:
        path.unlink(missing_ok=True)
        path.parent.rmdir()
    except OSError:
        return  # other runs of the pack are there
