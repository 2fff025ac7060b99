"""Pre-authenticated download addresses, kept in memory for their short life.

Such an address opens an object to whoever has it: it is never stored, logged or shown.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from balancecloud.clock import Clock
from balancecloud.clouds.provider import ObjectId

# They live minutes to an hour; one that died earlier is refused, and asked for anew.
SECONDS: Final = 240.0
MOST: Final = 4096  # some 4 MB


@dataclass(frozen=True, slots=True)
class _Address:
    url: str = field(repr=False)
    until: float


class DownloadAddresses:
    """The addresses of one account's objects that one process knows. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[ObjectId, _Address] = OrderedDict()

    def of(self, object_id: ObjectId) -> str | None:
        """Return an object's address while it may be used."""
        with self._lock:
            known = self._known.get(object_id)
        if known is None or known.until <= self._clock.monotonic():
            return None
        return known.url

    def keep(self, object_id: ObjectId, url: str) -> None:
        """Remember an address that has just been told."""
        address = _Address(url, self._clock.monotonic() + SECONDS)
        with self._lock:
            self._known.pop(object_id, None)
            self._known[object_id] = address
            if len(self._known) > MOST:
                self._known.popitem(last=False)

    def drop(self, object_id: ObjectId) -> None:
        """Forget an address that was refused."""
        with self._lock:
            self._known.pop(object_id, None)
