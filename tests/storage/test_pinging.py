"""Connections that rested are asked whether they live; those in use all the time are not."""

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from balancecloud.storage.pinging import RESTED_SECONDS, ping_rested
from tests.fakes.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(postgres_url: str, clock: ManualClock) -> Engine:
    engine = create_engine(postgres_url, pool_size=1)
    ping_rested(engine, clock)
    return engine


def backend(engine: Engine) -> int:
    """Use a connection; return the process that serves it."""
    with engine.connect() as connection:
        number: int = connection.scalar(text("SELECT pg_backend_pid()"))
        return number


def end(postgres_url: str, number: int) -> None:
    other = create_engine(postgres_url)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": number})
    other.dispose()


def test_a_lost_connection_that_rested_is_replaced_unseen(
    engine: Engine, postgres_url: str, clock: ManualClock
) -> None:
    before = backend(engine)
    end(postgres_url, before)
    clock.advance(RESTED_SECONDS)
    assert backend(engine) != before
    engine.dispose()


def test_one_that_is_in_use_all_the_time_is_not_asked(
    engine: Engine, postgres_url: str, clock: ManualClock
) -> None:
    before = backend(engine)
    end(postgres_url, before)
    clock.advance(RESTED_SECONDS / 2)
    with pytest.raises(OperationalError):
        backend(engine)
    assert backend(engine) != before
    engine.dispose()


def test_a_pool_made_anew_after_a_fork_asks_too(
    engine: Engine, postgres_url: str, clock: ManualClock
) -> None:
    backend(engine)
    engine.dispose(close=False)
    before = backend(engine)
    end(postgres_url, before)
    clock.advance(RESTED_SECONDS)
    assert backend(engine) != before
    engine.dispose()
