"""Keys refuse wrong lengths, and none shows itself."""

import pytest

from balancecloud.crypto import chunks, keys
from balancecloud.crypto.keys import MasterKeys, UserKey, WrappingKey
from tests.crypto.refusals import refused
from tests.crypto.samples import FILE_KEY, NEXT_USER_KEY, USER, USER_KEY, place

MARKED = b"CANARY--" * 4


@pytest.mark.parametrize(
    "shown",
    [
        UserKey(USER, 1, MARKED),
        WrappingKey(1, MARKED),
        MasterKeys({1: MARKED}),
        chunks.scavenge([USER_KEY], chunks.seal(place(0), MARKED, USER_KEY, b"")),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_no_key_shows_in_a_repr(shown: object) -> None:
    assert "CANARY" not in f"{shown!r} {shown}"
    assert MARKED.hex() not in f"{shown!r} {shown}"


def test_a_repr_names_what_may_be_known() -> None:
    assert repr(USER_KEY) == "UserKey(epoch=1)"
    assert repr(WrappingKey(4, FILE_KEY)) == "WrappingKey(version=4)"
    assert repr(MasterKeys({7: FILE_KEY, 2: MARKED})) == "MasterKeys(numbers=[2, 7])"


def test_new_secrets_are_32_bytes_and_differ() -> None:
    made = {keys.new_secret() for _ in range(100)}

    assert len(made) == 100
    assert {len(secret) for secret in made} == {32}


def test_an_epoch_is_found_by_its_keyid() -> None:
    assert keys.with_keyid([USER_KEY, NEXT_USER_KEY], NEXT_USER_KEY.keyid) is NEXT_USER_KEY

    with refused("keyid"):
        keys.with_keyid([USER_KEY], NEXT_USER_KEY.keyid)


def test_purpose_keys_all_differ() -> None:
    derived = {
        USER_KEY.label_key,
        USER_KEY.shard_label_key,
        USER_KEY.shard_salt_key,
        USER_KEY.shard_mac_key,
        USER_KEY.name_key,
        USER_KEY.catalog_key,
        USER_KEY.file_wrapping_key.secret,
        USER_KEY.secret,
    }

    assert len(derived) == 8


@pytest.mark.parametrize("secret", [b"", bytes(16), bytes(31), bytes(33)])
def test_c_24_a_key_of_another_length_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        UserKey(USER, 1, secret)
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKeys({1: secret})


@pytest.mark.parametrize("number", [-1, 0, 2**32])
def test_a_number_that_does_not_fit_its_field_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="4294967295"):
        WrappingKey(number, FILE_KEY)
    with pytest.raises(ValueError, match="4294967295"):
        UserKey(USER, number, FILE_KEY)


def test_a_user_id_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        UserKey(bytes(15), 1, FILE_KEY)


def test_c_24_no_master_key_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="At least one"):
        MasterKeys({})


def test_master_keys_know_their_numbers() -> None:
    master = MasterKeys({9: FILE_KEY, 2: MARKED})

    assert master.numbers == {2, 9}
    assert master.writing.version == 9
    assert master.reading(2).secret == MARKED
    with refused("keyid"):
        master.reading(3)
