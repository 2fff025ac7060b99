"""How many bytes the downloads of one process may hold, all of them together and each alone.

A download that holds nothing always gets a small piece, so that none waits for the others: a reader
who takes nothing keeps what was read ahead, and nobody else is stopped by that.
"""

import threading
from typing import Final, Self

# What is read ahead is counted by its sealed bytes. Beside them each download holds parts that are
# being opened and sent, and the threads that fetch for it: the more there are, the less is left.
# One alone needs more to fill four links of 20 MB/s: with 46 MiB it came to 0.86 to 0.89 of them,
# with 64 to 0.91 to 0.95.
TOTAL_BYTES: Final = 48 << 20
ALONE_BYTES: Final = 64 << 20
BESIDE_BYTES: Final = 3 << 19
LEAST_BYTES: Final = 256 << 10


class ReadBudget:
    """The bytes of one process. Thread-safe."""

    def __init__(
        self, total: int = TOTAL_BYTES, alone: int = ALONE_BYTES, beside: int = BESIDE_BYTES
    ) -> None:
        self._total = total
        self._alone = alone
        self._beside = beside
        self._lock = threading.Lock()
        self._seats = 0
        self._held = 0

    @property
    def held(self) -> int:
        """How many bytes all downloads hold now."""
        with self._lock:
            return self._held

    def seat(self) -> "Seat":
        """Return a download's part in it, to be used in a `with` block."""
        return Seat(self)

    def enter(self) -> None:
        """Count one more download."""
        with self._lock:
            self._seats += 1

    def leave(self, held: int) -> None:
        """Count one less, with what it still held."""
        with self._lock:
            self._seats -= 1
            self._held -= held

    def share(self) -> int:
        """Return how much one download may hold now."""
        with self._lock:
            return self._most() // max(1, self._seats)

    def take(self, length: int) -> bool:
        """Hold so many bytes more; False when that is too much."""
        with self._lock:
            if self._held + length > self._most():
                return False
            self._held += length
            return True

    def take_least(self, length: int) -> None:
        """Hold a small piece whatever the others hold."""
        with self._lock:
            self._held += length

    def give_back(self, length: int) -> None:
        """Hold so many bytes less."""
        with self._lock:
            self._held -= length

    def _most(self) -> int:
        if self._seats <= 1:
            return self._alone
        return max(self._total // 4, self._total - self._seats * self._beside)


class Seat:
    """One download's part in the budget. Not thread-safe: a download has one reader."""

    def __init__(self, budget: ReadBudget) -> None:
        self._budget = budget
        self.held = 0

    def __enter__(self) -> Self:
        self._budget.enter()
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.leave(self.held)

    @property
    def share(self) -> int:
        """How much this download may hold now."""
        return self._budget.share()

    def take(self, length: int) -> bool:
        """Hold so many bytes more; False when that is too much just now."""
        if self.held + length > self.share or not self._budget.take(length):
            return False
        self.held += length
        return True

    def take_least(self, length: int) -> None:
        """Hold a small piece, as nothing else is held."""
        self._budget.take_least(length)
        self.held += length

    def give_back(self, length: int) -> None:
        """Hold so many bytes less."""
        self._budget.give_back(length)
        self.held -= length
