"""`balancecloud migrate`: bring the schema up to date. It needs DATABASE_URL and no key."""

import argparse

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from balancecloud.cli import schema
from balancecloud.config import database_from_environment
from balancecloud.errors import ConfigError
from balancecloud.models.head import HEAD


def run(_arguments: argparse.Namespace | None = None) -> int:
    bring_up_to_date(database_from_environment())
    print(f"The database is at migration {HEAD}.")
    return 0


def bring_up_to_date(url: str) -> None:
    """Apply what is missing; ConfigError when the database does not answer."""
    engine = create_engine(url, connect_args={"connect_timeout": 10})
    try:
        schema.upgrade(engine)
    except OperationalError as problem:
        raise ConfigError("The database does not answer. Is DATABASE_URL right?") from problem
    finally:
        engine.dispose()
