"""The pause of one account: while it lasts, no request is sent to it by any thread.

A provider that throttles means the account, not the request. What it told this process and what
another process wrote into the account's row are kept apart: the row's pause may end early.
"""

import math
import threading
from collections.abc import Callable
from typing import Final

from balancecloud.clock import Clock
from balancecloud.errors import Temporary, Throttled, Unreachable

# A longer rest is not slept through: the work's row waits, and its worker is free.
PATIENCE_SECONDS: Final = 3.0
LEAST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 3600.0
# Where no time is told: from a second on, twice as long each time it is not enough.
LONGEST_UNTOLD_SECONDS: Final = 64.0


class Pause:
    """When the account may be asked again. Thread-safe."""

    def __init__(self, clock: Clock, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._jitter = jitter  # between 0 and 1
        self._lock = threading.Lock()
        self._told_until = float("-inf")
        self._row_until = float("-inf")
        self._asked_at = float("-inf")  # when the provider last asked for patience
        self._untold = 0
        self._kind: type[Temporary] = Throttled

    def rest(self) -> float:
        """Return the seconds it still lasts; 0 when it is over."""
        with self._lock:
            until = max(self._told_until, self._row_until)
            return max(0.0, until - self._clock.monotonic())

    def wait_out(self, until: float = math.inf) -> None:
        """Return when it is over; raise at once what remains of a long one, or beyond `until`."""
        while (rest := self.rest()) > 0:
            if rest > PATIENCE_SECONDS or self._clock.monotonic() + rest > until:
                raise self._kind(retry_after=rest, is_own=True)
            self._clock.sleep(rest)

    def told(self) -> Temporary | None:
        """Return as an error what this process was told to wait for, and the row may not know."""
        with self._lock:
            rest = self._told_until - self._clock.monotonic()
            lasts = rest > PATIENCE_SECONDS and self._told_until > self._row_until + LEAST_SECONDS
            return self._kind(retry_after=rest) if lasts else None

    def throttled(self, retry_after: float | None, sent_at: float) -> float:
        """Begin, or go on, as the provider asked; return the seconds until it is over."""
        return self._begin(Throttled, retry_after, sent_at)

    def unavailable(self, retry_after: float, sent_at: float) -> float:
        """Begin as a provider asked that cannot answer just now."""
        return self._begin(Unreachable, retry_after, sent_at)

    def succeeded(self, sent_at: float) -> None:
        """Note an answer to a request sent after the last complaint: patience was enough."""
        with self._lock:
            if sent_at >= self._asked_at:
                self._untold = 0

    def read_row(self, seconds: float) -> None:
        """Take over what the account's row says of its pause; 0: nothing, or no more."""
        with self._lock:
            self._row_until = self._clock.monotonic() + min(seconds, LONGEST_SECONDS)

    def _begin(self, kind: type[Temporary], retry_after: float | None, sent_at: float) -> float:
        with self._lock:
            now = self._clock.monotonic()
            seconds = self._seconds(retry_after, is_afresh=sent_at >= self._asked_at)
            if now + seconds > self._told_until:
                self._told_until, self._kind = now + seconds, kind
            self._asked_at = now
            return self._told_until - now

    def _seconds(self, retry_after: float | None, *, is_afresh: bool) -> float:
        """Return how long is asked for; complaints about one burst do not add up."""
        if retry_after is not None and not math.isnan(retry_after):
            return min(max(retry_after, LEAST_SECONDS), LONGEST_SECONDS)
        if is_afresh:
            self._untold += 1
        doubled = LEAST_SECONDS * 2.0 ** min(max(self._untold - 1, 0), 30)
        return min(doubled, LONGEST_UNTOLD_SECONDS) * (1 + self._jitter() / 2)
