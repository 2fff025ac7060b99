"""The table of providers, and that each of them is held to the suite."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from balancecloud import clouds
from balancecloud.clouds import registry
from balancecloud.clouds.around import Around
from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints
from balancecloud.clouds.provider import Identity, Provider
from balancecloud.clouds.registry import (
    PROVIDERS,
    Account,
    Installation,
    OAuthClients,
    PlacedProvider,
)
from balancecloud.errors import ConfigError
from tests.clouds.around_memory import WrapperSuite
from tests.clouds.provider_suite import ProviderSuite


def installation(*roots: Path) -> Installation:
    clients = OAuthClients(None, None)
    return registry.installation(GoogleEndpoints(), MicrosoftEndpoints(), clients, roots)


def suites() -> Iterator[type[ProviderSuite]]:
    for path in Path(__file__).parent.glob("test_*.py"):
        module = importlib.import_module(f"tests.clouds.{path.stem}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, ProviderSuite):
                yield value


def test_every_provider_is_held_to_the_suite() -> None:
    assert set(PROVIDERS) <= {suite.registered_as for suite in suites()}


def wrappers() -> set[str]:
    """Return what has every call of the port and is no provider: those make a place of their own.

    What all wrappers have in common is none: it cannot make a call.
    """
    port = {name for name in vars(Provider) if not name.startswith("_")}
    found = set()
    for module in pkgutil.iter_modules(clouds.__path__, "balancecloud.clouds."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and port <= set(dir(value)):
                found.add(value)
    bare = {Provider, PlacedProvider, Around}
    return {one.__name__ for one in found - bare if not hasattr(one, "ensure_place")}


def test_every_wrapper_is_held_to_the_suite() -> None:
    tested = {
        wrapper.__name__
        for suite in suites()
        if issubclass(suite, WrapperSuite)
        for wrapper in suite.wrappers
    }
    assert wrappers() == tested == {"Retry", "Throttle"}


def test_names_titles_and_codes_are_those_of_the_format() -> None:
    table = {kind.name: (kind.title, kind.wrapping_code) for kind in PROVIDERS.values()}
    assert table == {
        "google_drive": ("Google Drive", 1),
        "onedrive": ("OneDrive", 2),
        "folder": ("Folder", 3),
    }


def test_only_folders_are_linked_without_oauth() -> None:
    assert [kind.name for kind in PROVIDERS.values() if not kind.links_by_oauth] == ["folder"]


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_without_a_client_of_ours_grants_nothing(name: str) -> None:
    assert registry.grants_of(name, installation()) is None


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_account_without_what_it_needs_is_not_opened(name: str) -> None:
    with pytest.raises(ConfigError):
        registry.open_account(name, installation(), Account(None, None))


def test_a_folder_is_opened_by_its_path(tmp_path: Path) -> None:
    account = Account(None, str(tmp_path / "a"))
    folder = registry.open_account("folder", installation(tmp_path), account)
    assert folder.ensure_place() == str(tmp_path / "a")


def test_two_folders_of_one_device_fail_as_one(tmp_path: Path) -> None:
    domains = {
        registry.failure_domain("folder", Identity(name, None, None), str(tmp_path))
        for name in ("first", "second")
    }
    assert len(domains) == 1


def test_two_accounts_of_one_provider_fail_apart() -> None:
    first = registry.failure_domain("onedrive", Identity("1", None, None), "place")
    second = registry.failure_domain("onedrive", Identity("2", None, None), "place")
    assert first != second
