"""What every provider promises. A subclass with a `provider` fixture is the whole test of one.

The promises are numbered as in the comments below. Those that need something to go wrong are in
`FaultSuite` (the way there: 4, 8 and room), `TroubleSuite` of trouble_suite.py (what an account
may answer, and when: 7, 9, 10) and `WireSuite` of wire_suite.py (what comes over HTTP: 7 to 13).
Every provider of the registry is held to all that can happen to it; see test_every_provider.py.
"""

import os
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import pytest

from balancecloud.clouds.hashes import checksum, sha256
from balancecloud.clouds.provider import ObjectId, Provider, Shard, ShardName, StoredObject
from balancecloud.errors import (
    AccountFull,
    BadRange,
    DamagedInTransit,
    ObjectDiffers,
    ObjectMissing,
    Permanent,
    ProviderError,
    Throttled,
    Unreachable,
)

T = TypeVar("T")

FULL_SHARD = 10_488_512  # a sealed chunk of 10 MiB, k = 1


def new_name() -> ShardName:
    """Return a name of the form that shards have: 32 characters of a-z2-7."""
    return ShardName("".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(32)))


def new_shard(length: int) -> Shard:
    body = os.urandom(length)
    return Shard(body, sha256(body))


def new_id(provider: Provider) -> ObjectId | None:
    return provider.reserve(1)[0] if provider.traits.reserves_ids else None


def store(
    provider: Provider, shard: Shard, name: ShardName | None = None
) -> tuple[ShardName, StoredObject]:
    name = name or new_name()
    return name, provider.put(name, shard, new_id(provider))


def stored_ids(provider: Provider) -> list[ObjectId]:
    return [stored.object_id for stored in provider.listing()]


