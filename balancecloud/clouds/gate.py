"""The gate before one account, shared by all threads of a process.

A call passes when the account's pause is over, the breaker lets it through, a creation has its
turn, and fewer requests are under way than the account bears. It waits for that in the order of
coming, and never long: what would take more than a few seconds is refused at once with the time
it takes, so that shards go elsewhere, readers turn to another account and the work's row waits.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from balancecloud.clock import Clock
from balancecloud.clouds.breaker import Breaker
from balancecloud.clouds.limits import CreationRate, Learned, RequestLimit
from balancecloud.clouds.pause import PATIENCE_SECONDS, Pause
from balancecloud.errors import (
    BadReply,
    DamagedInTransit,
    ProviderError,
    Temporary,
    Throttled,
    Unreachable,
)

# For one of the account's places: a request may take a minute, so many calls get theirs by then.
PLACE_SECONDS: Final = 30.0
BUSY_SECONDS: Final = 1.0  # when to come again if there was none


@dataclass(frozen=True, slots=True)
class _Pass:
    """One call that was let through."""

    sent_at: float
    is_creation: bool
    is_probe: bool


class Gate:
    """Lets calls to one account through. Thread-safe; a call holds a place only while it runs."""

    def __init__(
        self, clock: Clock, pause: Pause, jitter: Callable[[], float], learned: Learned
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._requests = RequestLimit(learned.in_flight)
        self._creations = CreationRate(learned.creations_per_second)
        self._breaker = Breaker(jitter)
        self._in_flight = 0
        self._waiting: deque[threading.Event] = deque()

    @property
    def pause(self) -> Pause:
        """The account's pause."""
        return self._pause

    def learned(self) -> Learned:
        """Return what the account's answers taught so far."""
        with self._lock:
            return Learned(self._requests.limit, self._creations.per_second)

    @contextmanager
    def passing(self, *, is_creation: bool = False, is_counted: bool = True) -> Iterator[None]:
        """Wait for a place, run the body as one call, and learn from how it ends.

        Raises `Throttled` or `Unreachable` with `is_own` where the body is not to run just now. An
        error of the body leaves with the time after which to come again, where that is known. A
        success that is not `is_counted` says nothing of the account: nothing may have been sent.
        """
        passed = self._enter(is_creation=is_creation)
        try:
            yield
        except ProviderError as error:
            self._learn_from(passed, error)
            raise
        except BaseException:
            self._leave_without_word(passed)
            raise
        if is_counted:
            self._succeed(passed)
        else:
            self._leave_without_word(passed)

    # --- in -----------------------------------------------------------------------------------

    def _enter(self, *, is_creation: bool) -> _Pass:
        give_up_at = self._clock.monotonic() + PLACE_SECONDS
        self._wait_for_account(give_up_at)
        if is_creation:
            self._wait_for_turn()
        while True:
            self._wait_for_account(give_up_at)
            self._take_place(give_up_at)
            passed = self._try_pass(is_creation=is_creation)
            if passed is not None:
                return passed

    def _wait_for_account(self, give_up_at: float) -> None:
        with self._lock:
            rest = self._breaker.rest(self._clock.monotonic())
        if rest > 0:
            raise Unreachable(retry_after=rest, is_own=True)
        self._pause.wait_out(give_up_at)

    def _wait_for_turn(self) -> None:
        with self._lock:
            wait = self._creations.wait(self._clock.monotonic())
            if wait <= PATIENCE_SECONDS:
                wait = self._creations.take_turn(self._clock.monotonic())
        if wait > PATIENCE_SECONDS:
            raise Throttled(retry_after=wait, is_own=True)
        if wait > 0:
            self._clock.sleep(wait)

    def _take_place(self, give_up_at: float) -> None:
        """Wait in the order of coming; whoever leaves hands its place to the first."""
        with self._lock:
            if self._in_flight < self._requests.limit and not self._waiting:
                self._in_flight += 1
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait(max(0.0, give_up_at - self._clock.monotonic()))
        with self._lock:
            if mine.is_set():
                return
            self._waiting.remove(mine)
        raise Throttled(retry_after=BUSY_SECONDS, is_own=True)

    def _try_pass(self, *, is_creation: bool) -> _Pass | None:
        """Go, with a place in hand, or give it back when the account must not be asked now."""
        with self._lock:
            now = self._clock.monotonic()
            if self._pause.rest() > 0 or self._breaker.rest(now) > 0:
                self._give_place()
                return None
            return _Pass(now, is_creation, self._breaker.begin())

    # --- out ----------------------------------------------------------------------------------

    def _succeed(self, passed: _Pass) -> None:
        with self._lock:
            self._breaker.answered()
            self._requests.succeeded(was_full=self._in_flight >= self._requests.limit)
            if passed.is_creation:
                self._creations.succeeded()
            self._give_place()
        self._pause.succeeded(passed.sent_at)

    def _learn_from(self, passed: _Pass, error: ProviderError) -> None:
        """Learn from an error; one that passes leaves with the time after which to come again.

        What concerns one object, or needs a person, is an answer: the account is there.
        """
        with self._lock:
            now = self._clock.monotonic()
            match error:
                case Throttled(is_own=False) | Unreachable(is_own=False) | BadReply():
                    error.retry_after = self._complaint(passed, error, now)
                case Temporary() if not isinstance(error, DamagedInTransit):
                    self._breaker.given_up(was_probe=passed.is_probe)
                case _:
                    self._breaker.answered()
            self._give_place()

    def _complaint(
        self, passed: _Pass, error: Throttled | Unreachable | BadReply, now: float
    ) -> float | None:
        """Take note of a call that did not succeed; return when to come again."""
        if isinstance(error, Throttled):
            self._breaker.answered()
            self._requests.throttled(passed.sent_at, now)
            if passed.is_creation:
                self._creations.throttled(passed.sent_at, now)
            return self._pause.throttled(error.retry_after, passed.sent_at)
        self._breaker.unanswered(now, was_probe=passed.is_probe)
        rest = self._breaker.rest(now)
        if error.retry_after is not None:
            rest = max(rest, self._pause.unavailable(error.retry_after, passed.sent_at))
        return rest or None

    def _leave_without_word(self, passed: _Pass) -> None:
        with self._lock:
            self._breaker.given_up(was_probe=passed.is_probe)
            self._give_place()

    def _give_place(self) -> None:
        """Give a place back and hand out what is free, in the order of coming."""
        self._in_flight -= 1
        while self._waiting and self._in_flight < self._requests.limit:
            self._in_flight += 1
            self._waiting.popleft().set()
