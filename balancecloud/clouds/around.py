"""What every wrapper has in common: it is a `Provider` around one, and each call goes one way.

A wrapper says in `_pass` what it does about a call, and in `listing` what it does about a lazy one.
"""

import enum
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from balancecloud.clouds.provider import (
    Identity,
    ObjectId,
    Provider,
    Room,
    Shard,
    ShardName,
    StoredObject,
    Traits,
)

T = TypeVar("T")


class Act(enum.Enum):
    """What is asked, where that makes a difference to how it is asked."""

    MAKE = "make"  # a new object comes to be
    OTHER = "other"


class Around:
    """A provider that hands every call to the one inside, by way of `_pass`."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    @property
    def traits(self) -> Traits:
        """What is true of the provider inside."""
        return self._inner.traits

    def identity(self) -> Identity:
        """Say whose account this is."""
        return self._pass(Act.OTHER, self._inner.identity)

    def reserve(self, count: int) -> Sequence[ObjectId]:
        """Return ids for later puts."""
        return self._pass(Act.OTHER, lambda: self._inner.reserve(count))

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        """Store it; a repeated put finds what an earlier one left."""
        return self._pass(Act.MAKE, lambda: self._inner.put(name, shard, object_id))

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        """Return exactly that range."""
        return self._pass(Act.OTHER, lambda: self._inner.get(object_id, start, length))

    def stat(self, object_id: ObjectId) -> StoredObject:
        """Return what the provider says of it."""
        return self._pass(Act.OTHER, lambda: self._inner.stat(object_id))

    def find(self, name: ShardName) -> Sequence[StoredObject]:
        """Return every object so named."""
        return self._pass(Act.OTHER, lambda: self._inner.find(name))

    def delete(self, object_id: ObjectId) -> None:
        """Remove for good."""
        self._pass(Act.OTHER, lambda: self._inner.delete(object_id))

    def listing(self) -> Iterator[StoredObject]:
        """Yield each object once, lazily."""
        return self._inner.listing()

    def room(self) -> Room:
        """Return used and total bytes."""
        return self._pass(Act.OTHER, self._inner.room)

    def close(self) -> None:
        """Close the provider inside."""
        self._inner.close()

    def _pass(self, act: Act, call: Callable[[], T]) -> T:
        """Make the call, in this wrapper's way."""
        raise NotImplementedError
