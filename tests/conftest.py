"""What every test may ask for: real servers, a safe Config, a clean database."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.cli.embedded import postgres as embedded_postgres
from balancecloud.cli.embedded import valkey as embedded_valkey
from balancecloud.cli.embedded.postgres import Postgres, PostgresPlan
from balancecloud.cli.embedded.sockets import socket_folder
from balancecloud.cli.embedded.valkey import Valkey, ValkeyPlan
from balancecloud.config import Config, Secret
from tests.services.databases import Databases

# Tests never need to survive a power cut.
FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


def random_password() -> Secret:
    return Secret(secrets.token_hex(16).encode())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One PostgreSQL server for the whole run."""
    folder = tmp_path_factory.mktemp("postgres")
    plan = PostgresPlan(
        folder=folder / "cluster",
        sockets=socket_folder(folder),
        log=folder / "postgres.log",
        password=random_password(),
        settings=FAST,
    )
    server = embedded_postgres.start(plan)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    """Makes more databases than the one of `postgres_url`."""
    return Databases(postgres)


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    with databases.clean() as url:
        yield url


@pytest.fixture
def database(postgres_url: str) -> Iterator[sessionmaker[Session]]:
    """Sessions on that database."""
    engine = create_engine(postgres_url)
    yield sessionmaker(engine, expire_on_commit=False)
    engine.dispose()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One Valkey server for the whole run."""
    folder = tmp_path_factory.mktemp("valkey")
    plan = ValkeyPlan(socket_folder(folder), folder / "valkey.log", random_password())
    server = embedded_valkey.start(plan)
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """That server, emptied."""
    with Redis.from_url(valkey.url()) as client:
        client.flushall()
    return valkey.url()


@pytest.fixture
def config(postgres_url: str, redis_url: str, tmp_path: Path) -> Config:
    """Settings with fresh secrets, a data folder of the test's own, short leases and no quiet."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return Config(
        secret_key=Secret(secrets.token_bytes(32)),
        token_key=Secret(secrets.token_bytes(32)),
        queue_key=Secret(secrets.token_bytes(32)),
        pepper=Secret(secrets.token_bytes(32)),
        master_keys={1: Secret(secrets.token_bytes(32))},
        database_url=postgres_url,
        redis_url=redis_url,
        data_dir=data_dir,
        lease_seconds=2.0,
        heartbeat_seconds=0.5,
        pack_quiet_seconds=0.0,
    )
