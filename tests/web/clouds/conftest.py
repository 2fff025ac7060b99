"""The application with the simulator as its clouds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from balancecloud.config import Config
from balancecloud.library.gateway import Gateway
from balancecloud.web.context import KEY
from cloudsim.app import Running, Settings, running
from tests.library.accounts.world import Sim, with_clouds


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One simulator; every test makes people of its own."""
    with running(Settings(data=tmp_path_factory.mktemp("cloudsim"), control=True)) as simulator:
        yield simulator


@pytest.fixture
def config(config: Config, simulator: Running, tmp_path: Path) -> Config:
    """The settings of every test, with clouds."""
    return with_clouds(config, simulator.url, tmp_path)


@pytest.fixture
def sim(simulator: Running) -> Sim:
    return Sim(simulator.url)


@pytest.fixture
def gateway(app: Flask) -> Gateway:
    """What the application itself works with."""
    found: Gateway = app.extensions[KEY].gateway
    return found
