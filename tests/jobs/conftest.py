"""A worker's bench in this process: real database and Redis, accounts in memory."""

import threading
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.jobs.bench import Bench
from balancecloud.live.doorbell import Doorbell
from balancecloud.live.progress import ProgressStore
from balancecloud.storage.tools import Tools
from tests.storage.world import Person, make_tools


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def made(
    config: Config, database: sessionmaker[Session]
) -> tuple[Tools, dict[uuid.UUID, Provider]]:
    return make_tools(config, database)


@pytest.fixture
def person(made: tuple[Tools, dict[uuid.UUID, Provider]]) -> Person:
    return Person.new(*made, accounts=3)


@pytest.fixture
def bench(made: tuple[Tools, dict[uuid.UUID, Provider]], redis: Redis, config: Config) -> Bench:
    tools, _ = made
    doorbell = Doorbell(redis, config.queue_key)
    return Bench(tools, doorbell, ProgressStore(redis), threading.Event(), patience_seconds=0.2)
