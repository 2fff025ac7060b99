"""The docs name everything a person can use."""

import re
from pathlib import Path

import pytest

from balancecloud.cli.__main__ import parser
from balancecloud.clouds.registry import PROVIDERS

DOCS = Path(__file__).resolve().parents[2] / "docs"


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
