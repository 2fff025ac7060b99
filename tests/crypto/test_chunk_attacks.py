"""The attacks of docs/threat-model.md on one chunk."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings

from balancecloud.crypto import chunks
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.padding import padme
from balancecloud.crypto.places import Place
from balancecloud.crypto.primitives import hkdf
from tests.crypto.refusals import refused
from tests.crypto.samples import (
    FILE_KEY,
    NEXT_USER_KEY,
    OTHER_FILE,
    OTHER_FILE_KEY,
    OTHER_USER,
    OTHER_USER_KEY,
    USER_KEY,
    content,
    place,
    places,
)

PLACE = place(600)
PLAINTEXT = content(600)
SEALED = bytes(chunks.seal(PLACE, FILE_KEY, USER_KEY, PLAINTEXT))
SALT = chunks.salt_of(SEALED)
FIELDS = [0, 4, 5, 6, 7, 8, 12, 16, 48, 80, 96, 192]
ANY_CAUSE = (
    *("magic", "type", "suite", "flags", "frame size", "length", "keyid"),
    *("salt", "commitment", "label", "header", "frame", "padding", "context"),
)


def open_it(sealed: bytes | bytearray, where: Place = PLACE, salt: bytes = SALT) -> bytes:
    return chunks.open_whole(where, FILE_KEY, USER_KEY, salt, sealed)


def with_byte(offset: int, value: int) -> bytes:
    changed = bytearray(SEALED)
    changed[offset] = value
    return bytes(changed)


@pytest.mark.parametrize("bit", range(8))
def test_c_07_each_flipped_bit_is_refused(bit: int) -> None:
    for offset in range(len(SEALED)):
        changed = with_byte(offset, SEALED[offset] ^ (1 << bit))
        with refused(*ANY_CAUSE):
            open_it(changed)
        with refused(*ANY_CAUSE):
            chunks.scavenge([USER_KEY], changed)


def test_c_07_each_flipped_byte_of_a_range_is_refused() -> None:
    span = chunks.frame_span(PLACE, 300, 301)
    part = bytearray(SEALED[span.start : span.start + span.length])
    for offset in range(len(part)):
        part[offset] ^= 255
        with refused("frame"):
            chunks.SpanOpener.of(PLACE, FILE_KEY, USER_KEY, SALT).open(span, part)
        part[offset] ^= 255

    assert (
        chunks.SpanOpener.of(PLACE, FILE_KEY, USER_KEY, SALT).open(span, part) == PLAINTEXT[300:301]
    )


def test_c_08_each_shorter_prefix_is_refused() -> None:
    for length in range(len(SEALED)):
        with refused("length"):
            open_it(SEALED[:length])
        with refused("length"):
            chunks.scavenge([USER_KEY], SEALED[:length])


@pytest.mark.parametrize("tail", [b"\0", b"x", bytes(272), SEALED])
def test_c_08_an_extended_chunk_is_refused(tail: bytes) -> None:
    with refused("length"):
        open_it(SEALED + tail)
    with refused("length"):
        chunks.scavenge([USER_KEY], SEALED + tail)


@pytest.mark.parametrize("length", [0, 1, 271, 273, 544])
def test_c_08_a_range_of_another_length_is_refused(length: int) -> None:
    span = chunks.frame_span(PLACE, 256, 512)

    with refused("length"):
        chunks.SpanOpener.of(PLACE, FILE_KEY, USER_KEY, SALT).open(span, bytes(length))


@pytest.mark.parametrize(
    ("offset", "value", "cause"),
    [
        *[(3, value, "magic") for value in b"023AZ"],
        *[(4, value, "type") for value in range(256) if value != 1],
        *[(5, value, "suite") for value in range(256) if value != 1],
        *[(6, value, "flags") for value in range(2, 256)],
        *[(7, value, "frame size") for value in range(256) if value != 8],
    ],
)
def test_c_09_each_unknown_version_type_suite_and_flag_is_refused(
    offset: int, value: int, cause: str
) -> None:
    with refused(cause):
        open_it(with_byte(offset, value))
    with refused(cause, "label"):
        chunks.scavenge([USER_KEY], with_byte(offset, value))


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**32 - 1])
def test_c_09_a_length_field_that_lies_is_refused(length: int) -> None:
    lying = SEALED[:12] + length.to_bytes(4) + SEALED[16:]

    with refused("length"):
        open_it(lying)
    with refused("length"):
        chunks.scavenge([USER_KEY], lying)


@pytest.mark.parametrize("offset", [0, 3, 4, 5, 6, 7, 12])
def test_c_09_an_unknown_header_is_refused_before_any_key_is_used(offset: int) -> None:
    asked = []

    def user_keys() -> Iterator[UserKey]:
        asked.append(offset)
        yield USER_KEY

    with refused("magic", "type", "suite", "flags", "frame size", "length"):
        chunks.scavenge(user_keys(), with_byte(offset, 0x7F))

    assert not asked


@pytest.mark.parametrize(
    "other",
    [
        replace(PLACE, file=OTHER_FILE),
        replace(PLACE, version=2),
        replace(PLACE, index=1, file_size=1624),
        replace(PLACE, index=0, file_size=1624),
        replace(PLACE, file_size=601),
        replace(PLACE, chunk_size=2048),
        replace(PLACE, frame_log2=9),
        replace(PLACE, pad=False),
    ],
    ids=["file", "version", "index", "not last", "size", "chunk size", "frame size", "policy"],
)
def test_c_01_c_02_c_04_a_chunk_of_another_place_is_refused(other: Place) -> None:
    sealed = chunks.seal(other, FILE_KEY, USER_KEY, content(other.plain_len))

    with refused(*ANY_CAUSE):
        open_it(sealed)
    with refused(*ANY_CAUSE):
        open_it(sealed, salt=chunks.salt_of(sealed))
    with refused(*ANY_CAUSE):
        open_it(SEALED, where=other)


def test_c_01_swapped_chunks_and_frames_are_refused() -> None:
    places = [place(3 * 1024, index) for index in range(3)]
    sealed = [chunks.seal(where, FILE_KEY, USER_KEY, content(1024)) for where in places]
    swapped = bytearray(sealed[1])
    swapped[192 : 192 + 272], swapped[464 : 464 + 272] = sealed[1][464:736], sealed[1][192:464]

    with refused("salt"):
        open_it(sealed[2], places[1], chunks.salt_of(sealed[1]))
    with refused("frame"):
        open_it(swapped, places[1], chunks.salt_of(sealed[1]))
    with refused("frame"):
        open_it(sealed[1][:192] + sealed[2][192:], places[1], chunks.salt_of(sealed[1]))


def test_c_03_a_chunk_of_another_user_is_refused() -> None:
    other = replace(PLACE, user=OTHER_USER)
    sealed = chunks.seal(other, FILE_KEY, OTHER_USER_KEY, PLAINTEXT)

    with refused("keyid"):
        open_it(sealed)
    with refused("keyid"):
        chunks.scavenge([USER_KEY], sealed)
    with refused("context"):
        chunks.open_whole(other, FILE_KEY, USER_KEY, SALT, SEALED)


def test_c_04_other_bytes_once_sealed_for_the_same_place_are_refused() -> None:
    older = chunks.seal(PLACE, FILE_KEY, USER_KEY, bytes(600))

    with refused("salt"):
        open_it(older)
    assert chunks.scavenge([USER_KEY], older).plaintext == bytes(600)


def test_a_chunk_of_another_epoch_is_refused() -> None:
    later = chunks.seal(PLACE, FILE_KEY, NEXT_USER_KEY, PLAINTEXT)
    posing = UserKey(USER_KEY.user, 9, USER_KEY.secret)

    with refused("keyid"):
        open_it(later)
    with refused("keyid"):
        chunks.scavenge([posing], SEALED)


def test_another_file_key_is_refused_by_its_commitment() -> None:
    with refused("commitment"):
        chunks.open_whole(PLACE, OTHER_FILE_KEY, USER_KEY, SALT, SEALED)


@settings(deadline=None, max_examples=50)
@given(where=places())
def test_non_zero_padding_is_refused(where: Place) -> None:
    if not where.flags:
        return
    honest = replace(where, pad=False)
    assert honest.plain_len < where.padded_len == min(padme(where.plain_len), where.chunk_size)
    forged = forge_padding(where)
    salt = chunks.salt_of(forged)
    last = chunks.frame_span(where, where.plain_len - 1, where.plain_len)

    with refused("padding"):
        chunks.open_whole(where, FILE_KEY, USER_KEY, salt, forged)
    with refused("padding"):
        chunks.scavenge([USER_KEY], forged)
    if last.start + last.length == len(forged):
        with refused("padding"):
            chunks.SpanOpener.of(where, FILE_KEY, USER_KEY, salt).open(last, forged[last.start :])


def forge_padding(where: Place) -> bytearray:
    """A chunk as a writer would make it that pads with ones: every tag in it is right."""
    padding = b"\1" * (where.padded_len - where.plain_len)
    source = memoryview(content(where.plain_len))
    salt = chunks._salt(where, FILE_KEY, USER_KEY, source, padding)
    opening = chunks._derive(where, FILE_KEY, USER_KEY, salt)
    forged = bytearray(opening.header) + bytearray(where.length)
    chunks._seal_frames(opening.frames, where, source, padding, memoryview(forged)[192:])
    return forged


def test_a_label_that_names_an_impossible_total_is_refused() -> None:
    label = bytearray(chunks._LABEL.pack(PLACE.file, 1, 0, 2, 600, 600, 1024, FILE_KEY))
    bind = SEALED[:16] + USER_KEY.keyid
    cipher, nonce = chunks._label_cipher(USER_KEY, SALT, bind)
    relabelled = SEALED[:96] + cipher.encrypt(nonce, SEALED[:96] + USER_KEY.user, label)

    with refused("context"):
        chunks.scavenge([USER_KEY], relabelled + SEALED[192:])
    with refused("header"):
        open_it(relabelled + SEALED[192:])


def test_c_18_equal_plaintexts_share_no_block() -> None:
    plaintext = bytes(600)
    made = [
        chunks.seal(PLACE, FILE_KEY, USER_KEY, plaintext),
        chunks.seal(replace(PLACE, version=2), OTHER_FILE_KEY, USER_KEY, plaintext),
        chunks.seal(replace(PLACE, user=OTHER_USER), FILE_KEY, OTHER_USER_KEY, plaintext),
        chunks.seal(PLACE, FILE_KEY, NEXT_USER_KEY, plaintext),
    ]
    blocks = [
        sealed[start : start + 16]
        for sealed in map(bytes, made)
        for part in (range(16, 65), range(96, len(sealed) - 15))
        for start in part
    ]

    assert len(set(blocks)) == len(blocks)


def test_c_19_a_key_and_nonce_repeat_only_for_identical_bytes() -> None:
    seen: dict[bytes, bytes] = {}
    every = list(product(range(1, 40), range(500, 507), (USER_KEY, NEXT_USER_KEY), range(8)))
    for version, size, user_key, filling in every * 2:
        where = replace(PLACE, version=version, file_size=size)
        sealed = bytes(chunks.seal(where, FILE_KEY, user_key, bytes([filling]) * size))
        bind = sealed[:16] + user_key.keyid
        for label in (b"chunk" + bind + where.context(), b"label" + bind + where.user):
            key = FILE_KEY if label.startswith(b"chunk") else user_key.label_key
            derived = hkdf(key, chunks.salt_of(sealed), label, 44)
            assert seen.setdefault(derived, sealed) == sealed

    assert len(seen) == 2 * len(every)


@pytest.mark.parametrize(
    "impossible",
    [
        {"user": bytes(15)},
        {"file": bytes(17)},
        {"version": 0},
        {"version": 2**63},
        {"index": -1},
        {"index": 1},
        {"index": 2**32 - 1},
        {"file_size": -1},
        {"file_size": 2**63},
        {"file_size": 16_777_216 * 1024 + 1},
        {"chunk_size": 0},
        {"chunk_size": 1},
        {"chunk_size": 1000},
        {"chunk_size": -1024},
        {"chunk_size": 2**32},
        {"chunk_size": 10_485_760 + 256},
        {"frame_log2": -1},
        {"frame_log2": 0},
        {"frame_log2": 7},
        {"frame_log2": 21},
        {"frame_log2": 255},
    ],
    ids=str,
)
def test_c_28_an_impossible_place_is_refused(impossible: dict[str, int]) -> None:
    with refused("context"):
        replace(PLACE, **impossible)  # type: ignore[arg-type] # one field of several types
