"""Hashes of uploads that arrive in several requests, as far as this process has come with them.

A hash under way cannot be written down, so another process reads the sealed bytes once more.
"""

import hashlib
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Protocol

MOST_KEPT: Final = 256  # uploads; each is a few hundred bytes


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take more bytes."""
        ...

    def digest(self) -> bytes:
        """Return the hash of the bytes taken so far."""
        ...

    def copy(self) -> "Digest":
        """Return another one that has taken the same bytes."""
        ...


@dataclass(slots=True)
class Prefix:
    """The hash of an upload's first bytes."""

    length: int
    digest: Digest

    @classmethod
    def none(cls) -> "Prefix":
        """Return the hash of no bytes."""
        return cls(0, hashlib.sha256())

    def take(self, plaintext: bytes | bytearray | memoryview) -> None:
        """Go on by these bytes."""
        self.digest.update(plaintext)
        self.length += len(plaintext)

    def copy(self) -> "Prefix":
        """Return another one of the same bytes."""
        return Prefix(self.length, self.digest.copy())


class RunningHashes:
    """The last prefixes of one process; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[uuid.UUID, Prefix] = OrderedDict()

    def keep(self, upload_id: uuid.UUID, prefix: Prefix) -> None:
        """Remember how far it is; every byte of it must be recorded."""
        with self._lock:
            self._kept[upload_id] = prefix.copy()
            self._kept.move_to_end(upload_id)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def up_to(self, upload_id: uuid.UUID, offset: int) -> Prefix:
        """Return the longest prefix known that ends there or before."""
        with self._lock:
            found = self._kept.get(upload_id)
            return found.copy() if found and found.length <= offset else Prefix.none()

    def forget(self, upload_id: uuid.UUID) -> None:
        """Keep nothing of an upload that is over."""
        with self._lock:
            self._kept.pop(upload_id, None)
