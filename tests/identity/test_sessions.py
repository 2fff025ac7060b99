"""Sessions that live on the server, judged by the database's clock."""

import dataclasses
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.errors import NotFound, SignInAgainFirst
from balancecloud.identity import sessions
from balancecloud.identity.people import Person
from balancecloud.identity.sessions import Kind, Opened, Origin, SignIn
from balancecloud.models.people import SessionRow, User
from tests.identity.conftest import Register

pytestmark = pytest.mark.real

HERE = Origin("203.0.113.7", "Browser/1.0")


@pytest.fixture
def person(register: Register) -> Person:
    """Somebody."""
    return register()


def opened(session: Session, config: Config, person: Person, kind: Kind = "browser") -> Opened:
    return sessions.open_session(session, config, person.id, HERE, kind)


def found(session: Session, config: Config, secret: str) -> SignIn:
    sign_in = sessions.by_secret(session, config, secret)
    assert sign_in
    return sign_in


def age(session: Session, session_id: uuid.UUID, column: str, by: timedelta) -> None:
    """Move one of a session's times into the past."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.id == session_id)
        .values({column: getattr(SessionRow, column) - by})
    )


def test_a_session_is_found_by_its_secret_of_which_only_the_hash_is_kept(
    session: Session, config: Config, person: Person
) -> None:
    new = opened(session, config, person)
    assert found(session, config, new.secret).person == person
    row = session.get_one(SessionRow, new.session_id)
    assert new.secret.encode() not in row.token_sha256
    assert len(row.token_sha256) == 32


@pytest.mark.parametrize("secret", ["", "x" * 43, "é", "a" * 100_000])
def test_another_secret_finds_nothing(
    session: Session, config: Config, person: Person, secret: str
) -> None:
    opened(session, config, person)
    assert sessions.by_secret(session, config, secret) is None


def test_secrets_have_256_random_bits(session: Session, config: Config, person: Person) -> None:
    secrets = {opened(session, config, person).secret for _ in range(20)}
    assert len(secrets) == 20
    assert all(len(secret) == 43 for secret in secrets)


def test_a_programs_session_is_no_browsers_and_the_other_way_round(
    session: Session, config: Config, person: Person
) -> None:
    browser, program = opened(session, config, person), opened(session, config, person, "bearer")
    assert sessions.by_secret(session, config, program.secret) is None
    assert sessions.by_id(session, config, browser.session_id) is None
    assert sessions.by_id(session, config, program.session_id)


def test_t04_a_browser_idle_for_half_an_hour_is_signed_out(
    session: Session, config: Config, person: Person
) -> None:
    new = opened(session, config, person)
    age(session, new.session_id, "last_seen_at", timedelta(minutes=29))
    assert sessions.by_secret(session, config, new.secret)
    age(session, new.session_id, "last_seen_at", timedelta(minutes=1))
    assert sessions.by_secret(session, config, new.secret) is None


def test_t04_every_session_ends_after_twelve_hours_however_busy(
    session: Session, config: Config, person: Person
) -> None:
    for kind in ("browser", "bearer"):
        new = opened(session, config, person, kind)
        age(session, new.session_id, "expires_at", timedelta(hours=12))
        assert sessions.by_secret(session, config, new.secret) is None
        assert sessions.by_id(session, config, new.session_id) is None


def test_t04_a_disabled_account_has_no_session(
    session: Session, config: Config, person: Person
) -> None:
    new = opened(session, config, person)
    session.execute(update(User).where(User.id == person.id).values(is_active=False))
    assert sessions.by_secret(session, config, new.secret) is None


def test_use_is_noted_at_most_once_a_minute(
    session: Session, config: Config, person: Person
) -> None:
    new = opened(session, config, person)
    age(session, new.session_id, "last_seen_at", timedelta(seconds=30))
    before = session.get_one(SessionRow, new.session_id, populate_existing=True).last_seen_at
    sessions.touch(session, new.session_id)
    row = session.get_one(SessionRow, new.session_id, populate_existing=True)
    assert row.last_seen_at == before
    age(session, new.session_id, "last_seen_at", timedelta(minutes=5))
    sessions.touch(session, new.session_id)
    row = session.get_one(SessionRow, new.session_id, populate_existing=True)
    assert row.last_seen_at > before


def test_t47_a_sign_in_is_recent_for_five_minutes(
    session: Session, config: Config, person: Person
) -> None:
    new = opened(session, config, person)
    sessions.require_recent(found(session, config, new.secret))
    age(session, new.session_id, "auth_time", timedelta(minutes=5))
    with pytest.raises(SignInAgainFirst):
        sessions.require_recent(found(session, config, new.secret))


def test_a_renewed_session_has_a_new_secret_and_the_old_one_is_dead(
    session: Session, config: Config, person: Person
) -> None:
    new = opened(session, config, person)
    age(session, new.session_id, "auth_time", timedelta(minutes=10))
    secret = sessions.renew(session, found(session, config, new.secret))
    assert sessions.by_secret(session, config, new.secret) is None
    assert found(session, config, secret).session_id == new.session_id
    assert found(session, config, secret).is_recent


def test_the_list_shows_living_sessions_the_present_one_first(
    session: Session, config: Config, person: Person
) -> None:
    present = opened(session, config, person)
    other = opened(session, config, person, "bearer")
    dead = opened(session, config, person)
    age(session, dead.session_id, "expires_at", timedelta(hours=13))
    listed = sessions.list_sessions(session, config, found(session, config, present.secret))
    assert [(view.id, view.is_current) for view in listed] == [
        (present.session_id, True),
        (other.session_id, False),
    ]
    assert (listed[0].address, listed[0].user_agent) == (HERE.address, HERE.user_agent)


def test_a_stranger_cannot_end_a_session(
    session: Session, config: Config, person: Person, register: Register
) -> None:
    new = opened(session, config, person)
    stranger = register("eve@example.org")
    with pytest.raises(NotFound):
        sessions.end(session, stranger.id, new.session_id)
    assert sessions.by_secret(session, config, new.secret)
    sessions.end(session, person.id, new.session_id)
    assert sessions.by_secret(session, config, new.secret) is None


def test_ending_the_others_leaves_the_present_one_and_strangers_alone(
    session: Session, config: Config, person: Person, register: Register
) -> None:
    stranger = opened(session, config, register("eve@example.org"))
    present, other = opened(session, config, person), opened(session, config, person, "bearer")
    sessions.end_others(session, found(session, config, present.secret))
    assert sessions.by_secret(session, config, present.secret)
    assert sessions.by_id(session, config, other.session_id) is None
    assert sessions.by_secret(session, config, stranger.secret)


def test_sweeping_removes_what_has_ended(session: Session, config: Config, person: Person) -> None:
    brief = dataclasses.replace(config, session_absolute_seconds=0)
    opened(session, brief, person)
    living = opened(session, config, person)
    sessions.sweep(session)
    assert session.scalar(func.count(SessionRow.id)) == 1
    assert sessions.by_secret(session, config, living.secret)
