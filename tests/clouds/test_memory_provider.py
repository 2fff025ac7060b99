"""The in-memory fake keeps the port's promises."""

from typing import cast

import pytest

from balancecloud.clouds.provider import Provider
from balancecloud.errors import Throttled, Unreachable
from tests.clouds.provider_suite import FaultSuite
from tests.fakes.memory_provider import MemoryProvider


class TestMemoryProvider(FaultSuite):
    @pytest.fixture
    def provider(self) -> Provider:
        return MemoryProvider()

    def lose_next_answer(self, provider: Provider) -> None:
        cast("MemoryProvider", provider).lose_next_answer("put")

    def cut_next_put(self, provider: Provider) -> None:
        cast("MemoryProvider", provider).fail_next("put", Unreachable())

    def damage_next_put(self, provider: Provider) -> None:
        cast("MemoryProvider", provider).damage_next_put()

    def fill_up(self, provider: Provider) -> None:
        cast("MemoryProvider", provider).total = 0

    def throttle_next(self, provider: Provider, seconds: int) -> None:
        cast("MemoryProvider", provider).fail_next("room", Throttled(retry_after=seconds))
