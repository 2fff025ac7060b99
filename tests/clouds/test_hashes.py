"""The checksums of the providers."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.clouds.hashes import checksum, quick_xor
from balancecloud.clouds.provider import ChecksumKind


def by_the_book(content: bytes) -> bytes:
    """Byte i at bit 11 * i of 160, wrapping; the length into the last 8 bytes."""
    bits = [0] * 160
    for index, byte in enumerate(content):
        for bit in range(8):
            bits[(11 * index + bit) % 160] ^= byte >> bit & 1
    register = sum(bit << place for place, bit in enumerate(bits))
    return (register ^ len(content) << 96).to_bytes(20, "little")


@given(st.binary(max_size=700))
def test_quick_xor_is_what_the_book_says(content: bytes) -> None:
    assert quick_xor(content) == by_the_book(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        (b"\x00", "AAAAAAAAAAAAAAAAAQAAAAAAAAA="),
        (b"\x01", "AQAAAAAAAAAAAAAAAQAAAAAAAAA="),
        (b"\x4a", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
        (b"\xb5\xb4", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
        (b"\xd2\x96\x4f", "0rDEEwAAAAAAAAAAAwAAAAAAAAA="),
    ],
)
def test_quick_xor_of_known_contents(content: bytes, expected: str) -> None:
    assert base64.b64encode(by_the_book(content)).decode() == expected
    assert base64.b64encode(quick_xor(content)).decode() == expected


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_kind_of_bytes_is_taken(kind: type[bytes]) -> None:
    assert quick_xor(kind(b"abc" * 100)) == by_the_book(b"abc" * 100)


def test_each_kind_of_checksum_is_known() -> None:
    assert checksum(ChecksumKind.SHA256, b"x") == hashlib.sha256(b"x").digest()
    assert checksum(ChecksumKind.QUICK_XOR, b"x") == quick_xor(b"x")
