"""A provider around one that asks again after what passes by itself.

What a listing has already yielded is not taken back, so a listing is not repeated here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from balancecloud.clock import Clock
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
from balancecloud.errors import Temporary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a call is repeated before its error is handed on."""

    attempts: int = 4
    first_seconds: float = 1.0
    longest_seconds: float = 64.0
    total_seconds: float = 60.0  # beyond it the work's own row waits, and its worker is free


class Retry:
    """Repeats calls that met a `Temporary`: after `retry_after`, else after a random back-off."""

    def __init__(
        self,
        inner: Provider,
        clock: Clock,
        jitter: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._jitter = jitter  # between 0 and 1
        self._patience = patience or Patience()

    @property
    def traits(self) -> Traits:
        """What is true of the provider inside."""
        return self._inner.traits

    def identity(self) -> Identity:
        """Say whose account this is."""
        return self._repeat(self._inner.identity)

    def reserve(self, count: int) -> Sequence[ObjectId]:
        """Return ids for later puts."""
        return self._repeat(lambda: self._inner.reserve(count))

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        """Store it; a repeated put finds what an earlier one left."""
        return self._repeat(lambda: self._inner.put(name, shard, object_id))

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        """Return exactly that range."""
        return self._repeat(lambda: self._inner.get(object_id, start, length))

    def stat(self, object_id: ObjectId) -> StoredObject:
        """Return what the provider says of it."""
        return self._repeat(lambda: self._inner.stat(object_id))

    def find(self, name: ShardName) -> Sequence[StoredObject]:
        """Return every object so named."""
        return self._repeat(lambda: self._inner.find(name))

    def delete(self, object_id: ObjectId) -> None:
        """Remove for good."""
        self._repeat(lambda: self._inner.delete(object_id))

    def listing(self) -> Iterator[StoredObject]:
        """Yield each object once; an error ends it."""
        return self._inner.listing()

    def room(self) -> Room:
        """Return used and total bytes."""
        return self._repeat(self._inner.room)

    def close(self) -> None:
        """Close the provider inside."""
        self._inner.close()

    def _repeat(self, call: Callable[[], T]) -> T:
        started = self._clock.monotonic()
        for attempt in range(self._patience.attempts - 1):
            try:
                return call()
            except Temporary as error:
                pause = self._pause(attempt, error.retry_after)
                spent = self._clock.monotonic() - started
                if spent + pause > self._patience.total_seconds:
                    raise
                self._clock.sleep(pause)
        return call()

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        """Wait as told, or with full jitter, so that those who failed together part."""
        if retry_after is not None:
            return retry_after
        ceiling = min(self._patience.first_seconds * 2.0**attempt, self._patience.longest_seconds)
        return ceiling * self._jitter()
