"""The suite of the port for wrappers: each around an account in memory that can fail on the way."""

from typing import cast

from balancecloud.clouds.around import Around
from balancecloud.clouds.provider import Provider
from balancecloud.errors import DamagedInTransit, Throttled, Unreachable
from tests.clouds.provider_suite import FaultSuite
from tests.fakes.memory_provider import MemoryProvider


def memory_inside(provider: Provider) -> MemoryProvider:
    """Return the account in memory that lies inside all wrappers."""
    while isinstance(provider, Around):
        provider = provider._inner
    return cast("MemoryProvider", provider)


class WrapperSuite(FaultSuite):
    """Subclass it with a fixture `provider`, and name what is tested in `wrappers`."""

    wrappers: tuple[type[Around], ...] = ()
    attempts = 1  # how often the wrapper tries before its caller hears of a fault

    def lose_next_answer(self, provider: Provider) -> None:
        memory_inside(provider).lose_next_answer("put")

    def cut_next_put(self, provider: Provider) -> None:
        memory_inside(provider).fail_next("put", Unreachable(), self.attempts)

    def damage_next_put(self, provider: Provider) -> None:
        memory_inside(provider).fail_next("put", DamagedInTransit(), self.attempts)

    def fill_up(self, provider: Provider) -> None:
        memory_inside(provider).total = 0

    def throttle_next(self, provider: Provider, seconds: int) -> None:
        memory_inside(provider).fail_next("room", Throttled(retry_after=seconds))
