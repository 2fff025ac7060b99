"""Shards: what is made is accepted, everything else is refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.crypto import names, shards
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.primitives import hmac_sha256, sha256
from tests.crypto.refusals import refused
from tests.crypto.samples import NEXT_USER_KEY, OTHER_USER_KEY, USER_KEY, content

PACK_ID, DIGEST = bytes(range(100, 116)), bytes(range(32))
LAYOUT = shards.Layout(PACK_ID, 599, 2, 1, DIGEST)
PIECE = content(300)
SHARD = shards.seal_shard(USER_KEY, LAYOUT, 1, PIECE)
ANY_CAUSE = (
    *("magic", "type", "suite", "flags", "frame size", "length", "keyid"),
    *("mac", "label", "header"),
)


@settings(deadline=None)
@given(
    k=st.integers(1, 16),
    m=st.integers(0, 2),
    pack_length=st.integers(208, 3000),
    data=st.data(),
)
def test_what_is_sealed_is_accepted(k: int, m: int, pack_length: int, data: st.DataObject) -> None:
    layout = shards.Layout(PACK_ID, pack_length, k, m, DIGEST)
    index = data.draw(st.integers(0, k + m - 1))
    piece = content(layout.piece_length)

    made = shards.seal_shard(USER_KEY, layout, index, memoryview(piece))
    scrubbed = shards.scrub(USER_KEY, made.body)

    assert len(made.body) == layout.object_length
    assert made.sha256 == sha256(made.body)
    assert shards.check_whole(USER_KEY, layout, index, made.body) == piece
    assert scrubbed == shards.ScrubbedShard(layout, index, made.sha256)


def test_sealing_again_makes_identical_bytes() -> None:
    assert shards.seal_shard(USER_KEY, LAYOUT, 1, PIECE) == SHARD


def test_a_shard_names_its_user_key() -> None:
    assert shards.keyid_of(SHARD.body) == USER_KEY.keyid


def test_equal_pieces_of_different_packs_share_no_block_but_the_piece() -> None:
    other = shards.seal_shard(USER_KEY, replace(LAYOUT, pack_id=bytes(16)), 1, PIECE)
    parts = [range(16, 33), range(64, 129), range(444, 461)]
    blocks = [
        body[start : start + 16]
        for body in (SHARD.body, other.body)
        for part in parts
        for start in part
    ]

    assert len(set(blocks)) == len(blocks)


@pytest.mark.parametrize("mask", [1, 0x80, 0xFF])
def test_c_07_each_changed_byte_is_refused(mask: int) -> None:
    changed = bytearray(SHARD.body)
    for offset in range(len(changed)):
        changed[offset] ^= mask
        with refused(*ANY_CAUSE):
            shards.check_whole(USER_KEY, LAYOUT, 1, changed)
        with refused(*ANY_CAUSE):
            shards.scrub(USER_KEY, changed)
        changed[offset] ^= mask


def test_c_08_each_other_length_is_refused() -> None:
    for body in (*(SHARD.body[:length] for length in range(len(SHARD.body))), SHARD.body + b"\0"):
        with refused("length"):
            shards.check_whole(USER_KEY, LAYOUT, 1, body)
        with refused("length"):
            shards.scrub(USER_KEY, body)


@pytest.mark.parametrize(
    ("offset", "value", "cause"),
    [
        (3, ord("2"), "magic"),
        (4, 1, "type"),
        (5, 0, "suite"),
        (5, 2, "suite"),
        (6, 1, "flags"),
        (7, 8, "frame size"),
        (8, 1, "keyid"),
        (12, 255, "length"),
        (48, 255, "keyid"),
    ],
)
def test_c_09_each_unknown_field_is_refused(offset: int, value: int, cause: str) -> None:
    changed = bytearray(SHARD.body)
    changed[offset] = value

    with refused(cause):
        shards.check_whole(USER_KEY, LAYOUT, 1, changed)
    with refused(cause):
        shards.scrub(USER_KEY, changed)


@pytest.mark.parametrize(
    ("layout", "index"),
    [
        (replace(LAYOUT, pack_id=bytes(16)), 1),
        (replace(LAYOUT, digest=bytes(32)), 1),
        (replace(LAYOUT, pack_length=600), 1),
        (replace(LAYOUT, m=2), 1),
        (LAYOUT, 0),
        (LAYOUT, 2),
    ],
    ids=["pack", "digest", "pack length", "m", "index 0", "index 2"],
)
def test_c_17_a_valid_shard_of_another_place_is_refused(layout: shards.Layout, index: int) -> None:
    other = shards.seal_shard(USER_KEY, layout, index, PIECE)

    with refused("header"):
        shards.check_whole(USER_KEY, LAYOUT, 1, other.body)
    with refused("header"):
        shards.check_whole(USER_KEY, layout, index, SHARD.body)


def test_c_17_a_shard_of_another_user_or_epoch_is_refused() -> None:
    for user_key in (OTHER_USER_KEY, NEXT_USER_KEY):
        other = shards.seal_shard(user_key, LAYOUT, 1, PIECE)
        with refused("keyid"):
            shards.check_whole(USER_KEY, LAYOUT, 1, other.body)
        with refused("keyid"):
            shards.scrub(USER_KEY, other.body)


def test_a_mac_by_someone_without_the_label_key_is_not_enough() -> None:
    front = SHARD.body[:64] + bytes(80) + PIECE
    forged = front + hmac_sha256(USER_KEY.shard_mac_key, sha256(front))

    with refused("header"):
        shards.check_whole(USER_KEY, LAYOUT, 1, forged)
    with refused("label"):
        shards.scrub(USER_KEY, forged)


def test_a_label_that_says_something_else_than_its_header_is_refused() -> None:
    longer = replace(LAYOUT, pack_length=700)
    bind = SHARD.body[:16] + USER_KEY.keyid
    cipher, nonce = shards._label_cipher(USER_KEY, SHARD.body[16:48], bind)
    label = shards._LABEL.pack(PACK_ID, longer.pack_length, 2, 1, 1, DIGEST)
    sealed = cipher.encrypt(nonce, SHARD.body[:64] + USER_KEY.user, label)
    front = SHARD.body[:64] + sealed + PIECE

    with refused("header"):
        shards.scrub(USER_KEY, front + hmac_sha256(USER_KEY.shard_mac_key, sha256(front)))


def test_a_shard_of_an_epoch_that_lies_is_refused() -> None:
    posing = UserKey(USER_KEY.user, 9, USER_KEY.secret)

    with refused("keyid"):
        shards.scrub(posing, SHARD.body)


@pytest.mark.parametrize("index", [-1, 3, 255])
def test_an_index_outside_the_layout_is_refused(index: int) -> None:
    with refused("context"):
        shards.seal_shard(USER_KEY, LAYOUT, index, PIECE)


@pytest.mark.parametrize("length", [0, 299, 301])
def test_a_piece_of_another_length_is_not_sealed(length: int) -> None:
    with refused("length"):
        shards.seal_shard(USER_KEY, LAYOUT, 1, bytes(length))


@pytest.mark.parametrize(
    "impossible",
    [
        {"pack_id": bytes(15)},
        {"digest": bytes(31)},
        {"pack_length": 207},
        {"pack_length": 16_777_217},
        {"pack_length": -1},
        {"k": 0},
        {"k": 17},
        {"m": -1},
        {"m": 3},
    ],
    ids=str,
)
def test_c_28_an_impossible_layout_is_refused(impossible: dict[str, int]) -> None:
    with refused("context"):
        replace(LAYOUT, **impossible)  # type: ignore[arg-type] # one field of several types


def test_c_18_names_tell_nothing_and_differ() -> None:
    made = [
        names.shard_name(user_key, pack_id, 2, 1, index)
        for user_key in (USER_KEY, NEXT_USER_KEY, OTHER_USER_KEY)
        for pack_id in (PACK_ID, bytes(16))
        for index in range(3)
    ]

    assert len(set(made)) == len(made) == 18
    assert all(
        len(name) == 32 and set(name) <= set("abcdefghijklmnopqrstuvwxyz234567") for name in made
    )
