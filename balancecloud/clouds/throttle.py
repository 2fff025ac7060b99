"""A provider behind the gate of its account: see `gate.py`."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from balancecloud.clouds.around import Act, Around
from balancecloud.clouds.gate import Gate
from balancecloud.clouds.provider import Provider, StoredObject

T = TypeVar("T")


class Throttle(Around):
    """Lets every call through the account's gate, which learns from how it ends."""

    def __init__(self, inner: Provider, gate: Gate) -> None:
        super().__init__(inner)
        self._gate = gate

    def listing(self) -> Iterator[StoredObject]:
        """Yield each object once; every step passes the gate, and between steps no place is held.

        The gate may end a listing with `Throttled` or `Unreachable` like the provider itself.
        """
        steps = iter(self._inner.listing())
        is_first = True
        while True:
            # Most later steps come out of a page that is here already: no sign of the account.
            with self._gate.passing(is_counted=is_first):
                found = next(steps, None)
            if found is None:
                return
            is_first = False
            yield found

    def _pass(self, act: Act, call: Callable[[], T]) -> T:
        with self._gate.passing(is_creation=act is Act.MAKE):
            return call()
