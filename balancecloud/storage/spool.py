"""The sealed, short-lived store of what was received and is not yet on the clouds.

A part is an immutable run of sealed bytes (docs/format.md 12). This file knows bytes and places,
never keys: what is handed in is sealed already.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import BrokenUpload, ConfigError, NoSpoolSpace, NotReady, Unavailable


class PartWriter(Protocol):
    """One part while it is written."""

    def append(self, sealed: Buffer) -> None:
        """Add bytes; NoSpoolSpace when the store is full."""
        ...

    def sync(self) -> None:
        """Return once every byte appended so far survives a crash."""
        ...

    def close(self) -> None:
        """Release the part; what was synced stays."""
        ...


class Spool(Protocol):
    """Where sealed parts are kept."""

    def create(self, upload: uuid.UUID, number: int) -> PartWriter:
        """Begin a part that does not exist yet."""
        ...

    def read(self, upload: uuid.UUID, number: int, start: int, length: int) -> bytes:
        """Return exactly these sealed bytes; Unavailable when the part or its end is not there."""
        ...

    def discard(self, upload: uuid.UUID, number: int) -> None:
        """Remove one part; what can't be removed now goes with its upload."""
        ...

    def remove(self, upload: uuid.UUID) -> None:
        """Remove every part of an upload; fine when there is none."""
        ...

    def uploads(self) -> Iterator[uuid.UUID]:
        """Yield every upload of which something is there."""
        ...

    def free_bytes(self) -> int:
        """Return how much more the store can take."""
        ...

    def check(self) -> None:
        """Raise NotReady when nothing can be written now, however much room there is."""
        ...


class LocalSpool:
    """A spool in a folder of its own on a local disk, 0700."""

    def __init__(self, root: Path, reserve_bytes: int) -> None:
        self._root = root
        self._reserve = reserve_bytes
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = root.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise ConfigError("The spool folder must belong to this user alone (mode 0700).")

    def create(self, upload: uuid.UUID, number: int) -> "LocalPart":
        """Begin a part that does not exist yet."""
        folder = self._folder(upload)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(
                folder / f"{number}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600
            )
        except OSError as problem:
            raise NoSpoolSpace from problem
        return LocalPart(descriptor, folder)

    def read(self, upload: uuid.UUID, number: int, start: int, length: int) -> bytes:
        """Return exactly these sealed bytes."""
        try:
            with self._open(upload, number) as part:
                part.seek(start)
                sealed = part.read(length)
        except FileNotFoundError as problem:
            raise Unavailable from problem
        if len(sealed) != length:
            raise Unavailable
        return sealed

    def discard(self, upload: uuid.UUID, number: int) -> None:
        """Remove one part."""
        with contextlib.suppress(OSError):
            (self._folder(upload) / f"{number}.part").unlink()

    def remove(self, upload: uuid.UUID) -> None:
        """Remove every part of an upload."""
        shutil.rmtree(self._folder(upload), ignore_errors=True)

    def uploads(self) -> Iterator[uuid.UUID]:
        """Yield every upload of which something is there."""
        for folder in self._root.glob("??/*"):
            try:
                yield uuid.UUID(folder.name)
            except ValueError:
                continue

    def free_bytes(self) -> int:
        """Return how much more the disk can take, less what is kept free."""
        return max(0, shutil.disk_usage(self._root).free - self._reserve)

    def check(self) -> None:
        """Raise NotReady unless the folder is there and ours to write."""
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise NotReady

    def _open(self, upload: uuid.UUID, number: int) -> BinaryIO:
        return (self._folder(upload) / f"{number}.part").open("rb")

    def _folder(self, upload: uuid.UUID) -> Path:
        return self._root / upload.hex[:2] / str(upload)


class LocalPart:
    """A part on a local disk while it is written."""

    def __init__(self, descriptor: int, folder: Path) -> None:
        self._descriptor = descriptor
        self._folder = folder

    def append(self, sealed: Buffer) -> None:
        """Add bytes."""
        view = memoryview(sealed)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as problem:
            raise NoSpoolSpace from problem

    def sync(self) -> None:
        """Return once the bytes and the entries of all folders above survive a crash."""
        try:
            os.fdatasync(self._descriptor)
            for folder in (self._folder, *self._folder.parents[:2]):
                _sync_folder(folder)
        except FileNotFoundError as problem:
            # Its upload was removed while it arrived.
            raise BrokenUpload from problem
        except OSError as problem:
            # A failed sync may have dropped pages for good: the upload fails, it is never retried.
            raise NoSpoolSpace from problem

    def close(self) -> None:
        """Release the file."""
        os.close(self._descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
