"""Wrapped secrets: they open under their key, in their row, for their purpose, and nowhere else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.crypto import wrapping
from balancecloud.crypto.keys import MasterKeys, WrappingKey
from tests.crypto.refusals import refused
from tests.crypto.samples import FILE, OTHER_FILE, OTHER_USER, USER, USER_KEY

KEY = WrappingKey(3, bytes([3]) * 32)
ROW = wrapping.user_key_row(USER, 1)
SECRET = bytes(range(32))
BLOB = wrapping.wrap(KEY, ROW, SECRET)
DRIVE, ONEDRIVE = wrapping.ProviderCode.GOOGLE_DRIVE, wrapping.ProviderCode.ONEDRIVE
ROWS = [
    wrapping.user_key_row(USER, 1),
    wrapping.user_key_row(USER, 2),
    wrapping.user_key_row(OTHER_USER, 1),
    wrapping.recovery_sealing_row(USER, 1),
    wrapping.totp_seed_row(USER, FILE),
    wrapping.upload_key_row(USER, FILE),
    wrapping.upload_key_row(USER, OTHER_FILE),
    wrapping.upload_session_row(USER, FILE, bytes(32)),
    wrapping.upload_session_row(USER, FILE, bytes(31) + b"1"),
    wrapping.upload_session_row(USER, OTHER_FILE, bytes(32)),
    wrapping.oauth_token_row(USER, FILE, DRIVE, 1),
    wrapping.oauth_token_row(USER, FILE, DRIVE, 2),
    wrapping.oauth_token_row(USER, FILE, ONEDRIVE, 1),
    wrapping.oauth_token_row(USER, OTHER_FILE, DRIVE, 1),
    wrapping.file_key_row(USER, FILE, 1),
    wrapping.file_key_row(USER, FILE, 2),
]


@settings(deadline=None)
@given(secret=st.binary(max_size=300), row=st.sampled_from(ROWS))
def test_what_is_wrapped_opens(secret: bytes, row: wrapping.Row) -> None:
    blob = wrapping.wrap(KEY, row, secret)

    assert wrapping.unwrap(KEY, row, memoryview(blob)) == secret
    assert len(blob) == len(secret) + 86


def test_a_secret_is_never_wrapped_twice_alike() -> None:
    assert len({wrapping.wrap(KEY, ROW, SECRET) for _ in range(50)}) == 50


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_secret_moved_to_another_row_or_purpose_is_refused(row: wrapping.Row) -> None:
    blob = wrapping.wrap(KEY, row, SECRET)

    for other in ROWS:
        if other != row:
            with refused("commitment"):
                wrapping.unwrap(KEY, other, blob)


def test_c_07_each_flipped_bit_is_refused() -> None:
    for bit in range(8 * len(BLOB)):
        changed = bytearray(BLOB)
        changed[bit // 8] ^= 1 << bit % 8
        with refused("magic", "suite", "keyid", "commitment", "wrap"):
            wrapping.unwrap(KEY, ROW, changed)


def test_c_08_each_shorter_prefix_and_an_extension_are_refused() -> None:
    for length in range(len(BLOB)):
        with refused("length", "wrap"):
            wrapping.unwrap(KEY, ROW, BLOB[:length])
    with refused("wrap"):
        wrapping.unwrap(KEY, ROW, BLOB + b"\0")


@pytest.mark.parametrize(
    ("offset", "value", "cause"),
    [(0, 0, "magic"), (0, 2, "magic"), (1, 0, "suite"), (1, 2, "suite")],
)
def test_c_09_an_unknown_layout_or_suite_is_refused(offset: int, value: int, cause: str) -> None:
    changed = bytearray(BLOB)
    changed[offset] = value

    with refused(cause):
        wrapping.unwrap(KEY, ROW, changed)
    with refused(cause):
        wrapping.key_version(changed)


def test_c_22_another_key_or_number_is_refused() -> None:
    renumbered = BLOB[:2] + (4).to_bytes(4) + BLOB[6:]

    with refused("keyid"):
        wrapping.unwrap(WrappingKey(4, KEY.secret), ROW, BLOB)
    with refused("wrap"):
        wrapping.unwrap(WrappingKey(4, KEY.secret), ROW, renumbered)
    with refused("commitment"):
        wrapping.unwrap(WrappingKey(3, bytes(32)), ROW, BLOB)


def test_the_highest_master_key_writes_and_all_of_them_read() -> None:
    older = MasterKeys({1: bytes([1]) * 32, 2: bytes([2]) * 32})
    newer = MasterKeys({2: bytes([2]) * 32, 10: bytes([10]) * 32})
    blob = wrapping.wrap(older.writing, ROW, SECRET)

    assert wrapping.key_version(blob) == 2
    assert wrapping.unwrap_with_master(newer, ROW, blob) == SECRET
    assert wrapping.key_version(wrapping.wrap(newer.writing, ROW, SECRET)) == 10
    with refused("keyid"):
        wrapping.unwrap_with_master(older, ROW, wrapping.wrap(newer.writing, ROW, SECRET))


def test_a_file_key_is_wrapped_under_the_epoch_of_the_user_key() -> None:
    row = wrapping.file_key_row(USER, FILE, 1)

    blob = wrapping.wrap(USER_KEY.file_wrapping_key, row, SECRET)

    assert wrapping.key_version(blob) == USER_KEY.epoch
    assert wrapping.unwrap(USER_KEY.file_wrapping_key, row, blob) == SECRET


def test_c_28_a_secret_beyond_the_limit_is_neither_made_nor_read() -> None:
    largest = wrapping.wrap(KEY, ROW, bytes(65_536))
    assert wrapping.unwrap(KEY, ROW, largest) == bytes(65_536)

    with pytest.raises(ValueError, match="65536"):
        wrapping.wrap(KEY, ROW, bytes(65_537))
    with refused("length"):
        wrapping.unwrap(KEY, ROW, largest + b"\0")


def test_a_salt_or_an_id_of_another_length_is_not_used() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        wrapping.wrap_with_salt(KEY, ROW, SECRET, bytes(31))
    with pytest.raises(ValueError, match="16 bytes"):
        wrapping.upload_key_row(USER, bytes(15))
    with pytest.raises(ValueError, match="32 bytes"):
        wrapping.upload_session_row(USER, FILE, bytes(31))


def test_the_codes_of_providers_never_change() -> None:
    assert {code.name.lower(): code.value for code in wrapping.ProviderCode} == {
        "google_drive": 1,
        "onedrive": 2,
        "folder": 3,
        "s3": 4,
        "webdav": 5,
    }
