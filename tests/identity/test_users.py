"""Registering, proving a password, changing it."""

import dataclasses
import threading
import uuid

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config, Secret
from balancecloud.crypto import wrapping
from balancecloud.crypto.keys import MasterKeys
from balancecloud.errors import BadCredentials, EmailTaken, Invalid, RegistrationClosed
from balancecloud.identity import passwords, users
from balancecloud.models.people import User, UserKeyRow
from tests.identity.conftest import PASSWORD, Register

pytestmark = pytest.mark.real

OTHER = "another four words there"


def test_the_first_to_register_is_the_administrator(register: Register) -> None:
    assert register("ada@example.org").is_admin
    assert not register("grace@example.org").is_admin


def test_of_many_who_register_at_once_one_is_the_administrator(
    database: sessionmaker[Session], config: Config, keys: MasterKeys
) -> None:
    start = threading.Barrier(4)
    found: list[bool] = []

    def go(number: int) -> None:
        with database.begin() as session:
            start.wait()
            person = users.register(session, config, keys, f"p{number}@example.org", PASSWORD)
            found.append(person.is_admin)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, False, False, True]


def test_a_new_person_has_a_user_key_that_opens_for_them_alone(
    session: Session, keys: MasterKeys, register: Register
) -> None:
    person = register()
    row = session.scalars(select(UserKeyRow).where(UserKeyRow.user_id == person.id)).one()
    assert (row.epoch, row.master_version) == (1, keys.writing.version)
    place = wrapping.user_key_row(person.id.bytes, 1)
    assert len(wrapping.unwrap_with_master(keys, place, row.wrapped)) == 32


def test_an_address_is_taken_whatever_its_case(register: Register) -> None:
    register("Ada@Example.org")
    with pytest.raises(EmailTaken):
        register("ADA@EXAMPLE.ORG")


def test_a_refused_address_leaves_the_transaction_usable(
    session: Session, register: Register
) -> None:
    register()
    with pytest.raises(EmailTaken):
        register()
    assert users.anyone(session)


@pytest.mark.parametrize(
    "email",
    [
        *("", "ada", "ada@", "@example.org", "a b@example.org", "a@b@c", "a@exa mple.org"),
        *("a@.org", "a@b..c", "a\0@example.org", "a\u202e@example.org"),
        "x" * 250 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused(register: Register, email: str) -> None:
    with pytest.raises(Invalid) as refused:
        register(email)
    assert list(refused.value.fields) == ["email"]


@pytest.mark.parametrize(
    "email", ["ada@localhost", "a+b.c@example.co.uk", "jürgen@bücher.example", " ada@example.org "]
)
def test_what_is_an_address_is_taken(register: Register, email: str) -> None:
    assert register(email).email == email.strip()


def test_nobody_registers_where_registration_is_closed(
    session: Session, config: Config, keys: MasterKeys, register: Register
) -> None:
    closed = dataclasses.replace(config, registration_open=False)
    users.register(session, closed, keys, "first@example.org", PASSWORD)
    assert users.is_closed(session, closed)
    with pytest.raises(RegistrationClosed):
        users.register(session, closed, keys, "second@example.org", PASSWORD)


@pytest.mark.parametrize("shown", ["", "wrong", "setup-code-of-this-servex"])
def test_t51_the_first_person_of_a_public_server_shows_the_setup_code(
    session: Session, config: Config, keys: MasterKeys, shown: str
) -> None:
    public = on_the_internet(config, b"setup-code-of-this-server")
    assert users.needs_setup_code(session, public)
    with pytest.raises(RegistrationClosed):
        users.register(session, public, keys, "ada@example.org", PASSWORD, shown)
    right = "setup-code-of-this-server"
    assert users.register(session, public, keys, "ada@example.org", PASSWORD, right).is_admin
    assert not users.needs_setup_code(session, public)


def test_t51_a_public_server_without_a_setup_code_is_closed(
    session: Session, config: Config, keys: MasterKeys
) -> None:
    public = on_the_internet(config, b"")
    assert users.is_closed(session, public)
    with pytest.raises(RegistrationClosed):
        users.register(session, public, keys, "ada@example.org", PASSWORD, "")


def on_the_internet(config: Config, setup_code: bytes) -> Config:
    return dataclasses.replace(
        config, public_url="https://cloud.example.org", setup_code=Secret(setup_code)
    )


def test_the_right_password_proves_who_it_is_whatever_the_case_of_the_address(
    session: Session, config: Config, register: Register
) -> None:
    person = register()
    assert users.prove(session, config, " ADA@example.org ", PASSWORD).id == person.id


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.org", "wrong wrong wrong"),
        ("nobody@example.org", PASSWORD),
        ("", ""),
        ("a\0@example.org", PASSWORD),
        ("ada@example.org", "x" * 100_000),
    ],
)
def test_t08_there_is_one_answer_for_every_other_proof(
    session: Session, config: Config, register: Register, email: str, password: str
) -> None:
    register()
    with pytest.raises(BadCredentials):
        users.prove(session, config, email, password)


def test_t04_a_disabled_account_proves_nothing(
    session: Session, config: Config, register: Register
) -> None:
    disable(session, register().id)
    with pytest.raises(BadCredentials):
        users.prove(session, config, "ada@example.org", PASSWORD)


def disable(session: Session, user_id: uuid.UUID) -> None:
    user = session.get_one(User, user_id)
    user.is_active = False
    session.flush()


def test_a_hash_of_former_costs_is_made_anew_at_the_next_proof(
    session: Session, config: Config, register: Register
) -> None:
    user = session.get_one(User, register().id)
    strong = user.password_hash
    user.password_hash = cheap_hash(config, PASSWORD)
    users.prove(session, config, "ada@example.org", PASSWORD)
    assert user.password_hash.split("$")[3] == strong.split("$")[3]
    users.prove(session, config, "ada@example.org", PASSWORD)


def cheap_hash(config: Config, password: str) -> str:
    hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    return hasher.hash(passwords._peppered(config, password))


def test_a_new_password_replaces_the_old_one(
    session: Session, config: Config, register: Register
) -> None:
    person = register()
    users.change_password(session, config, person, PASSWORD, OTHER)
    assert users.prove(session, config, person.email, OTHER).id == person.id
    with pytest.raises(BadCredentials):
        users.prove(session, config, person.email, PASSWORD)


@pytest.mark.parametrize(
    ("current", "wanted", "field"),
    [
        ("wrong wrong wrong", OTHER, "current"),
        (PASSWORD, "short", "password"),
        (PASSWORD, PASSWORD, "password"),
    ],
)
def test_a_change_that_is_not_right_says_which_field(
    session: Session, config: Config, register: Register, current: str, wanted: str, field: str
) -> None:
    person = register()
    with pytest.raises(Invalid) as refused:
        users.change_password(session, config, person, current, wanted)
    assert list(refused.value.fields) == [field]
    assert users.prove(session, config, person.email, PASSWORD) == person
