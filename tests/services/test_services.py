"""The fixtures themselves: real, private, clean each time."""

import stat
from pathlib import Path

import psycopg2
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.cli.embedded.postgres import Postgres
from balancecloud.cli.embedded.valkey import SOCKET_NAME, Valkey
from balancecloud.config import Config

pytestmark = pytest.mark.real


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(database: sessionmaker[Session], turn: int) -> None:
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM users")) == 0
        session.execute(
            text(
                "INSERT INTO users (id, email, password_hash) VALUES (gen_random_uuid(), 'a', 'b')"
            )
        )


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_queue(redis_url: str, turn: int) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_postgresql_asks_for_the_password(postgres: Postgres) -> None:
    parts = make_url(postgres.url("postgres"))

    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(
            host=str(parts.query["host"]), user=parts.username, password="wrong", dbname="postgres"
        )


def test_valkey_asks_for_the_password(valkey: Valkey) -> None:
    socket = valkey.plan.sockets / SOCKET_NAME

    with Redis(unix_socket_path=str(socket)) as client, pytest.raises(AuthenticationError):
        client.ping()


def test_sockets_lie_where_nobody_else_may_enter(postgres: Postgres, valkey: Valkey) -> None:
    folders: list[Path] = [postgres.plan.sockets, valkey.plan.sockets]

    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]


def test_the_configuration_of_tests_points_at_both(config: Config) -> None:
    assert config.database_url.startswith("postgresql+psycopg2://")
    assert config.redis_url.startswith("unix://")
