"""The recovery key's text: typed as people type, and no slip goes unnoticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.crypto import recovery_key
from tests.crypto.refusals import refused

KEY = bytes(range(32))
TEXT = recovery_key.to_text(KEY)


@given(key=st.binary(min_size=32, max_size=32))
def test_what_is_written_is_read(key: bytes) -> None:
    assert recovery_key.from_text(recovery_key.to_text(key)) == key


@given(key=st.binary(min_size=32, max_size=32))
def test_letter_case_spaces_hyphens_and_look_alikes_do_not_matter(key: bytes) -> None:
    text = recovery_key.to_text(key)
    typed = text.lower().replace("-", "  ").replace("o", "0").replace("i", "1").replace("b", "8")

    assert recovery_key.from_text(f" {typed}-") == key


def test_each_wrong_letter_is_refused() -> None:
    for position, right in enumerate(TEXT):
        if right == "-":
            continue
        for wrong in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567":
            if wrong != right:
                with refused("text"):
                    recovery_key.from_text(TEXT[:position] + wrong + TEXT[position + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "A",
        TEXT.replace("A", "9", 1),
        TEXT.replace("-", "_"),
        TEXT.replace("-", "\n"),
        TEXT.replace("-", "\u00a0"),
        TEXT.replace("I", "\u0131", 1),
        TEXT.replace("S", "\u017f", 1),
        TEXT[:-4] + "====",
        TEXT + "\0",
    ],
    ids=ascii,
)
def test_what_is_no_recovery_key_is_refused(text: str) -> None:
    assert text != TEXT

    with refused("text"):
        recovery_key.from_text(text)


def test_non_zero_spare_bits_are_refused() -> None:
    letters = TEXT.replace("-", "")
    spare = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".index(letters[51]) | 1
    forged = letters[:51] + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[spare] + letters[52:]

    with refused("text"):
        recovery_key.from_text(forged)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_not_written(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        recovery_key.to_text(bytes(length))
