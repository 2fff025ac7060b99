"""What an account may answer, and what every provider makes of it: waits, people, room, lags."""

from typing import Any

import pytest

from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.errors import (
    AccessRefused,
    DamagedInTransit,
    ObjectMissing,
    ProviderError,
    SignInAgain,
    Throttled,
    Unreachable,
)
from tests.clouds.provider_suite import FaultSuite, new_id, new_name, new_shard, store, stored_ids


class TroubleSuite(FaultSuite):
    """For every provider that is registered, and the fakes that stand in for one."""

    def busy_next(self, provider: Provider, seconds: int) -> None:
        """Let the service say once that it is busy, and for how long."""
        raise NotImplementedError

    def revoke(self, provider: Provider) -> None:
        """Take the grant back."""
        raise NotImplementedError

    def narrow(self, provider: Provider) -> None:
        """Let the grant live and allow nothing."""
        raise NotImplementedError

    def take_away(self, provider: Provider) -> None:
        """Let the whole account be away, with all that lies in it."""
        raise NotImplementedError

    def bring_back(self, provider: Provider) -> None:
        """Let it be there again."""
        raise NotImplementedError

    def remove_behind(self, provider: Provider, object_id: ObjectId) -> None:
        """Remove an object as its owner could, past the provider."""
        raise NotImplementedError

    def cut_next_get(self, provider: Provider) -> None:
        """Let the line break in the middle of the next content."""
        raise NotImplementedError

    def list_late(self, provider: Provider, seconds: float) -> None:
        """Let new objects be missing from listings for so long."""
        raise NotImplementedError

    def let_pass(self, provider: Provider, seconds: float) -> None:
        """Let time pass for whoever holds the objects."""
        raise NotImplementedError

    def settle(self, provider: Provider) -> None:
        """Let so much time pass for what stands around the account that failures are forgotten."""

    # 7: the listing and what lags behind

    def test_the_listing_is_complete_within_the_declared_lag(self, provider: Provider) -> None:
        lag = provider.traits.listing_lag_seconds
        if lag:
            self.list_late(provider, lag)
        shard = new_shard(100)
        name, stored = store(provider, shard)
        assert provider.get(stored.object_id, 0, 100) == shard.body  # by its id at once
        if lag:
            assert stored_ids(provider) == []
            self.let_pass(provider, lag)
        assert stored_ids(provider) == [stored.object_id]
        assert [found.object_id for found in provider.find(name)] == [stored.object_id]

    def test_f05_a_put_is_repeatable_while_listings_lag(self, provider: Provider) -> None:
        if provider.traits.listing_lag_seconds:
            self.list_late(provider, provider.traits.listing_lag_seconds)
        shard, name, object_id = new_shard(1000), new_name(), new_id(provider)
        first = provider.put(name, shard, object_id)
        try:
            provider.put(name, shard, object_id)
        except ProviderError as later:
            assert later.code in {"bad_reply", "unreachable"}  # noqa: PT017 - to be asked again
        self.let_pass(provider, provider.traits.listing_lag_seconds)
        assert provider.put(name, shard, object_id).object_id == first.object_id
        assert stored_ids(provider) == [first.object_id]

    # 9: waits, people, what is gone

    def test_f20_a_busy_service_says_how_long_to_wait(self, provider: Provider) -> None:
        self.busy_next(provider, 23)
        with pytest.raises(Unreachable) as caught:
            provider.room()
        assert caught.value.retry_after == (None if Throttled in self.never else 23)

    def test_f28_a_grant_that_was_taken_back_asks_for_the_person(self, provider: Provider) -> None:
        if SignInAgain in self.never:
            self.knows_nothing_of(provider, SignInAgain)
            return
        _, stored = store(provider, new_shard(10))
        self.revoke(provider)
        self.every_call_raises(provider, stored.object_id, SignInAgain)

    def test_a_grant_that_allows_too_little_says_so(self, provider: Provider) -> None:
        object_id = new_id(provider)
        self.narrow(provider)
        with pytest.raises(AccessRefused):
            provider.put(new_name(), new_shard(10), object_id)

    def test_f19_an_account_that_is_away_loses_nothing(self, provider: Provider) -> None:
        shard = new_shard(10)
        _, stored = store(provider, shard)
        self.take_away(provider)
        self.every_call_raises(provider, stored.object_id, Unreachable)
        self.bring_back(provider)
        self.settle(provider)
        assert provider.get(stored.object_id, 0, 10) == shard.body

    def test_f31_what_was_removed_behind_our_back_is_missing(self, provider: Provider) -> None:
        name, stored = store(provider, new_shard(10))
        self.remove_behind(provider, stored.object_id)
        with pytest.raises(ObjectMissing):
            provider.stat(stored.object_id)
        with pytest.raises(ObjectMissing):
            provider.get(stored.object_id, 0, 10)
        assert list(provider.find(name)) == []
        assert stored_ids(provider) == []

    # 8, 10: what comes otherwise than it was

    def test_the_put_after_a_damaged_one_succeeds(self, provider: Provider) -> None:
        shard, name = new_shard(1000), new_name()
        self.damage_next_put(provider)
        with pytest.raises(DamagedInTransit):
            provider.put(name, shard, new_id(provider))
        stored = provider.put(name, shard, new_id(provider))
        assert provider.get(stored.object_id, 0, 1000) == shard.body
        assert stored_ids(provider) == [stored.object_id]

    def test_a_connection_cut_while_reading_is_unreachable(self, provider: Provider) -> None:
        shard = new_shard(200_000)
        _, stored = store(provider, shard)
        self.cut_next_get(provider)
        with pytest.raises(Unreachable):
            provider.get(stored.object_id, 0, 200_000)
        assert provider.get(stored.object_id, 0, 200_000) == shard.body

    def every_call_raises(
        self, provider: Provider, object_id: ObjectId, error: type[ProviderError]
    ) -> None:
        calls: dict[str, Any] = {
            "stat": lambda: provider.stat(object_id),
            "get": lambda: provider.get(object_id, 0, 10),
            "find": lambda: list(provider.find(new_name())),
            "put": lambda: provider.put(new_name(), new_shard(10), ObjectId("y" * 32)),
            "delete": lambda: provider.delete(object_id),
            "listing": lambda: list(provider.listing()),
            "room": provider.room,
        }
        for name, call in calls.items():
            with pytest.raises(ProviderError) as caught:
                call()
            assert type(caught.value) is error, name
