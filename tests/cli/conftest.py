"""One BalanceCloud that all tests of the command line may look at, and mend."""

from collections.abc import Iterator

import pytest

from tests.cli.launcher import Launcher, launched


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Started once; tests leave it running and well."""
    with launched(tmp_path_factory.mktemp("up") / "data", RATE_LIMITS="0") as started:
        yield started
