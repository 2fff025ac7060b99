"""The port to one cloud account, and its values.

A provider keeps write-once shards in a folder of its own. A shard has an opaque name, the same on
every try, and an object id of the provider's, by which it is addressed afterwards. Nothing here
knows files, users or keys. Errors are the `ProviderError` branch of `balancecloud.errors`.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NewType, Protocol

ObjectId = NewType("ObjectId", str)
ShardName = NewType("ShardName", str)


class ChecksumKind(enum.Enum):
    """How a provider tells what it holds."""

    SHA256 = "sha256"
    QUICK_XOR = "quick_xor"


@dataclass(frozen=True, slots=True)
class Traits:
    """What is true of every account of one provider."""

    reserves_ids: bool
    checksum: ChecksumKind
    listing_lag_seconds: float
    requests_in_flight: int
    largest_object_bytes: int


@dataclass(frozen=True, slots=True)
class Shard:
    """What is put: the whole object, with its SHA-256, known before the first request.

    `is_new` says that no other process ever tried to put it under its name.
    """

    body: bytes | bytearray | memoryview
    sha256: bytes
    is_new: bool = False

    @property
    def length(self) -> int:
        """Bytes of the object."""
        return len(self.body)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a provider says it holds. `checksum` is of the trait's kind; None where not told."""

    object_id: ObjectId
    name: ShardName
    length: int
    checksum: bytes | None


@dataclass(frozen=True, slots=True)
class Room:
    """An account's space in bytes; `total` None means unlimited or not told."""

    used: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose account it is, as the provider says."""

    subject: str  # the provider's stable account id, in canonical spelling
    address: str | None  # an e-mail address or a path, to show
    display_name: str | None


class Provider(Protocol):
    """One cloud account. Thread-safe; every call has a deadline."""

    @property
    def traits(self) -> Traits:
        """What is true of every account of this provider."""
        ...

    def identity(self) -> Identity:
        """Say whose account this is."""
        ...

    def reserve(self, count: int) -> Sequence[ObjectId]:
        """Return ids for later puts, or nothing where there are none; unused ones are free."""
        ...

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        """Store all or nothing, never overwriting, and compare the provider's checksum.

        Repeated, it finds the same object and succeeds; other bytes there raise `ObjectDiffers`.
        """
        ...

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        """Return exactly that range, never a short success."""
        ...

    def stat(self, object_id: ObjectId) -> StoredObject:
        """Return id, name, length and checksum; `ObjectMissing` when it is not there."""
        ...

    def find(self, name: ShardName) -> Sequence[StoredObject]:
        """Return every object so named: twins can exist."""
        ...

    def delete(self, object_id: ObjectId) -> None:
        """Remove for good; removing an absent object is fine."""
        ...

    def listing(self) -> Iterator[StoredObject]:
        """Yield each object once, lazily."""
        ...

    def room(self) -> Room:
        """Return used and total bytes; raises rather than guesses."""
        ...

    def close(self) -> None:
        """Release everything; use after it raises."""
        ...
