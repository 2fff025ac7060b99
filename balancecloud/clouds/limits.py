"""What an account's answers teach: how many requests at once, how many creations a second.

Pure state machines over a clock's value; the gate that asks them holds the locks. Both add a little
while all goes well and take a good part away when the provider complains (AIMD), once for all the
requests of one burst, and come near the place of the last complaint with caution.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

MOST_IN_FLIGHT: Final = 16
# At the place of the last complaint growing takes so many times the successes it takes elsewhere:
# each visit beyond it costs a pause of a second or more for the whole account.
CAUTION: Final = 16

SLOWEST_PER_SECOND: Final = 0.5
# Beyond this no provider is known to mind, and pacing would cost more than it saves.
FASTEST_PER_SECOND: Final = 50.0
CUT: Final = 0.7
STEP: Final = 0.05  # of the rate
LEAST_STEP: Final = 0.05
STEP_SECONDS: Final = 5.0
CREATIONS_CAUTION: Final = 12
DOUBT_SECONDS: Final = 10.0
SEEN_SECONDS: Final = 2.0  # how far back the rate is counted when the first complaint comes


@dataclass(frozen=True, slots=True)
class Learned:
    """What a process knows of an account's limits, for the next one to start from."""

    in_flight: int
    creations_per_second: float | None  # None: no creation was ever complained of


class RequestLimit:
    """How many requests may be under way at once: from 1 to `MOST_IN_FLIGHT`."""

    def __init__(self, start: int) -> None:
        self._limit = min(max(start, 1), MOST_IN_FLIGHT)
        self._successes = 0
        self._cut_at = float("-inf")
        self._cut_from = MOST_IN_FLIGHT + 1

    @property
    def limit(self) -> int:
        """Requests that may be under way."""
        return self._limit

    def succeeded(self, *, was_full: bool) -> None:
        """Count an answer; only while the limit is what holds requests back does it grow."""
        if not was_full:
            return
        self._successes += 1
        is_near = self._limit + 1 >= self._cut_from
        if self._successes < self._limit * (CAUTION if is_near else 1):
            return
        self._successes = 0
        self._limit = min(self._limit + 1, MOST_IN_FLIGHT)
        if self._limit > self._cut_from:
            self._cut_from = MOST_IN_FLIGHT + 1

    def throttled(self, sent_at: float, now: float) -> None:
        """Halve, unless the request was sent before the last halving: then it is the same burst."""
        if sent_at < self._cut_at:
            return
        self._cut_at = now
        self._cut_from = self._limit
        self._successes = 0
        self._limit = max(self._limit // 2, 1)


class CreationRate:
    """How many objects a second may be made: any number, until the provider complains of one."""

    def __init__(self, per_second: float | None) -> None:
        self._rate = None if per_second is None else max(per_second, SLOWEST_PER_SECOND)
        self._next_at = float("-inf")
        self._recent: deque[float] = deque(maxlen=int(FASTEST_PER_SECOND * SEEN_SECONDS))
        self._cut_at = float("-inf")
        self._cut_from = self._rate or FASTEST_PER_SECOND
        self._successes = 0
        self._holds_back = False

    @property
    def per_second(self) -> float | None:
        """Creations a second; None: as many as come."""
        return self._rate

    def wait(self, now: float) -> float:
        """Return how many seconds a creation would have to wait for its turn."""
        return 0.0 if self._rate is None else max(0.0, self._next_at - now)

    def take_turn(self, now: float) -> float:
        """Take the next turn and return how many seconds from now it is."""
        wait = self.wait(now)
        self._recent.append(now + wait)
        if self._rate is not None:
            self._holds_back = self._holds_back or wait > 0
            self._next_at = now + wait + 1 / self._rate
        return wait

    def succeeded(self) -> None:
        """Count a creation; while the rate holds others back, it grows a little every so often."""
        if self._rate is None or not self._holds_back:
            return
        self._successes += 1
        step = max(LEAST_STEP, STEP * self._rate)
        is_near = self._rate + step >= self._cut_from
        wanted = self._rate * STEP_SECONDS * (CREATIONS_CAUTION if is_near else 1)
        if self._successes < wanted:
            return
        self._successes = 0
        self._holds_back = False
        self._rate += step
        if self._rate > self._cut_from + step:
            self._cut_from = FASTEST_PER_SECOND
        if self._rate > FASTEST_PER_SECOND:
            self._rate = None

    def throttled(self, sent_at: float, now: float) -> None:
        """Cut the rate, or find one to begin with; once for all that was sent before.

        A first complaint may be about too many at once, of which there are fewer now; only the
        next one soon after it is about the rate.
        """
        if sent_at < self._cut_at:
            return
        is_alone = now - self._cut_at > DOUBT_SECONDS
        if self._rate is None and is_alone:
            self._cut_at = now
            return
        before = self._rate if self._rate is not None else self._seen(now)
        self._cut_at = now
        self._cut_from = before
        self._successes = 0
        self._rate = max(before * CUT, SLOWEST_PER_SECOND)
        self._next_at = max(self._next_at, now + 1 / self._rate)

    def _seen(self, now: float) -> float:
        return sum(1 for at in self._recent if at > now - SEEN_SECONDS) / SEEN_SECONDS
