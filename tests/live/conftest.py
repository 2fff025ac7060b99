"""A bell and somebody who hears it, on a real Valkey."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from balancecloud.live.doorbell import Doorbell
from tests.live.listener_process import KEY, Helper


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def bell(redis: Redis) -> Doorbell:
    return Doorbell(redis, KEY)


@pytest.fixture
def helper(redis_url: str, tmp_path: Path) -> Iterator[Helper]:
    helper = Helper(redis_url, tmp_path)
    yield helper
    helper.stop(signal.SIGKILL)
