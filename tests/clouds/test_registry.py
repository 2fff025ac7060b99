"""The table of providers, and that each of them is held to the suite."""

import importlib
from pathlib import Path

import pytest

from balancecloud.clouds import registry
from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints
from balancecloud.clouds.provider import Identity
from balancecloud.clouds.registry import PROVIDERS, Account, Installation, OAuthClients
from balancecloud.errors import ConfigError
from tests.clouds.provider_suite import ProviderSuite


def installation(*roots: Path) -> Installation:
    clients = OAuthClients(None, None)
    return registry.installation(GoogleEndpoints(), MicrosoftEndpoints(), clients, roots)


def test_every_provider_is_held_to_the_suite() -> None:
    tested: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        module = importlib.import_module(f"tests.clouds.{path.stem}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, ProviderSuite):
                tested.add(value.registered_as)
    assert set(PROVIDERS) <= tested


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
