"""The scripted fake: honest it keeps the port's promises, and it breaks them only as told."""

from typing import cast

import pytest

from balancecloud.clouds.hashes import sha256
from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    ObjectMissing,
    SignInAgain,
    Throttled,
    Unreachable,
)
from tests.clouds.provider_suite import new_id, new_name, new_shard, store, stored_ids
from tests.clouds.trouble_suite import TroubleSuite
from tests.fakes.faulty_provider import Corrupt, Fail, FaultyProvider, Lie, Sleep
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_provider import MemoryProvider

METHODS = ("stat", "get", "find", "put", "delete", "listing", "room")


class TestFaultyProvider(TroubleSuite):
    clock: ManualClock

    @pytest.fixture
    def provider(self) -> Provider:
        self.clock = ManualClock()
        return FaultyProvider(MemoryProvider(), self.clock, declared_lag_seconds=30.0)

    def faulty(self, provider: Provider) -> FaultyProvider:
        return cast("FaultyProvider", provider)

    def memory(self, provider: Provider) -> MemoryProvider:
        return cast("MemoryProvider", self.faulty(provider)._inner)

    def lose_next_answer(self, provider: Provider) -> None:
        self.faulty(provider).lose_answer("put")

    def cut_next_put(self, provider: Provider) -> None:
        self.faulty(provider).cut("put")

    def damage_next_put(self, provider: Provider) -> None:
        self.faulty(provider).script("put", Corrupt())

    def fill_up(self, provider: Provider) -> None:
        self.faulty(provider).script("put", Fail(AccountFull()))

    def throttle_next(self, provider: Provider, seconds: int) -> None:
        self.faulty(provider).script("room", Fail(Throttled(retry_after=seconds)))

    def busy_next(self, provider: Provider, seconds: int) -> None:
        self.faulty(provider).script("room", Fail(Unreachable(retry_after=seconds)))

    def revoke(self, provider: Provider) -> None:
        for method in METHODS:
            self.faulty(provider).script(method, Fail(SignInAgain()))

    def narrow(self, provider: Provider) -> None:
        self.faulty(provider).script("put", Fail(AccessRefused()))

    def take_away(self, provider: Provider) -> None:
        for method in METHODS:
            self.faulty(provider).cut(method)

    def bring_back(self, provider: Provider) -> None:
        assert not any(self.faulty(provider)._scripts.values())

    def remove_behind(self, provider: Provider, object_id: ObjectId) -> None:
        del self.memory(provider).objects[object_id]

    def cut_next_get(self, provider: Provider) -> None:
        self.faulty(provider).cut("get")

    def list_late(self, provider: Provider, seconds: float) -> None:
        self.faulty(provider).list_late(seconds)

    def let_pass(self, provider: Provider, seconds: float) -> None:
        self.clock.advance(seconds)


@pytest.fixture
def memory() -> MemoryProvider:
    return MemoryProvider()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def faulty(memory: MemoryProvider, clock: ManualClock) -> FaultyProvider:
    return FaultyProvider(memory, clock)


def test_a_call_fails_as_often_as_it_was_told_to(
    faulty: FaultyProvider, memory: MemoryProvider
) -> None:
    faulty.cut("put", times=2)
    for _ in range(2):
        with pytest.raises(Unreachable):
            store(faulty, new_shard(3))
    store(faulty, new_shard(3))
    assert len(memory.objects) == 1


def test_an_answer_is_lost_after_the_effect(faulty: FaultyProvider, memory: MemoryProvider) -> None:
    faulty.lose_answer("put")
    with pytest.raises(Unreachable):
        store(faulty, new_shard(3))
    assert len(memory.objects) == 1


def test_time_passes_before_the_effect(faulty: FaultyProvider, clock: ManualClock) -> None:
    faulty.script("room", Sleep(5.0))
    faulty.room()
    assert clock.slept == [5.0]


def test_content_comes_back_with_a_turned_bit(faulty: FaultyProvider) -> None:
    shard = new_shard(100)
    _, stored = store(faulty, shard)
    faulty.script("get", Corrupt())
    assert faulty.get(stored.object_id, 0, 100) != shard.body
    assert faulty.get(stored.object_id, 0, 100) == shard.body


def test_a_checksum_is_a_lie_for_one_call(faulty: FaultyProvider) -> None:
    shard = new_shard(100)
    _, stored = store(faulty, shard)
    faulty.script("stat", Lie())
    assert faulty.stat(stored.object_id).checksum != sha256(shard.body)
    assert faulty.stat(stored.object_id).checksum == sha256(shard.body)


def test_a_new_object_is_listed_late_and_there_by_its_id(
    faulty: FaultyProvider, clock: ManualClock
) -> None:
    faulty.list_late(7.0)
    name, stored = store(faulty, new_shard(3))
    assert (stored_ids(faulty), list(faulty.find(name))) == ([], [])
    assert faulty.stat(stored.object_id).name == name
    clock.advance(7.0)
    assert stored_ids(faulty) == [stored.object_id]


def test_an_account_is_rolled_back(faulty: FaultyProvider, memory: MemoryProvider) -> None:
    _, kept = store(faulty, new_shard(3))
    faulty.remember(memory)
    _, lost = store(faulty, new_shard(3))
    faulty.roll_back(memory)
    with pytest.raises(ObjectMissing):
        faulty.stat(lost.object_id)
    assert stored_ids(faulty) == [kept.object_id]


def test_scripts_are_of_their_method_only(faulty: FaultyProvider) -> None:
    faulty.cut("get")
    assert faulty.put(new_name(), new_shard(3), new_id(faulty)).length == 3
