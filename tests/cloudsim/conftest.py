"""A fresh simulator for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudsim.app import Running, Settings, running
from cloudsim.weather.sky import Weather
from tests.cloudsim.client import Browser, Drive, OneDrive, drive_of, onedrive_of


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Running]:
    with running(Settings(data=tmp_path / "sim", control=True)) as found:
        yield found


@pytest.fixture
def browser(sim: Running) -> Browser:
    return Browser(sim.url)


@pytest.fixture
def weather(sim: Running) -> Weather:
    return sim.simulator.weather


@pytest.fixture
def compat_browser(tmp_path: Path) -> Iterator[Browser]:
    """A simulator that bears with what old clients do wrong."""
    with running(Settings(data=tmp_path / "compat", strict=False)) as sim:
        yield Browser(sim.url)


@pytest.fixture
def drive(browser: Browser) -> Drive:
    return drive_of(browser, "anna@example.com")


@pytest.fixture
def onedrive(browser: Browser) -> OneDrive:
    return onedrive_of(browser, "anna@example.com")


@pytest.fixture
def work_drive(browser: Browser) -> OneDrive:
    return onedrive_of(browser, "work.anna@example.com")
