"""A cloud account in memory, with names that are not unique and ids made ahead, as Google's."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from balancecloud.clouds.hashes import sha256
from balancecloud.clouds.provider import (
    ChecksumKind,
    Identity,
    ObjectId,
    Room,
    Shard,
    ShardName,
    StoredObject,
    Traits,
)
from balancecloud.errors import (
    AccountFull,
    BadRange,
    DamagedInTransit,
    ObjectDiffers,
    ObjectMissing,
    Permanent,
    ProviderError,
    Unreachable,
)

TRAITS = Traits(
    reserves_ids=True,
    checksum=ChecksumKind.SHA256,
    listing_lag_seconds=0.0,
    requests_in_flight=4,
    largest_object_bytes=1 << 40,
)


@dataclass
class _Fault:
    error: ProviderError
    is_after: bool  # the effect happens, then the error is raised


@dataclass
class MemoryProvider:
    """Passes the provider suite; tests look at `objects` and plan faults with `fail_next`."""

    subject: str = "memory-1"
    total: int | None = 15 << 30
    objects: dict[ObjectId, tuple[ShardName, bytes]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    traits: Traits = TRAITS
    is_down: bool = False
    _faults: defaultdict[str, deque[_Fault]] = field(
        default_factory=lambda: defaultdict(deque), repr=False
    )
    _made: int = 0
    _is_closed: bool = False
    _damages_next: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def fail_next(self, method: str, error: ProviderError, times: int = 1) -> None:
        """Let the next calls of this method fail before they do anything."""
        self._faults[method].extend(_Fault(error, is_after=False) for _ in range(times))

    def stop_failing(self) -> None:
        """Forget the faults that nobody ran into."""
        self._faults.clear()

    def lose_next_answer(self, method: str) -> None:
        """Let the next call of this method do its work and then fail as if cut off."""
        self._faults[method].append(_Fault(Unreachable(), is_after=True))

    def damage_next_put(self) -> None:
        """Flip a bit of what arrives next."""
        self._damages_next = True

    def identity(self) -> Identity:
        with self._call("identity"):
            return Identity(self.subject, f"{self.subject}@example.com", "In Memory")

    def reserve(self, count: int) -> Sequence[ObjectId]:
        with self._call("reserve"):
            self._made += count
            return [
                ObjectId(f"{self.subject}-{number}")
                for number in range(self._made - count, self._made)
            ]

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        with self._call("put"):
            if shard.length > self.traits.largest_object_bytes:
                raise Permanent
            object_id = object_id or self._id_of_name(name, shard)
            if object_id in self.objects:
                stored = self._stored(object_id)
                if stored.checksum != shard.sha256 or stored.name != name:
                    raise ObjectDiffers
                return stored
            if self.total is not None and self._used() + shard.length > self.total:
                raise AccountFull
            if self._damages_next or sha256(shard.body) != shard.sha256:
                self._damages_next = False
                raise DamagedInTransit
            self.objects[object_id] = (name, bytes(shard.body))
            return self._stored(object_id)

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        with self._call("get"):
            _, content = self._there(object_id)
            if start < 0 or length < 0 or start + length > len(content):
                raise BadRange
            return content[start : start + length]

    def stat(self, object_id: ObjectId) -> StoredObject:
        with self._call("stat"):
            return self._stored(object_id)

    def find(self, name: ShardName) -> Sequence[StoredObject]:
        with self._call("find"):
            return [self._stored(key) for key, (known, _) in self.objects.items() if known == name]

    def delete(self, object_id: ObjectId) -> None:
        with self._call("delete"):
            self.objects.pop(object_id, None)

    def listing(self) -> Iterator[StoredObject]:
        with self._call("listing"):
            ids = list(self.objects)
        for object_id in ids:
            if object_id in self.objects:
                yield self._stored(object_id)

    def room(self) -> Room:
        with self._call("room"):
            return Room(self._used(), self.total)

    def close(self) -> None:
        self._is_closed = True

    @contextmanager
    def _call(self, method: str) -> Iterator[None]:
        """One call at a time, noted down, with the fault planned for it."""
        if self._is_closed:
            raise ValueError("this account is closed")
        with self._lock:
            self.calls.append(method)
            if self.is_down:
                raise Unreachable
            fault = self._faults[method].popleft() if self._faults[method] else None
            if fault is not None and not fault.is_after:
                raise fault.error
            yield
        if fault is not None:
            raise fault.error

    def _id_of_name(self, name: ShardName, shard: Shard) -> ObjectId:
        for key, (known, content) in self.objects.items():
            if known == name and sha256(content) == shard.sha256:
                return key
        return self.reserve(1)[0]

    def _there(self, object_id: ObjectId) -> tuple[ShardName, bytes]:
        if object_id not in self.objects:
            raise ObjectMissing
        return self.objects[object_id]

    def _stored(self, object_id: ObjectId) -> StoredObject:
        name, content = self._there(object_id)
        return StoredObject(object_id, name, len(content), sha256(content))

    def _used(self) -> int:
        return sum(len(content) for _, content in self.objects.values())
