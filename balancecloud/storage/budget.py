"""What a process may hold in memory while it stores, and what waits for each account."""

import threading
import uuid
from collections import Counter
from collections.abc import Collection

# Enough for one account to lag behind, with room for the others to go on beside it.
FAIR_SHARES = 1.25


class Budget:
    """Bytes that may be held at once; shared by everything a process stores. Thread-safe.

    What alone is larger than all of it goes when nothing else is held.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._held = 0
        self._most = 0
        self._changed = threading.Condition()
        self._waiting: Counter[uuid.UUID] = Counter()

    @property
    def most(self) -> int:
        """The most that was held at once."""
        return self._most

    def take(self, size: int, given_up: threading.Event) -> bool:
        """Wait until `size` more fits; False when that was given up meanwhile."""
        with self._changed:
            while self._held and self._held + size > self._total:
                if given_up.is_set():
                    return False
                self._changed.wait(0.1)
            self._held += size
            self._most = max(self._most, self._held)
        return True

    def give_back(self, size: int) -> None:
        """Let others have it."""
        with self._changed:
            self._held -= size
            self._changed.notify_all()

    def queue(self, account_id: uuid.UUID, size: int) -> None:
        """Note that so much more waits for an account, or so much less."""
        with self._changed:
            self._waiting[account_id] += size

    def behind(self, account_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Return the accounts for which more waits than their share: new packs go elsewhere."""
        share = FAIR_SHARES * self._total / max(2, len(account_ids))
        with self._changed:
            return {account for account in account_ids if self._waiting[account] > share}
