"""A simulator for the tests of this room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from balancecloud.clouds.registry import Installation
from cloudsim.app import Running, Settings, running
from tests.clouds.simulated import simulated_installation


@pytest.fixture(scope="session")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One simulator; every test makes people of its own."""
    folder: Path = tmp_path_factory.mktemp("cloudsim")
    with running(Settings(data=folder, control=True)) as simulator:
        yield simulator


@pytest.fixture
def shared(sim: Running) -> Iterator[Installation]:
    """Both providers at the simulator; the weather is fair again afterwards."""
    yield simulated_installation(sim.url)
    sim.simulator.weather.clear()
