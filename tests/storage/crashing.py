"""A process that is killed at its n-th step: a commit or a request, before it or after it."""

import threading
from collections.abc import Sequence

from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import ObjectId, Shard, ShardName, StoredObject
from tests.fakes.memory_provider import MemoryProvider


class Killed(Exception):
    """The process is dead: from here on every step raises this."""


class Doom:
    """Counts steps and kills at the one that is set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.taken = 0
        self._last: int | None = None

    def kill_at(self, step: int) -> None:
        self.taken, self._last = 0, step

    def revive(self) -> bool:
        """Start again; return whether it had been killed."""
        was_killed = self._last is not None and self.taken > self._last
        self._last = None
        return was_killed

    def step(self, *_: object) -> None:
        with self._lock:
            self.taken += 1
            if self._last is not None and self.taken > self._last:
                raise Killed

    def watch(self, sessions: sessionmaker[Session]) -> None:
        event.listen(sessions, "before_commit", self.step)
        event.listen(sessions, "after_commit", self.step)


class DoomedProvider(MemoryProvider):
    """An account whose process may die before and after each request."""

    doom = Doom()

    def reserve(self, count: int) -> Sequence[ObjectId]:
        self.doom.step()
        return super().reserve(count)

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        self.doom.step()
        stored = super().put(name, shard, object_id)
        self.doom.step()
        return stored

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        self.doom.step()
        return super().get(object_id, start, length)

    def delete(self, object_id: ObjectId) -> None:
        self.doom.step()
        super().delete(object_id)
        self.doom.step()


class Gate(MemoryProvider):
    """An account whose puts wait at a gate, after they took effect or before."""

    opened = threading.Event()
    arrived = threading.Event()
    waits_after = True

    def shut(self, *, waits_after: bool) -> None:
        self.opened, self.arrived = threading.Event(), threading.Event()
        self.waits_after = waits_after

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        if not self.waits_after:
            self._wait()
        stored = super().put(name, shard, object_id)
        if self.waits_after:
            self._wait()
        return stored

    def _wait(self) -> None:
        self.arrived.set()
        assert self.opened.wait(20)
