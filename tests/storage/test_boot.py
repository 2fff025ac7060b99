"""Web and worker refuse to start where they could do harm."""

import dataclasses
import secrets
import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import Config, Secret
from balancecloud.errors import ConfigError
from balancecloud.models.people import User, UserKeyRow
from balancecloud.storage import boot
from tests.fakes.manual_clock import ManualClock

pytestmark = pytest.mark.real


def test_a_sound_installation_starts(config: Config) -> None:
    boot.check(config, SYSTEM_CLOCK)


def test_a_clock_before_the_release_is_refused(config: Config) -> None:
    clock = ManualClock()
    clock.advance(-365 * 24 * 3600)

    with pytest.raises(ConfigError, match="2025-11-23"):
        boot.check(config, clock)


def test_another_schema_is_refused(config: Config, database: sessionmaker[Session]) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigError, match="at migration 9999"):
        boot.check(config, SYSTEM_CLOCK)


def test_a_database_without_tables_is_refused(
    config: Config, database: sessionmaker[Session]
) -> None:
    with database.begin() as session:
        session.execute(text("DROP TABLE alembic_version"))

    with pytest.raises(ConfigError, match="at migration none"):
        boot.check(config, SYSTEM_CLOCK)


def test_f_40_rows_under_an_unknown_master_key_are_named_with_counts(
    config: Config, database: sessionmaker[Session]
) -> None:
    user = User(id=uuid.uuid4(), email="ann@example.org", password_hash="")
    with database.begin() as session:
        session.add(user)
        session.flush()
        for epoch in (1, 2):
            session.add(
                UserKeyRow(user_id=user.id, epoch=epoch, master_version=7, wrapped=b"sealed")
            )

    with pytest.raises(ConfigError, match="2 rows of user_keys need 7"):
        boot.check(config, SYSTEM_CLOCK)


def test_a_key_that_is_known_again_is_accepted(
    config: Config, database: sessionmaker[Session]
) -> None:
    user = User(id=uuid.uuid4(), email="ann@example.org", password_hash="")
    with database.begin() as session:
        session.add(user)
        session.flush()
        session.add(UserKeyRow(user_id=user.id, epoch=1, master_version=7, wrapped=b"sealed"))
    keys = {**config.master_keys, 7: Secret(secrets.token_bytes(32))}

    boot.check(dataclasses.replace(config, master_keys=keys), SYSTEM_CLOCK)


def test_a_database_that_does_not_answer_is_one_sentence(config: Config) -> None:
    nowhere = dataclasses.replace(
        config, database_url="postgresql+psycopg2://nobody@127.0.0.1:1/none"
    )

    with pytest.raises(ConfigError, match="does not answer"):
        boot.check(nowhere, SYSTEM_CLOCK)
