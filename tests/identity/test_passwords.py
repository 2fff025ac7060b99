"""Which passwords are refused, and what is kept of the others."""

import secrets
import time
from pathlib import Path

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.config import Config, Secret
from balancecloud.errors import Invalid
from balancecloud.identity import passwords

GOOD = "four unrelated words here"
EMAIL = "ada.lovelace@example.org"


@pytest.fixture(scope="module")
def peppered() -> Config:
    """Settings of which only the pepper matters here."""
    return with_pepper(secrets.token_bytes(32))


def with_pepper(pepper: bytes) -> Config:
    no_key = Secret(b"")
    return Config(
        secret_key=no_key,
        token_key=no_key,
        queue_key=no_key,
        pepper=Secret(pepper),
        master_keys={},
        database_url="",
        redis_url="",
        data_dir=Path("unused"),
    )


def test_t07_what_is_kept_is_argon2id_with_our_costs(peppered: Config) -> None:
    kept = extract_parameters(passwords.make_hash(peppered, GOOD))
    assert kept.type is Type.ID
    assert (kept.memory_cost, kept.time_cost, kept.parallelism) == (46 * 1024, 1, 1)
    assert (kept.salt_len, kept.hash_len) == (16, 32)


def test_the_right_password_matches_and_others_do_not(peppered: Config) -> None:
    kept = passwords.make_hash(peppered, GOOD)
    assert passwords.matches(peppered, kept, GOOD)
    assert not passwords.matches(peppered, kept, GOOD + " ")
    assert not passwords.matches(peppered, kept, "")


def test_the_same_password_is_kept_differently_each_time(peppered: Config) -> None:
    assert passwords.make_hash(peppered, GOOD) != passwords.make_hash(peppered, GOOD)


def test_a_hash_from_a_stolen_database_is_useless_without_the_pepper(peppered: Config) -> None:
    kept = passwords.make_hash(peppered, GOOD)
    assert not passwords.matches(with_pepper(secrets.token_bytes(32)), kept, GOOD)


def test_the_same_characters_typed_two_ways_are_one_password(peppered: Config) -> None:
    composed, decomposed = "p\u00e4sse sind zu lang", "pa\u0308sse sind zu lang"
    kept = passwords.make_hash(peppered, composed)
    assert passwords.matches(peppered, kept, decomposed)


def test_t08_an_unknown_address_costs_a_hash_of_the_same_price(peppered: Config) -> None:
    real = extract_parameters(passwords.make_hash(peppered, GOOD))
    assert extract_parameters(passwords.NOBODY) == real
    assert not passwords.matches(peppered, None, GOOD)


def test_a_hash_with_lower_costs_is_outdated(peppered: Config) -> None:
    cheap = "$argon2id$v=19$m=8192,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
    assert passwords.is_outdated(cheap)
    assert not passwords.is_outdated(passwords.make_hash(peppered, GOOD))


@pytest.mark.parametrize(
    "password",
    [
        "",
        "eleven char",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "Password1234",
        "!!!Passwort2026",
        "qwertyuiopas",
        "QWERTYUIOPAS1!",
        "iloveyou12345",
        "correcthorsebatterystaple",
        "123456789012",
        "210987654321098",
        "246802468024",
        EMAIL,
        EMAIL.upper(),
        "ada.lovelace",
        "x" * 4097,
    ],
)
def test_a_password_easy_to_guess_is_refused_under_its_field(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.refuse_weak("password", password, EMAIL)
    assert list(refused.value.fields) == ["password"]


@pytest.mark.parametrize(
    "password",
    [GOOD, "Tr0ub4dor&3 horse", "纵横四海一帆风顺万事如意", "w" * 8 + "xyz!" + "v" * 996],
)
def test_a_password_that_is_long_and_uncommon_is_taken(password: str) -> None:
    passwords.refuse_weak("password", password, EMAIL)


@settings(max_examples=8, deadline=None)
@given(st.text(min_size=12, max_size=1000))
def test_t07_whatever_was_chosen_opens_again(password: str) -> None:
    config = with_pepper(b"p" * 32)
    assert passwords.matches(config, passwords.make_hash(config, password), password)


def test_t08_a_wrong_password_and_no_account_take_about_the_same_time(peppered: Config) -> None:
    kept = passwords.make_hash(peppered, GOOD)

    def fastest(hashed: str | None) -> float:
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            passwords.matches(peppered, hashed, "not this one at all")
            taken.append(time.perf_counter() - began)
        return min(taken)

    known, unknown = fastest(kept), fastest(None)
    assert 0.4 < known / unknown < 2.5
