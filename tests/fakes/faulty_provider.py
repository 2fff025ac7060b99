"""A provider around one that fails, lies and forgets as it is told to, call by call.

Scripts are per method and are used up in order, one per call; with none left the call is honest.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

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
from balancecloud.errors import ProviderError, Unreachable

T = TypeVar("T")


@dataclass(frozen=True)
class Fail:
    """Raise: before anything is done, or after it was."""

    error: ProviderError
    is_after: bool = False


@dataclass(frozen=True)
class Sleep:
    """Let time pass first."""

    seconds: float


@dataclass(frozen=True)
class Corrupt:
    """Turn a bit: of what a put brings, or of what a get returns."""


@dataclass(frozen=True)
class Lie:
    """Tell another checksum than the object has."""


Script = Fail | Sleep | Corrupt | Lie


class Holder(Protocol):
    """What a provider in memory lets itself be done behind everybody's back."""

    objects: dict[ObjectId, tuple[ShardName, bytes]]


class FaultyProvider:
    """Passes the suite; `script` plans what the next calls of a method do."""

    def __init__(self, inner: Provider, clock: Clock, declared_lag_seconds: float = 0.0) -> None:
        self._inner = inner
        self._clock = clock
        self._declared_lag_seconds = declared_lag_seconds
        self._scripts: defaultdict[str, deque[Script]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._lag_seconds = 0.0
        self._appeared: dict[ObjectId, float] = {}
        self._remembered: dict[ObjectId, tuple[ShardName, bytes]] = {}

    def script(self, method: str, *scripts: Script) -> None:
        """Plan the next calls of this method, one script each."""
        with self._lock:
            self._scripts[method].extend(scripts)

    def cut(self, method: str, times: int = 1) -> None:
        """Break the line before the call's effect."""
        self.script(method, *[Fail(Unreachable())] * times)

    def lose_answer(self, method: str) -> None:
        """Break the line after the call's effect."""
        self.script(method, Fail(Unreachable(), is_after=True))

    def list_late(self, seconds: float) -> None:
        """Let new objects be missing from listings and names for so long; ids work at once."""
        self._lag_seconds = seconds

    def remember(self, holder: Holder) -> None:
        """Note the account's content, to be rolled back to."""
        self._remembered = dict(holder.objects)

    def roll_back(self, holder: Holder) -> None:
        """Let the account be as it was when it was noted."""
        holder.objects.clear()
        holder.objects.update(self._remembered)

    @property
    def traits(self) -> Traits:
        return replace(self._inner.traits, listing_lag_seconds=self._declared_lag_seconds)

    def identity(self) -> Identity:
        done = self._begin("identity")
        return done.with_answer(self._inner.identity())

    def reserve(self, count: int) -> Sequence[ObjectId]:
        done = self._begin("reserve")
        return done.with_answer(self._inner.reserve(count))

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        done = self._begin("put")
        if isinstance(done.script, Corrupt):
            shard = Shard(_turned(bytes(shard.body)), shard.sha256)
        stored = self._inner.put(name, shard, object_id)
        self._appeared.setdefault(stored.object_id, self._clock.monotonic())
        return done.with_answer(_told(stored, done.script))

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        done = self._begin("get")
        content = self._inner.get(object_id, start, length)
        return done.with_answer(_turned(content) if isinstance(done.script, Corrupt) else content)

    def stat(self, object_id: ObjectId) -> StoredObject:
        done = self._begin("stat")
        return done.with_answer(_told(self._inner.stat(object_id), done.script))

    def find(self, name: ShardName) -> Sequence[StoredObject]:
        done = self._begin("find")
        found = [one for one in self._inner.find(name) if self._is_listed(one)]
        return done.with_answer([_told(one, done.script) for one in found])

    def delete(self, object_id: ObjectId) -> None:
        done = self._begin("delete")
        self._inner.delete(object_id)
        done.with_answer(None)

    def listing(self) -> Iterator[StoredObject]:
        done = self._begin("listing")
        for one in self._inner.listing():
            if self._is_listed(one):
                yield _told(one, done.script)
        done.with_answer(None)

    def room(self) -> Room:
        done = self._begin("room")
        return done.with_answer(self._inner.room())

    def close(self) -> None:
        self._inner.close()

    def _begin(self, method: str) -> "_Call":
        with self._lock:
            scripts = self._scripts[method]
            script = scripts.popleft() if scripts else None
        if isinstance(script, Fail) and not script.is_after:
            raise script.error
        if isinstance(script, Sleep):
            self._clock.sleep(script.seconds)
        return _Call(script)

    def _is_listed(self, stored: StoredObject) -> bool:
        age = self._clock.monotonic() - self._appeared.get(stored.object_id, float("-inf"))
        return age >= self._lag_seconds


@dataclass(frozen=True)
class _Call:
    script: Script | None

    def with_answer(self, answer: T) -> T:
        """Hand the answer on, unless it is to be lost."""
        if isinstance(self.script, Fail):
            raise self.script.error
        return answer


def _turned(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:] if content else content


def _told(stored: StoredObject, script: Script | None) -> StoredObject:
    if not isinstance(script, Lie) or stored.checksum is None:
        return stored
    return replace(stored, checksum=_turned(stored.checksum))
