"""A person with three accounts in memory, on a real database and a real spool."""

import uuid

import pytest
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.storage.tools import Tools
from tests.storage.world import Person, make_tools


@pytest.fixture
def hands(
    config: Config, database: sessionmaker[Session]
) -> tuple[Tools, dict[uuid.UUID, Provider]]:
    """Tools, and the dict in which their accounts are looked up."""
    return make_tools(config, database)


@pytest.fixture
def person(hands: tuple[Tools, dict[uuid.UUID, Provider]]) -> Person:
    """A person with three accounts."""
    return Person.new(*hands, accounts=3)
