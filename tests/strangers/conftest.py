"""One simulator per file of tests."""

from collections.abc import Iterator

import pytest

from tests.strangers.world import World, simulated


@pytest.fixture(scope="module")
def strict_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """As the real services are."""
    with simulated(tmp_path_factory.mktemp("strict"), strict=True) as world:
        yield world


@pytest.fixture(scope="module")
def lenient_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """As old clients need it."""
    with simulated(tmp_path_factory.mktemp("lenient"), strict=False) as world:
        yield world
