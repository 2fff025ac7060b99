"""A person with three accounts in memory, and live figures in a real Valkey."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.live.progress import ProgressStore
from balancecloud.storage.tools import Tools
from tests.storage.world import Person, make_tools


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def progress(redis: Redis) -> ProgressStore:
    return ProgressStore(redis)


@pytest.fixture
def made(
    config: Config, database: sessionmaker[Session]
) -> tuple[Tools, dict[uuid.UUID, Provider]]:
    tools, providers = make_tools(config, database)
    return replace(tools, config=replace(tools.config, attempts=1)), providers


@pytest.fixture
def person(made: tuple[Tools, dict[uuid.UUID, Provider]]) -> Person:
    return Person.new(*made, accounts=3)


@pytest.fixture
def stranger(made: tuple[Tools, dict[uuid.UUID, Provider]]) -> Person:
    return Person.new(*made)
