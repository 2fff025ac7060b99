"""Threads that ask the accounts: a few per account, so that a stalled one holds up no other.

What is asked waits in its account's lane, small requests first: somebody waits for the first byte
of a seek, while the long ones feed a download that is under way. Threads end when idle for a
while, and none of them keeps a process from ending.
"""

import heapq
import itertools
import logging
import threading
import uuid
from collections.abc import Callable
from typing import Final

from balancecloud.storage.pace import FULL_BYTES

WIDTH: Final = 8  # at most, however small they are
SMALL_BYTES: Final = 512 << 10
IDLE_SECONDS: Final = 10.0

Task = Callable[[], None]

logger = logging.getLogger(__name__)


class Lane:
    """One account's queue and its threads."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._changed = threading.Condition()
        self._waiting: list[tuple[bool, int, int, Task]] = []
        self._numbers = itertools.count()
        self._threads = 0
        self._idle = 0
        self._under_way = 0

    def submit(self, task: Task, length: int) -> None:
        """Run the task in one of the lane's threads; it raises nothing."""
        with self._changed:
            heapq.heappush(self._waiting, (length > SMALL_BYTES, next(self._numbers), length, task))
            if self._idle >= len(self._waiting) or self._threads >= self._width:
                self._changed.notify()
                return
            self._threads += 1
        threading.Thread(target=self._run, name="read", daemon=True).start()

    def _run(self) -> None:
        while (found := self._next()) is not None:
            length, task = found
            try:
                task()
            except Exception as problem:  # noqa: BLE001 - a thread of all readings must live on
                logger.error("A read task met %s.", type(problem).__name__)  # noqa: TRY400
            with self._changed:
                self._under_way -= length
                self._changed.notify()

    def _next(self) -> tuple[int, Task] | None:
        """Return the next task; None when there was none for a while and the thread is to end."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(self._may_go, IDLE_SECONDS)
            self._idle -= 1
            if self._may_go():
                _, _, length, task = heapq.heappop(self._waiting)
                self._under_way += length
                return length, task
            self._threads -= 1
            return None

    def _may_go(self) -> bool:
        return bool(self._waiting) and self._under_way < FULL_BYTES


class Lanes:
    """The lanes of all accounts of a process."""

    def __init__(self, width: int = WIDTH) -> None:
        self._width = width
        self._lock = threading.Lock()
        self._lanes: dict[uuid.UUID, Lane] = {}

    def submit(self, account_id: uuid.UUID, task: Task, length: int) -> None:
        """Run the task, which moves so many bytes, in the account's lane."""
        with self._lock:
            lane = self._lanes.setdefault(account_id, Lane(self._width))
        lane.submit(task, length)