class ProviderSuite:
    """Subclass it with a fixture `provider`: an account with an empty folder."""

    registered_as = ""  # the provider's name in the registry, where it has one

    # 1: what was put is read back

    @pytest.mark.parametrize("length", [0, 1, FULL_SHARD - 1, FULL_SHARD, FULL_SHARD + 1])
    def test_what_was_put_is_read_back(self, provider: Provider, length: int) -> None:
        shard = new_shard(length)
        _, stored = store(provider, shard)
        assert provider.get(stored.object_id, 0, length) == shard.body

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_every_kind_of_body_is_taken(
        self, provider: Provider, kind: Callable[[bytes], bytes | bytearray | memoryview]
    ) -> None:
        body = os.urandom(70_000)
        _, stored = store(provider, Shard(kind(body), sha256(body)))
        assert provider.get(stored.object_id, 0, len(body)) == body

    # 2: what is missing

    def test_a_missing_object_is_missing_to_every_call(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        provider.delete(stored.object_id)
        with pytest.raises(ObjectMissing):
            provider.stat(stored.object_id)
        with pytest.raises(ObjectMissing):
            provider.get(stored.object_id, 0, 1)
        with pytest.raises(ObjectMissing):
            provider.get(stored.object_id, 0, 0)

    def test_deleting_twice_is_fine(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        provider.delete(stored.object_id)
        provider.delete(stored.object_id)
        assert stored_ids(provider) == []

    def test_a_deleted_object_is_absent_everywhere(self, provider: Provider) -> None:
        name, stored = store(provider, new_shard(10))
        provider.delete(stored.object_id)
        assert list(provider.find(name)) == []
        assert stored_ids(provider) == []

    def test_an_id_of_nobody_is_missing(self, provider: Provider) -> None:
        with pytest.raises(ObjectMissing):
            provider.stat(ObjectId("x" * 32))

    # 3: once and never over

    def test_f05_the_same_put_twice_leaves_one_object(self, provider: Provider) -> None:
        shard, name, object_id = new_shard(1000), new_name(), new_id(provider)
        first = provider.put(name, shard, object_id)
        second = provider.put(name, shard, object_id)
        assert (first.object_id, stored_ids(provider)) == (second.object_id, [first.object_id])

    def test_f11_the_same_put_at_once_leaves_one_object(self, provider: Provider) -> None:
        shard, name, object_id = new_shard(1000), new_name(), new_id(provider)
        results = at_once(4, lambda: provider.put(name, shard, object_id))
        assert {result.object_id for result in results} == set(stored_ids(provider))
        assert len(stored_ids(provider)) == 1

    def test_other_bytes_are_refused_and_nothing_is_overwritten(self, provider: Provider) -> None:
        shard, name, object_id = new_shard(1000), new_name(), new_id(provider)
        stored = provider.put(name, shard, object_id)
        with pytest.raises(ObjectDiffers):
            provider.put(name, new_shard(1000), object_id)
        assert provider.get(stored.object_id, 0, 1000) == shard.body

    def test_other_bytes_of_another_length_are_refused(self, provider: Provider) -> None:
        shard, name, object_id = new_shard(1000), new_name(), new_id(provider)
        provider.put(name, shard, object_id)
        with pytest.raises(ObjectDiffers):
            provider.put(name, new_shard(1001), object_id)

    # 5: ids and names

    def test_reserved_ids_are_as_many_as_asked_and_used(self, provider: Provider) -> None:
        ids = provider.reserve(3)
        assert len(set(ids)) == (3 if provider.traits.reserves_ids else 0)
        for object_id in ids:
            assert provider.put(new_name(), new_shard(5), object_id).object_id == object_id

    def test_more_ids_are_reserved_than_one_request_gives(self, provider: Provider) -> None:
        expected = 1001 if provider.traits.reserves_ids else 0
        assert len(set(provider.reserve(1001))) == expected

    def test_find_returns_what_has_that_name_only(self, provider: Provider) -> None:
        name, stored = store(provider, new_shard(5))
        store(provider, new_shard(6))
        assert [found.object_id for found in provider.find(name)] == [stored.object_id]

    def test_find_sees_twins_where_names_are_not_unique(self, provider: Provider) -> None:
        if not provider.traits.reserves_ids:
            return  # a name is unique where it, and not an id made ahead, is the address
        name, first = store(provider, new_shard(5))
        _, second = store(provider, new_shard(5), name)
        assert {found.object_id for found in provider.find(name)} == {
            first.object_id,
            second.object_id,
        }

    def test_find_of_an_unknown_name_is_empty(self, provider: Provider) -> None:
        assert list(provider.find(new_name())) == []

    # 6: ranges

    @pytest.mark.parametrize(
        ("start", "length"), [(0, 1), (99, 1), (40, 20), (0, 100), (0, 0), (100, 0)]
    )
    def test_a_range_is_exactly_that_range(
        self, provider: Provider, start: int, length: int
    ) -> None:
        shard = new_shard(100)
        _, stored = store(provider, shard)
        assert provider.get(stored.object_id, start, length) == shard.body[start : start + length]

    @pytest.mark.parametrize(
        ("start", "length"), [(0, 101), (100, 1), (99, 2), (200, 1), (101, 0), (-1, 5), (5, -1)]
    )
    def test_a_range_outside_is_refused(self, provider: Provider, start: int, length: int) -> None:
        _, stored = store(provider, new_shard(100))
        with pytest.raises(BadRange):
            provider.get(stored.object_id, start, length)

    def test_a_byte_of_an_empty_object_is_outside(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(0))
        with pytest.raises(BadRange):
            provider.get(stored.object_id, 0, 1)

    # 7: listing

    def test_the_listing_of_an_empty_folder_is_empty(self, provider: Provider) -> None:
        assert stored_ids(provider) == []

    def test_the_listing_has_each_object_once(self, provider: Provider) -> None:
        stored = [store(provider, new_shard(3))[1] for _ in range(12)]
        assert sorted(stored_ids(provider)) == sorted(one.object_id for one in stored)

    def test_the_listing_tells_name_length_and_checksum(self, provider: Provider) -> None:
        shard = new_shard(1234)
        name, stored = store(provider, shard)
        expected = StoredObject(
            stored.object_id, name, 1234, checksum(provider.traits.checksum, shard.body)
        )
        assert list(provider.listing()) == [expected]

    def test_a_listing_can_be_stopped_early(self, provider: Provider) -> None:
        for _ in range(3):
            store(provider, new_shard(3))
        listing = provider.listing()
        first = next(listing)
        del listing
        assert first.object_id in stored_ids(provider)

    # 8: size and checksum

    @pytest.mark.parametrize("length", [0, 1, 159, 160, 161, 5000])
    def test_length_and_checksum_are_those_of_the_bytes(
        self, provider: Provider, length: int
    ) -> None:
        shard = new_shard(length)
        name, stored = store(provider, shard)
        told = provider.stat(stored.object_id)
        assert (told.name, told.length) == (name, length)
        assert told.checksum in {checksum(provider.traits.checksum, shard.body), None}
        assert told.checksum is not None or length == 0

    # 13: people, room, threads, traits, the end

    def test_the_identity_is_stable(self, provider: Provider) -> None:
        first = provider.identity()
        assert first.subject
        assert provider.identity() == first

    def test_room_knows_what_is_used(self, provider: Provider) -> None:
        room = provider.room()
        assert room.used >= 0
        assert room.total is None or room.total >= room.used

    def test_threads_do_not_disturb_each_other(self, provider: Provider) -> None:
        def journey() -> bool:
            shard = new_shard(30_000)
            _, stored = store(provider, shard)
            return provider.get(stored.object_id, 10_000, 10_000) == shard.body[10_000:20_000]

        assert at_once(6, journey) == [True] * 6

    def test_a_closed_account_is_of_no_more_use(self, provider: Provider) -> None:
        provider.close()
        with pytest.raises(ValueError, match="closed"):
            provider.stat(ObjectId("x" * 32))
        with pytest.raises(ValueError, match="closed"):
            provider.put(new_name(), new_shard(1), None)

    def test_as_many_requests_as_the_trait_says_may_be_in_flight(self, provider: Provider) -> None:
        assert provider.traits.requests_in_flight >= 1
        _, stored = store(provider, new_shard(100))
        read = at_once(
            provider.traits.requests_in_flight, lambda: provider.get(stored.object_id, 10, 50)
        )
        assert len(set(read)) == 1

    def test_an_object_larger_than_the_trait_says_is_refused(self, provider: Provider) -> None:
        largest = provider.traits.largest_object_bytes
        assert largest >= FULL_SHARD + 1
        too_large = cast("bytes", range(largest + 1))  # as long as that, without its bytes
        with pytest.raises(Permanent):
            provider.put(new_name(), Shard(too_large, bytes(32)), new_id(provider))
        assert stored_ids(provider) == []


class FaultSuite(ProviderSuite):
    """For providers whose way there can be made to fail."""

    # Errors that this provider never has occasion to raise; its module does not know them either.
    never: frozenset[type[ProviderError]] = frozenset()

    def lose_next_answer(self, provider: Provider) -> None:
        """Let the next put be stored and its answer be lost."""
        raise NotImplementedError

    def cut_next_put(self, provider: Provider) -> None:
        """Let the next put break before anything is stored."""
        raise NotImplementedError

    def damage_next_put(self, provider: Provider) -> None:
        """Let other bytes than were sent arrive with the next put."""
        raise NotImplementedError

    def fill_up(self, provider: Provider) -> None:
        """Leave no room in the account."""
        raise NotImplementedError

    def throttle_next(self, provider: Provider, seconds: int) -> None:
        """Answer the next request with 429 and Retry-After."""
        raise NotImplementedError

    # 4: all or nothing

    def test_f06_a_put_whose_answer_is_lost_leaves_one_object(self, provider: Provider) -> None:
        shard, name, object_id = new_shard(1000), new_name(), new_id(provider)
        self.lose_next_answer(provider)
        stored = _put_until_it_works(provider, name, shard, object_id)
        assert stored_ids(provider) == [stored.object_id]

    def test_f06_a_put_that_was_cut_leaves_nothing(self, provider: Provider) -> None:
        shard, name, object_id = new_shard(1000), new_name(), new_id(provider)
        self.cut_next_put(provider)
        with pytest.raises(Unreachable):
            provider.put(name, shard, object_id)
        assert stored_ids(provider) == []

    def test_f06_the_put_after_a_cut_one_succeeds(self, provider: Provider) -> None:
        shard, name, object_id = new_shard(1000), new_name(), new_id(provider)
        self.cut_next_put(provider)
        stored = _put_until_it_works(provider, name, shard, object_id)
        assert provider.get(stored.object_id, 0, 1000) == shard.body

    # 8, 9

    def test_a_damaged_upload_is_noticed_and_removed(self, provider: Provider) -> None:
        self.damage_next_put(provider)
        with pytest.raises(DamagedInTransit):
            provider.put(new_name(), new_shard(1000), new_id(provider))
        assert stored_ids(provider) == []

    def test_an_account_without_room_is_full(self, provider: Provider) -> None:
        object_id = new_id(provider)
        self.fill_up(provider)
        with pytest.raises(AccountFull):
            provider.put(new_name(), new_shard(1000), object_id)

    def test_f20_throttling_says_how_long_to_wait(self, provider: Provider) -> None:
        if Throttled in self.never:
            return self.knows_nothing_of(provider, Throttled)
        self.throttle_next(provider, 17)
        with pytest.raises(Throttled) as caught:
            provider.room()
        assert caught.value.retry_after == 17
        return None

    def knows_nothing_of(self, provider: Provider, error: type[ProviderError]) -> None:
        """Check that the provider's own module cannot raise the error."""
        assert not hasattr(sys.modules[type(provider).__module__], error.__name__)


def _put_until_it_works(
    provider: Provider, name: ShardName, shard: Shard, object_id: ObjectId | None
) -> StoredObject:
    try:
        return provider.put(name, shard, object_id)
    except Unreachable:
        return provider.put(name, shard, object_id)


def at_once(count: int, call: Callable[[], T]) -> Sequence[T]:
    """Run the call in as many threads, started together; raise the first error of any."""
    barrier = threading.Barrier(count)

    def run() -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(run) for _ in range(count)]
        return [future.result() for future in futures]
