"""Nothing that acts as a provider goes without the suite, and the suite leaves nothing out."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import balancecloud.clouds
import tests.fakes
from balancecloud.clouds.provider import Provider
from balancecloud.clouds.registry import PROVIDERS
from tests.clouds.provider_suite import ProviderSuite
from tests.clouds.trouble_suite import TroubleSuite
from tests.clouds.wire_suite import WireSuite

HERE = Path(__file__).parent
SUITES = ("provider_suite.py", "trouble_suite.py", "wire_suite.py")
PORT = [name for name in vars(Provider) if not name.startswith("_")]


def test_modules() -> list[ModuleType]:
    return [importlib.import_module(f"tests.clouds.{path.stem}") for path in HERE.glob("test_*.py")]


test_modules.__test__ = False  # type: ignore[attr-defined]


def suites_in(module: ModuleType) -> list[type[ProviderSuite]]:
    """Return the suites that pytest runs from this module."""
    return [
        value
        for name, value in vars(module).items()
        if name.startswith("Test") and isinstance(value, type) and issubclass(value, ProviderSuite)
    ]


def providers() -> Iterator[type]:
    """Yield every class of the product and of the fakes that has all of the port."""
    for package in (balancecloud.clouds, tests.fakes):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(found.name)).values():
                is_own = isinstance(value, type) and value.__module__ == found.name
                if is_own and not getattr(value, "_is_protocol", False) and has_port(value):
                    yield value


def has_port(value: type) -> bool:
    return all(hasattr(value, name) for name in PORT if name != "traits")


def test_the_port_is_found_in_the_classes_that_have_it() -> None:
    names = {provider.__name__ for provider in providers()}
    assert {"GoogleDrive", "OneDrive", "Folder", "Retry", "MemoryProvider"} <= names
    assert "FaultyProvider" in names


def test_every_class_with_the_port_is_held_to_the_suite() -> None:
    named = {name for module in test_modules() if suites_in(module) for name in names_in(module)}
    there = list(providers())
    held = [one for one in there if one.__name__ in named]
    missing = [one for one in there if not any(issubclass(other, one) for other in held)]
    assert missing == []


def names_in(module: ModuleType) -> set[str]:
    assert module.__file__ is not None
    return set(re.findall(r"\w+", Path(module.__file__).read_text()))


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_of_the_registry_is_held_to_all_that_can_happen_to_it(name: str) -> None:
    needed = WireSuite if PROVIDERS[name].links_by_oauth else TroubleSuite
    suites = [suite for module in test_modules() for suite in suites_in(module)]
    assert [suite for suite in suites if suite.registered_as == name and issubclass(suite, needed)]


def test_the_suite_has_a_check_for_each_of_its_points_and_skips_none() -> None:
    text = "".join((HERE / name).read_text() for name in SUITES)
    marked = {
        int(number)
        for line in re.findall(r"^    # ([0-9, ]+)(?::|$)", text, flags=re.MULTILINE)
        for number in line.split(",")
    }
    assert marked == set(range(1, 14))
    assert "skip" not in text
    assert "xfail" not in text
