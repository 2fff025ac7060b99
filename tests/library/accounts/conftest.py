"""A gateway on the real database, with the simulator as its clouds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from cloudsim.app import Running, Settings, running
from tests.library.accounts.world import Sim, gateway_of, new_person, with_clouds


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One simulator; every test makes people of its own."""
    with running(Settings(data=tmp_path_factory.mktemp("cloudsim"), control=True)) as simulator:
        yield simulator


@pytest.fixture
def clouds_config(config: Config, simulator: Running, tmp_path: Path) -> Config:
    """Settings with both providers at the simulator, and one folder allowed."""
    return with_clouds(config, simulator.url, tmp_path)


@pytest.fixture
def gateway(clouds_config: Config, database: sessionmaker[Session]) -> Gateway:
    return gateway_of(clouds_config, database)


@pytest.fixture
def sim(simulator: Running) -> Sim:
    return Sim(simulator.url)


@pytest.fixture
def person(gateway: Gateway) -> Linker:
    return new_person(gateway.sessions)
