"""What an account's answers teach about its time, and when an answer is late by that measure.

A request takes the account's delay and the time its bytes need beside those that are under way
with it. Both are running averages; so is by how much answers were later than expected of them.
What waits for its turn in our own queue is not late by that: the account was not asked yet.
"""

import threading
import uuid
from dataclasses import dataclass
from math import inf
from typing import Final

# What is expected of an account that was never asked: hasty guesses cost needless requests.
FIRST_DELAY_SECONDS: Final = 0.5
FIRST_BYTES_PER_SECOND: Final = 4e6
FIRST_STRAY: Final = 0.5
# An answer is late at its expected time and so many times the usual stray, within these bounds.
STRAYS: Final = 4.0
LEAST_FACTOR: Final = 1.5
MOST_FACTOR: Final = 4.0
SPARE_SECONDS: Final = 0.05
LONGEST_PATIENCE_SECONDS: Final = 5.0
# More than this under way fills a link of 20 MB/s and 80 ms twice over. With more, the first of
# them, for which the reader waits, would only share the link with those it does not need yet.
FULL_BYTES: Final = 4 << 20
# Up to this much moved, the delay makes the time; beyond it, the link.
SHORT_BYTES: Final = 256 << 10
LEARNING: Final = 0.2
SHORTEST_SECONDS: Final = 1e-4


@dataclass(slots=True, eq=False)
class Sent:
    """A request that waits for its turn, or is under way since `at`."""

    length: int
    at: float = inf
    ahead: int = 0  # bytes under way as it began, its own included
    beside: int = 0  # those that began later, while it was under way
    expected: float = inf  # seconds, as it began
    patience: float = inf


class Pace:
    """One account's time, with `spare` seconds of patience in any case. Thread-safe."""

    def __init__(self, spare: float = SPARE_SECONDS) -> None:
        self._spare = spare
        self._lock = threading.Lock()
        self._delay = FIRST_DELAY_SECONDS
        self._bytes_per_second = FIRST_BYTES_PER_SECOND
        self._stray = FIRST_STRAY
        self._is_known = False
        self._under_way: set[Sent] = set()
        self._moving = 0  # bytes under way
        self._ahead = 0  # those and the bytes that wait

    def expected(self, length: int, now: float) -> tuple[bool, float]:
        """Return whether the account is late with something now, and the seconds of a request."""
        with self._lock:
            is_late = any(sent.at + sent.patience <= now for sent in self._under_way)
            return is_late, self._seconds(self._ahead + length)

    def send(self, length: int) -> Sent:
        """Note that a request is handed over and waits for its turn."""
        with self._lock:
            self._ahead += length
            return Sent(length)

    def begin(self, sent: Sent, now: float) -> None:
        """Note that the account is asked now."""
        with self._lock:
            self._moving += sent.length
            sent.at, sent.ahead = now, self._moving
            sent.expected = self._seconds(sent.ahead)
            sent.patience = self._patience(sent)
            for other in self._under_way:
                other.beside += sent.length
                other.patience = max(other.patience, self._patience(other))
            self._under_way.add(sent)

    def late_at(self, sent: Sent, times: float = 1.0) -> float:
        """Return when an answer is late, or so many times as late.

        One that waits for its turn is late as soon as all that are under way are.
        """
        with self._lock:
            waited_for = [sent] if sent in self._under_way else self._under_way
            return max((one.at + times * one.patience for one in waited_for), default=inf)

    def answered(self, sent: Sent, now: float) -> None:
        """Learn from an answer."""
        with self._lock:
            self._end(sent)
            took = max(now - sent.at, SHORTEST_SECONDS)
            if not self._is_known:
                # Nothing is known yet: the first answer is believed.
                self._is_known = True
                self._delay = min(self._delay, took)
            if sent.ahead <= SHORT_BYTES:
                self._delay += LEARNING * (took - self._delay)
            else:
                self._delay = min(self._delay, took)
                moved = sent.ahead / max(took - self._delay, 1e-3)
                self._bytes_per_second += LEARNING * (moved - self._bytes_per_second)
            stray = min(max(took / sent.expected - 1, 0.0), 1.0)
            self._stray += LEARNING * (stray - self._stray)

    def ended(self, sent: Sent) -> None:
        """Note that a request failed, or was never sent: it teaches nothing about time."""
        with self._lock:
            self._end(sent)

    def _end(self, sent: Sent) -> None:
        self._ahead -= sent.length
        if sent in self._under_way:
            self._under_way.discard(sent)
            self._moving -= sent.length

    def _patience(self, sent: Sent) -> float:
        """Return the seconds it may take: what is under way with it shares the link."""
        moved = max(sent.ahead, min(sent.ahead + sent.beside, FULL_BYTES))
        factor = min(max(1 + STRAYS * self._stray, LEAST_FACTOR), MOST_FACTOR)
        return min(self._seconds(moved) * factor, LONGEST_PATIENCE_SECONDS) + self._spare

    def _seconds(self, moved: int) -> float:
        return self._delay + moved / self._bytes_per_second


class Paces:
    """The paces of all accounts of a process, and what asking twice may cost in all.

    Each request earns a tenth of one that may be asked although another is only late, so that in
    fair weather at most a tenth more is asked.
    """

    SHARE: Final = 0.1
    MOST_SAVED: Final = 10.0

    def __init__(self, spare: float = SPARE_SECONDS) -> None:
        self._spare = spare
        self._lock = threading.Lock()
        self._paces: dict[uuid.UUID, Pace] = {}
        self._saved = self.MOST_SAVED / 2

    def of(self, account_id: uuid.UUID) -> Pace:
        """Return the account's pace."""
        with self._lock:
            return self._paces.setdefault(account_id, Pace(self._spare))

    def earn(self) -> None:
        """Note a request that had to be asked."""
        with self._lock:
            self._saved = min(self._saved + self.SHARE, self.MOST_SAVED)

    def spend(self, requests: int) -> bool:
        """Take so many requests more out of what is saved; False when there is not enough."""
        with self._lock:
            if self._saved < requests:
                return False
            self._saved -= requests
            return True
