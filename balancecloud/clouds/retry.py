"""A provider around one that asks again after what passes by itself.

    a cut connection, bytes damaged on the way     almost at once, then after growing back-off
    throttled, unavailable with a time             after that time, while the budget lasts
    a nonsensical answer                           like a cut connection
    our own gate held the call back                not here: it knows the time, the row waits
    full, refused, sign in again                   never: placement goes elsewhere, or a person acts
    missing, differing, out of range               never: the answer stays what it is

Every call of the port may be repeated: a put finds what an earlier one left, deleting what is gone
is fine, and ids that were reserved in vain cost nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from balancecloud.clock import Clock
from balancecloud.clouds.around import Act, Around
from balancecloud.clouds.provider import Provider, StoredObject
from balancecloud.errors import Temporary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a call is repeated before its error is handed on."""

    attempts: int = 4
    first_seconds: float = 1.0
    longest_seconds: float = 64.0
    total_seconds: float = 60.0  # beyond it the work's own row waits, and its worker is free


class Retry(Around):
    """Repeats calls that met a `Temporary`: after `retry_after`, else after a random back-off.

    No try begins once `total_seconds` have passed, or would have by the end of the pause before it;
    how long a single try may take is the provider's own deadline.
    """

    def __init__(
        self,
        inner: Provider,
        clock: Clock,
        jitter: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        super().__init__(inner)
        self._clock = clock
        self._jitter = jitter  # between 0 and 1
        self._patience = patience or Patience()

    def listing(self) -> Iterator[StoredObject]:
        """Yield each object once; an error ends it, and nothing is repeated.

        What was yielded cannot be taken back, and page marks die with their listing: whoever lists
        begins again, and knows by id what it has seen.
        """
        return super().listing()

    def _pass(self, act: Act, call: Callable[[], T]) -> T:  # noqa: ARG002 - all may be repeated
        started = self._clock.monotonic()
        for attempt in range(self._patience.attempts - 1):
            try:
                return call()
            except Temporary as error:
                if error.is_own:
                    raise
                pause = self._pause(attempt, error.retry_after)
                spent = self._clock.monotonic() - started
                if spent + pause > self._patience.total_seconds:
                    raise
                self._clock.sleep(pause)
        return call()

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        """Wait as told, or with full jitter, so that those who failed together part."""
        if retry_after is not None:
            return retry_after
        ceiling = min(self._patience.first_seconds * 2.0**attempt, self._patience.longest_seconds)
        return ceiling * self._jitter()
