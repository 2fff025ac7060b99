"""What a backup holds: named parts one after another, inside the sealed stream.

Each record is a kind, a length and that many bytes: a part's name, a piece of it, or its end.
"""

import enum
import os
import secrets
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from balancecloud.crypto.backup_file import (
    HEADER_LENGTH,
    RUN_LENGTH,
    SEALED_RUN_LENGTH,
    BackupOpener,
    BackupSealer,
)
from balancecloud.errors import BalanceCloudError, IntegrityError

PIECE_LENGTH: Final = 1 << 20
_RECORD: Final = struct.Struct(">BI")


class BackupRefused(BalanceCloudError):
    """A backup that cannot be written or read; the sentence says why."""

    code = "backup_refused"


class Kind(enum.IntEnum):
    """What a record is."""

    NAME = 1
    PIECE = 2
    END = 3


class ArchiveWriter:
    """Writes parts into a sealed file."""

    def __init__(self, file: BinaryIO, passphrase: bytes) -> None:
        self._file = file
        self._sealer = BackupSealer(passphrase, secrets.token_bytes(32))
        self._open = bytearray()
        file.write(self._sealer.header)

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a part, as its pieces come."""
        self._record(Kind.NAME, name.encode())
        for piece in pieces:
            self._record(Kind.PIECE, piece)
        self._record(Kind.END, b"")

    def finish(self) -> None:
        """Seal what is left."""
        self._file.write(self._sealer.finish(self._open))

    def _record(self, kind: Kind, content: bytes) -> None:
        self._open += _RECORD.pack(kind, len(content)) + content
        while len(self._open) >= RUN_LENGTH:
            self._file.write(self._sealer.seal(self._open[:RUN_LENGTH]))
            del self._open[:RUN_LENGTH]


@contextmanager
def writing(path: Path, passphrase: bytes) -> Iterator[ArchiveWriter]:
    """Yield a writer; the file takes its name only when all of it is on the disk."""
    half = path.with_name(path.name + ".new")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            writer = ArchiveWriter(file, passphrase)
            yield writer
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
        half.rename(path)
    finally:
        half.unlink(missing_ok=True)


def read_parts(path: Path, passphrase: bytes) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each part's name and its pieces, which must be read before the next part.

    BackupRefused, from here or from the pieces, when the file is not a sound backup.
    """
    with path.open("rb") as file:
        stream = _Stream(_opened_runs(file, passphrase))
        while (record := stream.record()) is not None:
            kind, name = record
            if kind is not Kind.NAME:
                raise _damaged()
            yield name.decode("ascii"), _pieces(stream)


def _pieces(stream: "_Stream") -> Iterator[bytes]:
    while (record := stream.record()) is not None:
        kind, content = record
        if kind is Kind.END:
            return
        if kind is not Kind.PIECE:
            break
        yield content
    raise _damaged()


def _opened_runs(file: BinaryIO, passphrase: bytes) -> Iterator[bytes]:
    try:
        opener = BackupOpener(passphrase, file.read(HEADER_LENGTH))
        run = file.read(SEALED_RUN_LENGTH)
        while following := file.read(SEALED_RUN_LENGTH):
            yield opener.open(run, ends=False)
            run = following
        yield opener.open(run, ends=True)
    except IntegrityError as problem:
        raise _damaged(problem.cause) from problem


def _damaged(cause: str = "record") -> BackupRefused:
    sentences = {
        "passphrase": "The passphrase does not open this backup.",
        "not a backup": "This file is not a backup of BalanceCloud.",
    }
    return BackupRefused(
        sentences.get(cause, "The backup is damaged or cut short. Nothing of it was used.")
    )


class _Stream:
    """Cuts opened runs into records."""

    def __init__(self, runs: Iterator[bytes]) -> None:
        self._runs = runs
        self._open = bytearray()

    def record(self) -> tuple[Kind, bytes] | None:
        """Return the next record, None at the end."""
        head = self._take(_RECORD.size)
        if not head:
            return None
        number, length = _RECORD.unpack(head)
        if number not in set(Kind) or length > PIECE_LENGTH:
            raise _damaged()
        content = self._take(length)
        if len(content) != length:
            raise _damaged()
        return Kind(number), content

    def _take(self, length: int) -> bytes:
        while len(self._open) < length:
            run = next(self._runs, None)
            if run is None:
                break
            self._open += run
        if 0 < len(self._open) < length:
            raise _damaged()
        taken = bytes(self._open[:length])
        del self._open[:length]
        return taken
