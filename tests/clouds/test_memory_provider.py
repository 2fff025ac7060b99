"""The in-memory fake keeps the port's promises."""

from typing import cast

import pytest

from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.errors import AccessRefused, SignInAgain, Throttled, Unreachable
from tests.clouds.trouble_suite import TroubleSuite
from tests.fakes.memory_provider import MemoryProvider


class TestMemoryProvider(TroubleSuite):
    @pytest.fixture
    def provider(self) -> Provider:
        return MemoryProvider()

    def memory(self, provider: Provider) -> MemoryProvider:
        return cast("MemoryProvider", provider)

    def lose_next_answer(self, provider: Provider) -> None:
        self.memory(provider).lose_next_answer("put")

    def cut_next_put(self, provider: Provider) -> None:
        self.memory(provider).fail_next("put", Unreachable())

    def damage_next_put(self, provider: Provider) -> None:
        self.memory(provider).damage_next_put()

    def fill_up(self, provider: Provider) -> None:
        self.memory(provider).total = 0

    def throttle_next(self, provider: Provider, seconds: int) -> None:
        self.memory(provider).fail_next("room", Throttled(retry_after=seconds))

    def busy_next(self, provider: Provider, seconds: int) -> None:
        self.memory(provider).fail_next("room", Unreachable(retry_after=seconds))

    def revoke(self, provider: Provider) -> None:
        for method in ("stat", "get", "find", "put", "delete", "listing", "room"):
            self.memory(provider).fail_next(method, SignInAgain())

    def narrow(self, provider: Provider) -> None:
        self.memory(provider).fail_next("put", AccessRefused())

    def take_away(self, provider: Provider) -> None:
        self.memory(provider).is_down = True

    def bring_back(self, provider: Provider) -> None:
        self.memory(provider).is_down = False

    def remove_behind(self, provider: Provider, object_id: ObjectId) -> None:
        del self.memory(provider).objects[object_id]

    def cut_next_get(self, provider: Provider) -> None:
        self.memory(provider).fail_next("get", Unreachable())

    def list_late(self, provider: Provider, seconds: float) -> None:
        raise AssertionError("nothing lags in memory")

    def let_pass(self, provider: Provider, seconds: float) -> None:
        assert seconds == 0
