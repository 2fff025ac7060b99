"""A person with three accounts in memory, on a real database and a real spool."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.storage.tools import Tools
from tests.storage.world import NOTHING, Person, make_tools


@pytest.fixture
def shared() -> int:
    """Up to how many bytes a last chunk shares a pack: none does, where a module says no other."""
    return NOTHING


@pytest.fixture
def hands(
    config: Config, database: sessionmaker[Session], shared: int
) -> tuple[Tools, dict[uuid.UUID, Provider]]:
    """Tools, and the dict in which their accounts are looked up."""
    return make_tools(config, database, shared=shared)


@pytest.fixture
def counted(database: sessionmaker[Session]) -> Iterator[list[str]]:
    """Every statement that is sent to the database."""
    statements: list[str] = []
    engine = database.kw["bind"]

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def person(hands: tuple[Tools, dict[uuid.UUID, Provider]]) -> Person:
    """A person with three accounts."""
    return Person.new(*hands, accounts=3)
