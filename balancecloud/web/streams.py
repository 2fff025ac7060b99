"""How many event streams this process holds at once: each keeps one of its threads."""

import threading
import uuid
from collections import Counter
from typing import Final

# A quarter of the threads that gunicorn.conf.py gives a process; a test compares the two.
MOST_STREAMS: Final = 4
MOST_OF_A_PERSON: Final = 2


class Streams:
    """The streams of one process; `closing` is set when it is to end."""

    def __init__(self) -> None:
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._open: Counter[uuid.UUID] = Counter()

    def enter(self, person_id: uuid.UUID) -> bool:
        """Take a place; False when there is none, and the caller is to poll."""
        with self._lock:
            is_full = self._open.total() >= MOST_STREAMS
            if is_full or self._open[person_id] >= MOST_OF_A_PERSON or self.closing.is_set():
                return False
            self._open[person_id] += 1
            return True

    def leave(self, person_id: uuid.UUID) -> None:
        """Give the place back."""
        with self._lock:
            self._open[person_id] -= 1
            if not self._open[person_id]:
                del self._open[person_id]
