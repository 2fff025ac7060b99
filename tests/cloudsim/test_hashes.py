"""quickXorHash against its definition, and against known answers."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudsim.hashes import QuickXor


def by_definition(content: bytes) -> str:
    """Byte i goes into a 160-bit register at bit 11 i mod 160, wrapping; then the length."""
    bits = [0] * 160
    for index, byte in enumerate(content):
        for bit in range(8):
            bits[(11 * index + bit) % 160] ^= byte >> bit & 1
    digest = bytearray(sum(bits[8 * place + bit] << bit for bit in range(8)) for place in range(20))
    for place, byte in enumerate(len(content).to_bytes(8, "little")):
        digest[12 + place] ^= byte
    return base64.b64encode(digest).decode()


def hash_of(*pieces: bytes) -> str:
    quick_xor = QuickXor()
    for piece in pieces:
        quick_xor.update(memoryview(piece))
    return quick_xor.base64()


def test_nothing_hashes_to_twenty_zeros() -> None:
    assert hash_of() == "AAAAAAAAAAAAAAAAAAAAAAAAAAA="


def test_one_byte_lies_at_the_start_and_the_length_near_the_end() -> None:
    expected = b"\x61" + bytes(11) + b"\x01" + bytes(7)
    assert hash_of(b"a") == base64.b64encode(expected).decode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"\x4a", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="), (b"\xb5\xb4", "taAFAAAAAAAAAAAAAgAAAAAAAAA=")],
)
def test_known_answers_come_out(content: bytes, expected: str) -> None:
    assert hash_of(content) == expected


@pytest.mark.parametrize("length", [159, 160, 161, 319, 320, 1000, 65_537])
def test_a_length_around_the_period_agrees_with_the_definition(length: int) -> None:
    content = bytes((index * 7 + index // 251) % 256 for index in range(length))
    assert hash_of(content) == by_definition(content)


@given(st.lists(st.binary(max_size=700), max_size=5))
@settings(deadline=None, max_examples=60)
def test_pieces_of_any_size_hash_like_the_whole(pieces: list[bytes]) -> None:
    assert hash_of(*pieces) == by_definition(b"".join(pieces))
