"""Uploads that did not end, kept so that the next try goes on where the last one broke off.

An upload session's address lets anybody write there: it shows in no `repr`, error or log.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from balancecloud.clock import Clock
from balancecloud.clouds.provider import ObjectId, ShardName
from balancecloud.errors import BadReply, DamagedInTransit, Permanent, Unreachable

# Google takes multiples of 262,144 B and Microsoft of 327,680 B; this is the least of both. At the
# deadlines of http.py a part gets through where a link has 9 KB/s.
PART_BYTES = 1_310_720
# As long as a silent line is borne with: a put lost after it may never end in one request.
SLOW_SECONDS = 30.0
REMEMBERED_SECONDS = 3600.0  # then one request is tried again: 284 s for 10 MiB at the worst


@dataclass(frozen=True, slots=True)
class KeptUpload:
    """An upload that did not end. Without an address it ran out of time before it had a session."""

    address: str | None = field(repr=False)
    object_id: ObjectId | None  # what the session will make, where ids are made ahead


class UploadSessions(Protocol):
    """Where one account's unfinished uploads are kept, by the name of their shard. Thread-safe."""

    def recall(self, name: ShardName) -> KeptUpload | None:
        """Return what is known of an earlier try; None when there was none, or it ended."""
        ...

    def keep(self, name: ShardName, upload: KeptUpload) -> None:
        """Remember a session, in place of an older one."""
        ...

    def note_slow(self, name: ShardName) -> None:
        """Remember that a put ran out of time; a session that is kept stays."""
        ...

    def forget(self, name: ShardName) -> None:
        """Remember nothing any more."""
        ...


class HeldUploadSessions:
    """In memory, for an account that has no row yet."""

    def __init__(self) -> None:
        self._held: dict[ShardName, KeptUpload] = {}
        self._lock = threading.Lock()

    def recall(self, name: ShardName) -> KeptUpload | None:
        """Return what this process knows of an earlier try."""
        with self._lock:
            return self._held.get(name)

    def keep(self, name: ShardName, upload: KeptUpload) -> None:
        """Remember a session."""
        with self._lock:
            self._held[name] = upload

    def note_slow(self, name: ShardName) -> None:
        """Remember that a put ran out of time."""
        with self._lock:
            self._held.setdefault(name, KeptUpload(None, None))

    def forget(self, name: ShardName) -> None:
        """Remember nothing any more."""
        with self._lock:
            self._held.pop(name, None)


class Link:
    """How slow the way to one account is, as long as this process lives."""

    def __init__(self, clock: Clock, slow_seconds: float) -> None:
        self._clock = clock
        self._slow_seconds = slow_seconds
        self._slow_until = float("-inf")
        self._noted: set[ShardName] = set()

    @property
    def is_slow(self) -> bool:
        """Say whether a put ran out of time not long ago, as the next one would."""
        return self._clock.monotonic() < self._slow_until

    def note_lost(self, started: float) -> bool:
        """Note a put that was lost; say whether it took long enough to be taken for slow."""
        now = self._clock.monotonic()
        # A line that is silent is left after half of this: what lasted longer was still moving.
        if now - started >= 2 * self._slow_seconds:
            self._slow_until = now + REMEMBERED_SECONDS
        return now - started >= self._slow_seconds

    def note(self, name: ShardName) -> None:
        """Note that something is kept of a shard's upload."""
        self._noted.add(name)

    def forget(self, name: ShardName) -> None:
        """Note that nothing is kept any more."""
        self._noted.discard(name)

    def has_noted(self, name: ShardName) -> bool:
        """Say whether this process kept something of a shard's upload."""
        return name in self._noted

    def now(self) -> float:
        """Return the time on the link's clock."""
        return self._clock.monotonic()


class Unfinished:
    """What one put knows of the tries before it, and leaves to those after it."""

    def __init__(
        self, sessions: UploadSessions, name: ShardName, link: Link, *, is_new: bool = False
    ) -> None:
        self._sessions = sessions
        self._name = name
        self._link = link
        # Nobody is asked about what only this process can have tried, and has not.
        is_first = is_new and not link.has_noted(name)
        self.before = None if is_first else sessions.recall(name)
        self._is_noted = self.before is not None

    @property
    def is_repeated(self) -> bool:
        """Say whether an earlier try broke off."""
        return self.before is not None

    @property
    def goes_in_parts(self) -> bool:
        """Say whether not to try one request: this shard's broke off, or the link is slow."""
        return self.is_repeated or self._link.is_slow

    def keep(self, address: str, object_id: ObjectId | None = None) -> None:
        """Remember a session before anything is sent to it."""
        self._note()
        self._sessions.keep(self._name, KeptUpload(address, object_id))

    def start_anew(self) -> None:
        """Drop the session; the next try begins another."""
        self.forget()
        self._note()
        self._sessions.note_slow(self._name)
        self.before = KeptUpload(None, None)

    def forget(self) -> None:
        """Leave nothing to a next try."""
        if self._is_noted:
            self._sessions.forget(self._name)
            self._link.forget(self._name)
            self._is_noted = False

    def _note(self) -> None:
        self._is_noted = True
        self._link.note(self._name)

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Run the put: keep what its end leaves to be continued, forget what it does not."""
        started = self._link.now()
        try:
            yield
        except (DamagedInTransit, BadReply):
            if self.is_repeated:
                self.start_anew()  # a session that brought nothing right is not asked again
            else:
                self.forget()
            raise
        except Unreachable:
            if self._link.note_lost(started):
                self._link.note(self._name)
                self._sessions.note_slow(self._name)
            raise
        except Permanent:
            self.forget()
            raise
        self.forget()
