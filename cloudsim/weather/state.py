"""What the weather remembers of one account: its conditions, its limits, its counts."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from cloudsim.conditions import FAIR, Conditions
from cloudsim.weather.marks import Gauge
from cloudsim.wire.delivery import Bucket, Pause

_DAY_S = 86_400.0
_TOLERANCE_S = 1e-4  # sums of seconds since 1970 are no more exact than that


@dataclass(frozen=True)
class Standing:
    """Conditions, since when they stand, and what a person calls them."""

    conditions: Conditions = FAIR
    since: float = 0.0
    label: str = ""


class Rate:
    """Says whether one more fits into so many a second; a second's worth may come at once."""

    def __init__(self) -> None:
        self._spent_until = 0.0
        self._guard = threading.Lock()

    def allows(self, per_second: float, now: float) -> bool:
        """Count one more if it fits."""
        if per_second <= 0:
            return False
        with self._guard:
            burst_s = max(1.0, 1 / per_second)
            begin = max(self._spent_until, now - burst_s)
            if begin + 1 / per_second > now + _TOLERANCE_S:
                return False
            self._spent_until = begin + 1 / per_second
            return True


class AccountState:
    """One account under the weather; safe for many threads."""

    def __init__(self, now: Callable[[], float], pause: Pause) -> None:
        self.standing = Standing()
        self.up = Bucket(now, pause)
        self.down = Bucket(now, pause)
        self.requests = Rate()
        self.creations = Rate()
        self.gauge = Gauge()
        self.turn = threading.Event()  # set when these conditions end
        self._guard = threading.Lock()
        self._number = 0
        self._retry_after_s = 0.0
        self._day_began = 0.0
        self._uploaded = 0

    def stand(self, standing: Standing) -> None:
        """Take on other conditions; who waits because of the old ones goes on."""
        self.standing = standing
        self.up.bytes_s = standing.conditions.up_bytes_s
        self.down.bytes_s = standing.conditions.down_bytes_s
        self._retry_after_s = 0.0
        self.turn.set()
        self.turn = threading.Event()

    def next_number(self) -> int:
        """Count the account's requests, for what is drawn by the seed."""
        with self._guard:
            self._number += 1
            return self._number

    def retry_after(self, first_s: float, *, grows: bool) -> float:
        """Give the seconds to wait; doubled for each that came too early, if it grows."""
        with self._guard:
            self._retry_after_s = min(3600.0, self._retry_after_s * 2) if grows else 0.0
            self._retry_after_s = max(first_s, self._retry_after_s)
            return self._retry_after_s

    def note_uploaded(self, count: int, now: float) -> None:
        with self._guard:
            if now - self._day_began >= _DAY_S:
                self._day_began, self._uploaded = now, 0
            self._uploaded += count

    def uploaded_today(self, now: float) -> int:
        with self._guard:
            return 0 if now - self._day_began >= _DAY_S else self._uploaded

    def day_ends(self) -> float:
        with self._guard:
            return self._day_began + _DAY_S
