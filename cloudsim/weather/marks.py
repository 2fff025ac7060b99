"""High-water marks: how much a client asked of an account at once, so that tests can judge it."""

import threading
from collections import deque
from dataclasses import dataclass

_WINDOW_S = 1.0


@dataclass(frozen=True)
class Marks:
    """What was the most, and how often a wait was not kept."""

    requests: int
    creations: int
    most_in_flight: int
    most_requests_in_a_second: int
    most_creations_in_a_second: int
    too_early: int  # requests that came before a Retry-After told to the account was over


class Gauge:
    """Counts one account's requests as they come and go."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._arrivals = _Window()
        self._creations = _Window()
        self._in_flight = 0
        self._most_in_flight = 0
        self._wait_until = 0.0
        self._too_early = 0

    def arrive(self, now: float, *, creates: bool) -> tuple[int, bool]:
        """Count a request in; gives how many are in flight now, and whether it came too early."""
        with self._guard:
            self._in_flight += 1
            self._most_in_flight = max(self._most_in_flight, self._in_flight)
            self._arrivals.add(now)
            if creates:
                self._creations.add(now)
            is_early = now < self._wait_until
            self._too_early += is_early
            return self._in_flight, is_early

    def leave(self) -> None:
        with self._guard:
            self._in_flight -= 1

    def wait_until(self, moment: float) -> None:
        """Note until when the account was told to wait."""
        with self._guard:
            self._wait_until = max(self._wait_until, moment)

    def read(self) -> Marks:
        with self._guard:
            return Marks(
                self._arrivals.total, self._creations.total, self._most_in_flight,
                self._arrivals.most, self._creations.most, self._too_early,
            )  # fmt: skip

    def forget(self) -> None:
        """Start the marks anew; what is in flight stays counted."""
        with self._guard:
            self._arrivals, self._creations = _Window(), _Window()
            self._most_in_flight = self._in_flight
            self._too_early = 0
            self._wait_until = 0.0


class _Window:
    """How many moments at most fell within any one second."""

    def __init__(self) -> None:
        self.total = 0
        self.most = 0
        self._recent: deque[float] = deque()

    def add(self, now: float) -> None:
        self.total += 1
        self._recent.append(now)
        while self._recent[0] <= now - _WINDOW_S:
            self._recent.popleft()
        self.most = max(self.most, len(self._recent))
