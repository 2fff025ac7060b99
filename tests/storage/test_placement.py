"""Placement: pure, one shard per failure domain, as wide as may be, every account equally full."""

import random
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.storage.placement import HEADROOM_BYTES, WIDEST, Candidate, NoPlace, Plan, plan

GIB = 1 << 30
CHUNK = 10_488_512
PACKS = 10_000


def account(
    total: int | None = 15 * GIB, used: int = 0, domain: str | None = None, provider: str = "a"
) -> Candidate:
    identity = uuid.uuid4()
    return Candidate(identity, domain or str(identity), provider, used, total)


candidates = st.builds(
    Candidate,
    id=st.uuids(version=4),
    domain=st.sampled_from("abcdef"),
    provider=st.sampled_from(["google_drive", "onedrive", "folder"]),
    used=st.integers(0, 30 * GIB),
    total=st.one_of(st.none(), st.integers(0, 30 * GIB)),
)
pools = st.lists(candidates, max_size=9, unique_by=lambda one: one.id)
lengths = st.integers(208, 16_777_216)


def planned(
    pack_id: uuid.UUID, length: int, protection: int, pool: Sequence[Candidate]
) -> Plan | None:
    try:
        return plan(pack_id, length, protection, pool)
    except NoPlace:
        return None


@given(pack_id=st.uuids(version=4), length=lengths, protection=st.integers(0, 2), pool=pools)
def test_a_plan_is_one_shard_per_domain_on_accounts_with_room(
    pack_id: uuid.UUID, length: int, protection: int, pool: list[Candidate]
) -> None:
    by_id = {one.id: one for one in pool}
    fitting = [one for one in pool if one.free >= length + HEADROOM_BYTES]
    domains = {one.domain for one in fitting}
    made = planned(pack_id, length, protection, pool)
    if made is None:
        assert len(domains) < protection + 1
        return
    chosen = [by_id[shard.account] for shard in made.shards]
    assert len({one.domain for one in chosen}) == len(chosen) == made.k + made.m
    assert all(one in fitting for one in chosen)
    assert made.m == protection
    assert 1 <= made.k <= WIDEST
    assert [shard.index for shard in made.shards] == list(range(made.k + made.m))
    assert all(shard.reason for shard in made.shards)


@given(pack_id=st.uuids(version=4), length=lengths, protection=st.integers(0, 2), pool=pools)
def test_the_same_input_gives_the_same_plan_in_any_order(
    pack_id: uuid.UUID, length: int, protection: int, pool: list[Candidate]
) -> None:
    assert planned(pack_id, length, protection, pool) == planned(
        pack_id, length, protection, pool[::-1]
    )


@pytest.mark.parametrize("protection", [0, 1, 2])
@pytest.mark.parametrize("count", range(1, 9))
def test_equal_accounts_take_the_widest_layout(count: int, protection: int) -> None:
    made = planned(uuid.uuid4(), CHUNK, protection, [account() for _ in range(count)])

    if count <= protection:
        assert made is None
    else:
        assert made is not None
        assert made.k == min(count - protection, WIDEST)


@cache
def fill(
    sizes: tuple[int, ...], protection: int = 1
) -> tuple[list[float], list[int], Counter[int]]:
    """Place packs until nothing fits; return used fractions, parity shards and the widths."""
    draw = random.Random(20261123)
    pool = [
        Candidate(uuid.UUID(int=draw.getrandbits(128)), str(n), f"provider {n % 3}", 0, size * GIB)
        for n, size in enumerate(sizes)
    ]
    at = {one.id: position for position, one in enumerate(pool)}
    parity = [0] * len(pool)
    widths: Counter[int] = Counter()
    for _ in range(PACKS):
        made = planned(uuid.UUID(int=draw.getrandbits(128), version=4), CHUNK, protection, pool)
        if made is None:
            break
        widths[made.k] += 1
        for shard in made.shards:
            position = at[shard.account]
            used = pool[position].used + -(-CHUNK // made.k) + 176
            pool[position] = replace(pool[position], used=used)
            parity[position] += shard.index >= made.k
    return [one.used / one.size for one in pool], parity, widths


EQUAL = (2, 3, 5, 8)
LEVELLED = {
    **{f"{count} equal": (15,) * count for count in EQUAL},
    "15 GB beside two of 1 TB": (15, 1000, 1000),
    "five of 15 GB, three of 100 GB": (15, 15, 15, 15, 15, 100, 100, 100),
    "three sizes": (15, 15, 100, 100, 50),
    "nearly half on one": (15, 15, 15, 40),
    "half on one": (150, 1000, 1000, 2000, 5),
}


@pytest.mark.parametrize("sizes", LEVELLED.values(), ids=LEVELLED.keys())
def test_ten_thousand_packs_leave_accounts_within_two_percent(sizes: tuple[int, ...]) -> None:
    fractions, _, _ = fill(sizes)

    assert max(fractions) - min(fractions) <= 0.02


def test_without_protection_15_gb_beside_1_tb_fill_evenly() -> None:
    fractions, _, _ = fill((15, 1000), protection=0)

    assert max(fractions) - min(fractions) <= 0.02


def test_where_levelling_is_impossible_the_small_accounts_are_filled_to_the_end() -> None:
    fractions, _, widths = fill((15, 1000))

    assert fractions[0] > 0.99
    assert set(widths) == {1}


@pytest.mark.parametrize("count", EQUAL)
def test_parity_rotates_over_equal_accounts(count: int) -> None:
    _, parity, _ = fill((15,) * count)

    assert max(parity) <= 1.25 * min(parity)


@pytest.mark.parametrize("count", EQUAL)
def test_equal_accounts_stay_wide_until_they_are_full(count: int) -> None:
    _, _, widths = fill((15,) * count)

    assert widths[min(count - 1, WIDEST)] > 0.99 * widths.total()


@given(pack_id=st.uuids(version=4), used=st.lists(st.integers(0, 1 << 50), min_size=3, max_size=6))
def test_unlimited_accounts_always_have_room(pack_id: uuid.UUID, used: list[int]) -> None:
    made = plan(pack_id, CHUNK, 1, [account(total=None, used=each) for each in used])

    assert len(made.shards) >= 2


def test_a_wide_layout_prefers_different_providers() -> None:
    pool = [account(provider="a") for _ in range(6)] + [account(provider=p) for p in "bcde"]
    providers = {one.id: one.provider for one in pool}
    made = plan(uuid.uuid4(), CHUNK, 1, pool)

    assert {providers[shard.account] for shard in made.shards} == set("abcde")


@pytest.mark.parametrize(
    "pool",
    [
        [],
        [account()],
        [account(domain="one"), account(domain="one")],
        [account(), account(used=15 * GIB)],
        [account(), account(total=CHUNK + HEADROOM_BYTES - 1)],
        [account(), account(total=0)],
    ],
    ids=["none", "one", "one domain", "one full", "a byte too little", "no space at all"],
)
def test_there_is_no_place_without_two_domains_that_have_room(pool: list[Candidate]) -> None:
    with pytest.raises(NoPlace):
        plan(uuid.uuid4(), CHUNK, 1, pool)


@settings(max_examples=200)
@given(pack_id=st.uuids(version=4), free=st.integers(0, 4 * CHUNK))
def test_no_shard_goes_where_it_does_not_fit(pack_id: uuid.UUID, free: int) -> None:
    small = account(used=15 * GIB - free)
    made = planned(pack_id, CHUNK, 1, [account(), account(), small])

    assert made is not None
    chosen = {shard.account for shard in made.shards}
    assert free >= CHUNK + HEADROOM_BYTES or small.id not in chosen
