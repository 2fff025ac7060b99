"""What a chunk promises when nobody attacks it, and what it refuses to be made of."""

import hashlib

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from balancecloud.crypto import chunks
from balancecloud.crypto.padding import padme
from balancecloud.crypto.places import Place
from tests.crypto.refusals import refused
from tests.crypto.samples import (
    FILE,
    FILE_KEY,
    OTHER_USER_KEY,
    USER,
    USER_KEY,
    content,
    place,
    places,
)


@settings(deadline=None)
@given(where=places(), seed=st.integers(0, 255))
def test_what_is_sealed_opens(where: Place, seed: int) -> None:
    plaintext = bytes([seed]) * where.plain_len

    sealed = chunks.seal(where, FILE_KEY, USER_KEY, plaintext)
    salt = chunks.salt_of(sealed)

    assert len(sealed) == where.sealed_len
    assert chunks.open_whole(where, FILE_KEY, USER_KEY, salt, sealed) == plaintext
    assert chunks.scavenge([OTHER_USER_KEY, USER_KEY], sealed).plaintext == plaintext


@settings(deadline=None)
@given(where=places(), data=st.data())
def test_a_range_equals_the_slice(where: Place, data: st.DataObject) -> None:
    assume(where.plain_len)
    plaintext = content(where.plain_len)
    begin = data.draw(st.integers(0, where.plain_len - 1))
    end = data.draw(st.integers(begin + 1, where.plain_len))
    sealed = memoryview(chunks.seal(where, FILE_KEY, USER_KEY, plaintext))

    span = chunks.frame_span(where, begin, end)
    part = sealed[span.start : span.start + span.length]
    opened = chunks.SpanOpener.of(where, FILE_KEY, USER_KEY, chunks.salt_of(sealed)).open(
        span, part
    )

    assert opened == plaintext[begin:end]
    assert span.length <= end - begin + 2 * 256 + 16 * ((end - begin) // 256 + 2)


def test_sealing_again_makes_identical_bytes() -> None:
    once, again = (chunks.seal(place(900), FILE_KEY, USER_KEY, content(900)) for _ in range(2))

    assert once == again


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_kind_of_bytes_is_taken(kind: type) -> None:
    plaintext = content(600)
    sealed = chunks.seal(place(600), FILE_KEY, USER_KEY, kind(plaintext))

    opened = chunks.open_whole(
        place(600), FILE_KEY, USER_KEY, chunks.salt_of(sealed), kind(bytes(sealed))
    )

    assert opened == plaintext


def test_a_full_chunk_of_production_size_opens_whole_and_in_part() -> None:
    size = 10_485_760
    where = Place(USER, FILE, 3, 1, 2 * size, size, 16, pad=True)
    plaintext = content(size)
    sealed = memoryview(chunks.seal(where, FILE_KEY, USER_KEY, plaintext))
    salt = chunks.salt_of(sealed)
    span = chunks.frame_span(where, 5_000_001, 6_048_577)

    part = sealed[span.start : span.start + span.length]

    assert (
        chunks.SpanOpener.of(where, FILE_KEY, USER_KEY, salt).open(span, part)
        == (plaintext[5_000_001:6_048_577])
    )
    assert (
        hashlib.sha256(chunks.open_whole(where, FILE_KEY, USER_KEY, salt, sealed)).digest()
        == hashlib.sha256(plaintext).digest()
    )


@pytest.mark.parametrize(("begin", "end"), [(-1, 1), (0, 0), (5, 5), (6, 5), (0, 601), (600, 601)])
def test_a_range_outside_the_chunk_is_refused(begin: int, end: int) -> None:
    with refused("range"):
        chunks.frame_span(place(600), begin, end)


def test_an_empty_chunk_has_no_range() -> None:
    with refused("range"):
        chunks.frame_span(place(0), 0, 0)


def test_a_span_that_was_not_computed_for_this_place_is_refused() -> None:
    sealed = chunks.seal(place(600), FILE_KEY, USER_KEY, content(600))
    forged = chunks.Span(0, 300, 192, 544, first_frame=1)

    with refused("range"):
        chunks.SpanOpener.of(place(600), FILE_KEY, USER_KEY, chunks.salt_of(sealed)).open(
            forged, sealed[192 : 192 + 544]
        )


def test_plaintext_of_another_length_is_not_sealed() -> None:
    with refused("length"):
        chunks.seal(place(600), FILE_KEY, USER_KEY, content(599))


def test_a_place_of_another_user_is_not_sealed() -> None:
    with refused("context"):
        chunks.seal(place(600), FILE_KEY, OTHER_USER_KEY, content(600))


def test_a_file_key_of_another_length_is_not_used() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        chunks.seal(place(600), FILE_KEY[:-1], USER_KEY, content(600))


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33)])
def test_an_indexed_salt_of_another_length_is_refused(salt: bytes) -> None:
    sealed = chunks.seal(place(600), FILE_KEY, USER_KEY, content(600))
    span = chunks.frame_span(place(600), 0, 1)

    with refused("salt"):
        chunks.open_whole(place(600), FILE_KEY, USER_KEY, salt, sealed)
    with refused("salt"):
        chunks.SpanOpener.of(place(600), FILE_KEY, USER_KEY, salt).open(span, bytes(span.length))


@given(length=st.integers(0, 2**40))
def test_padme_adds_at_most_twelve_percent(length: int) -> None:
    padded = padme(length)

    assert length <= padded <= length * 1.12
    assert padme(padded) == padded


def test_c_25_a_sealed_length_depends_on_the_padded_length_only() -> None:
    lengths: dict[int, set[int]] = {}
    for size in range(1, 1025):
        lengths.setdefault(padme(size), set()).add(place(size).sealed_len)

    assert all(len(sealed) == 1 for sealed in lengths.values())
    assert len(lengths) < 150
