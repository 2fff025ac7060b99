"""The docs name everything a person can use."""

import re
from pathlib import Path

import pytest

from balancecloud.cli.__main__ import parser
from balancecloud.clouds.registry import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
DOCS, README = ROOT / "docs", ROOT / "README.md"


def commands() -> list[str]:
    actions = [action for action in parser()._actions if action.dest == "command"]
    return sorted(actions[0].choices or ())


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_operations_manual(command: str) -> None:
    manual = (DOCS / "operations.md").read_text()

    assert re.search(rf"^\| .*`{command}[ `]", manual, re.MULTILINE)


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_provider_has_a_section(provider: str) -> None:
    assert f"`{provider}`" in (DOCS / "providers.md").read_text()


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_link_between_documents_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", [README, *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_every_link_and_picture_of_a_document_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    targets = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text)
    inside = [a or b for a, b in targets if "://" not in (a or b) and not (a or b).startswith("#")]

    assert [to for to in inside if not (page.parent / to.partition("#")[0]).exists()] == []
