"""People, without any web."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.crypto.keys import MasterKeys
from balancecloud.identity import users
from balancecloud.identity.people import Person

PASSWORD = "four unrelated words here"
Register = Callable[..., Person]


@pytest.fixture
def keys(config: Config) -> MasterKeys:
    """The master keys of the settings."""
    return MasterKeys({number: key.reveal() for number, key in config.master_keys.items()})


@pytest.fixture
def session(database: sessionmaker[Session]) -> Iterator[Session]:
    """One transaction, undone at the end."""
    with database() as session:
        yield session


@pytest.fixture
def register(session: Session, config: Config, keys: MasterKeys) -> Register:
    """Register a person."""

    def make(email: str = "ada@example.org", password: str = PASSWORD) -> Person:
        return users.register(session, config, keys, email, password)

    return make
