"""Leaving an account alone that does not answer: a pure state machine over a clock's value.

closed -> open        so many calls in a row without an answer, within a while
open   -> half-open   its time is over: one call is let through, to see
half-open -> closed   it was answered
half-open -> open     it was not: for twice as long
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """When an account counts as not answering, and how long it is then left alone; seconds."""

    failures: int = 5
    within_seconds: float = 180.0  # five calls that each wait 30 s for an answer count
    first_seconds: float = 2.0
    longest_seconds: float = 45.0  # over by the time a silent account is looked at again
    # How soon to come back while the one call that was let through is under way.
    probing_seconds: float = 2.0


class Breaker:
    """Says whether a call may go out. `jitter` is between 0 and 1, so that processes part."""

    def __init__(self, jitter: Callable[[], float], patience: Patience | None = None) -> None:
        self._jitter = jitter
        self._patience = patience or Patience()
        self._failures: list[float] = []
        self._openings = 0
        self._open_until: float | None = None  # None: closed
        self._is_probing = False

    def rest(self, now: float) -> float:
        """Return the seconds until a call is let through; 0: one would be now."""
        if self._open_until is None:
            return 0.0
        if self._is_probing:
            return self._patience.probing_seconds
        return max(0.0, self._open_until - now)

    def begin(self) -> bool:
        """Note that a call goes out, as `rest` allowed; return whether it is the one to see."""
        self._is_probing = self._open_until is not None
        return self._is_probing

    def answered(self) -> None:
        """Note an answer, be it a refusal: the account is there."""
        self._failures.clear()
        self._openings = 0
        self._open_until = None
        self._is_probing = False

    def unanswered(self, now: float, *, was_probe: bool) -> None:
        """Note that a call got no answer; what was sent before the breaker opened adds nothing."""
        if was_probe:
            self._is_probing = False
        elif self._open_until is not None:
            return
        since = now - self._patience.within_seconds
        self._failures = [at for at in self._failures if at > since] + [now]
        if was_probe or len(self._failures) >= self._patience.failures:
            self._open(now)

    def given_up(self, *, was_probe: bool) -> None:
        """Note that a call ended without saying anything of the account."""
        if was_probe:
            self._is_probing = False

    def _open(self, now: float) -> None:
        """Open for a time that doubles, of which the jitter takes up to half."""
        seconds = min(
            self._patience.first_seconds * 2.0 ** min(self._openings, 30),
            self._patience.longest_seconds,
        )
        self._openings += 1
        self._failures.clear()
        self._open_until = now + seconds * (0.5 + self._jitter() / 2)
