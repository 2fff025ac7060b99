"""Erasure coding: lose any m pieces, lose nothing."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.storage import erasure
from balancecloud.storage.erasure import PieceSpan
from tests.crypto.refusals import refused

LAYOUTS = [(k, m) for k in range(1, 17) for m in range(3)]


def product(one: int, other: int) -> int:
    """Multiply over 0x11D bit by bit, as the format's page says and not as the code does."""
    result = 0
    for bit in range(8):
        if other >> bit & 1:
            result ^= one << bit
    for bit in range(14, 7, -1):
        if result >> bit & 1:
            result ^= 0x11D << (bit - 8)
    return result


def slow_parity(data: list[bytes]) -> list[bytes]:
    """P and Q, a byte at a time."""
    p, q, weight = bytearray(len(data[0])), bytearray(len(data[0])), 1
    for piece in data:
        for position, value in enumerate(piece):
            p[position] ^= value
            q[position] ^= product(weight, value)
        weight = product(weight, 2)
    return [bytes(p), bytes(q)]


@settings(deadline=None)
@given(k=st.integers(1, 16), m=st.integers(0, 2), pack=st.binary(min_size=16, max_size=600))
def test_parity_is_what_the_format_says(k: int, m: int, pack: bytes) -> None:
    pieces = [bytes(piece) for piece in erasure.encode(pack, k, m)]
    length = -(-len(pack) // k)

    assert {len(piece) for piece in pieces} == {length}
    assert b"".join(pieces[:k]) == pack + bytes(k * length - len(pack))
    expected = slow_parity(pieces[:k]) if k > 1 else [pieces[0], pieces[0]]
    assert pieces[k:] == expected[:m]


@settings(deadline=None)
@given(layout=st.sampled_from(LAYOUTS), pack=st.binary(min_size=208, max_size=900), data=st.data())
def test_losing_any_m_pieces_loses_nothing(
    layout: tuple[int, int], pack: bytes, data: st.DataObject
) -> None:
    k, m = layout
    pieces = dict(enumerate(erasure.encode(pack, k, m)))
    kept = data.draw(
        st.permutations(range(k + m)).map(lambda order: order[: max(k, len(order) - m)])
    )
    left = {index: pieces[index] for index in kept}

    found = erasure.decode(left, k, m, len(pieces[0]))

    assert erasure.join(found, len(pack)) == pack


@pytest.mark.parametrize(("k", "m"), LAYOUTS)
def test_every_choice_of_k_pieces_gives_the_pack_and_every_lost_piece(k: int, m: int) -> None:
    pack = bytes((37 * position + position // 251) % 256 for position in range(k * 5 - k // 2))
    pieces = dict(enumerate(erasure.encode(pack, k, m)))
    for chosen in combinations(range(k + m), k):
        left = {index: pieces[index] for index in chosen}
        assert erasure.join(erasure.decode(left, k, m, 5), len(pack)) == pack
        for lost in set(pieces) - set(chosen):
            assert erasure.rebuild(lost, left, k, m, 5) == pieces[lost]


@settings(deadline=None)
@given(data=st.data())
def test_the_same_column_of_other_pieces_gives_the_lost_column(data: st.DataObject) -> None:
    k, m = data.draw(st.sampled_from([(2, 1), (3, 2), (5, 2)]))
    pieces = dict(enumerate(erasure.encode(bytes(range(256)) * 3, k, m)))
    begin = data.draw(st.integers(0, len(pieces[0]) - 1))
    end = data.draw(st.integers(begin + 1, len(pieces[0])))
    lost = data.draw(st.integers(0, k - 1))
    columns = {index: piece[begin:end] for index, piece in pieces.items() if index != lost}

    assert erasure.decode(columns, k, m, end - begin)[lost] == pieces[lost][begin:end]


def test_pieces_longer_than_a_block_are_right() -> None:
    pack = bytes((position * position) % 253 for position in range(3 * 150_001))
    pieces = dict(enumerate(erasure.encode(pack, 3, 2)))
    slow = slow_parity([bytes(pieces[index]) for index in range(3)])

    assert [bytes(pieces[3]), bytes(pieces[4])] == slow
    left = {index: pieces[index] for index in (1, 3, 4)}
    assert erasure.join(erasure.decode(left, 3, 2, 150_001), len(pack)) == pack


def test_whole_data_pieces_are_not_copied() -> None:
    pack = bytearray(1000)
    pieces = erasure.encode(pack, 4, 1)

    pack[0], pack[999] = 1, 2

    assert (pieces[0][0], pieces[3][249]) == (1, 2)


def test_an_empty_column_decodes_to_nothing() -> None:
    assert erasure.decode({1: b"", 2: b""}, 2, 1, 0) == [b"", b""]


def test_fewer_than_k_pieces_are_refused() -> None:
    pieces = dict(enumerate(erasure.encode(bytes(300), 3, 2)))

    with refused("shards"):
        erasure.decode({0: pieces[0], 4: pieces[4]}, 3, 2, 100)
    with refused("shards"):
        erasure.rebuild(0, {1: pieces[1]}, 3, 2, 100)


@pytest.mark.parametrize("piece", [b"", bytes(99), bytes(101)])
def test_a_piece_of_another_length_is_refused(piece: bytes) -> None:
    with refused("length"):
        erasure.decode({0: bytes(100), 1: bytes(100), 2: piece}, 3, 1, 100)


@pytest.mark.parametrize("index", [-1, 4])
def test_a_piece_outside_the_layout_is_refused(index: int) -> None:
    with refused("context"):
        erasure.decode({0: bytes(9), 1: bytes(9), index: bytes(9)}, 3, 1, 9)
    with refused("context"):
        erasure.rebuild(index, {0: bytes(9), 1: bytes(9), 2: bytes(9)}, 3, 1, 9)


@pytest.mark.parametrize(("k", "m"), [(0, 1), (17, 0), (2, -1), (2, 3)])
def test_an_impossible_layout_is_refused(k: int, m: int) -> None:
    with refused("context"):
        erasure.encode(bytes(300), k, m)
    with refused("context"):
        erasure.decode({0: bytes(9)}, k, m, 9)


def test_bytes_after_the_pack_must_be_zero() -> None:
    assert erasure.join([b"abc", b"d\0\0"], 4) == b"abcd"

    with refused("padding"):
        erasure.join([b"abc", b"d\0x"], 4)
    with refused("length"):
        erasure.join([b"abc", b"def"], 7)


@settings(deadline=None)
@given(
    pack_length=st.integers(208, 5000),
    k=st.integers(1, 16),
    data=st.data(),
)
def test_the_spans_of_a_range_are_the_range(pack_length: int, k: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, pack_length - 1))
    length = data.draw(st.integers(1, pack_length - start))
    pack = bytes(position % 251 for position in range(pack_length))
    pieces = erasure.encode(pack, k, 0)

    found = erasure.spans(start, length, len(pieces[0]))

    read = [pieces[span.index][span.position : span.position + span.length] for span in found]
    assert b"".join(read) == pack[start : start + length]
    assert all(span.length > 0 for span in found)


def test_a_short_range_touches_one_piece() -> None:
    assert erasure.spans(250, 10, 100) == [PieceSpan(2, 50, 10)]
    assert erasure.spans(95, 10, 100) == [PieceSpan(0, 95, 5), PieceSpan(1, 0, 5)]
    assert erasure.spans(5, 0, 100) == []
