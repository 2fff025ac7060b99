"""One lane per account: what waits for a slow one keeps no other waiting."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

# More at once than most providers bear; how many really go is for the account's gate to say.
WIDTH: Final = 8


class Lanes:
    """Runs what is to be sent, in the order of coming for each account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[uuid.UUID, ThreadPoolExecutor] = {}

    def send(self, account_id: uuid.UUID, step: Callable[[], None]) -> None:
        """Run a step on the account's lane; it is not to raise."""
        with self._lock:
            lane = self._lanes.get(account_id)
            if lane is None:
                lane = ThreadPoolExecutor(WIDTH, thread_name_prefix="lane")
                self._lanes[account_id] = lane
        lane.submit(step)

    def close(self) -> None:
        """Return once every step has ended."""
        for lane in self._lanes.values():
            lane.shutdown()
