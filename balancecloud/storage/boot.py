"""What must hold before web or worker may start; each refusal is one sentence.

Settings that are unsafe by themselves were refused before, when the Config was made.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, func, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from balancecloud.clock import Clock
from balancecloud.config import Config
from balancecloud.crypto import selftest
from balancecloud.errors import ConfigError
from balancecloud.models.clouds import CloudAccount, LinkAttempt, UploadSession
from balancecloud.models.head import HEAD
from balancecloud.models.library import Upload
from balancecloud.models.people import UserKeyRow

# This release cannot run earlier: such a clock would let ended sign-ins and tokens live again.
RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)
_UNDER_MASTER_KEYS: Final = (UserKeyRow, CloudAccount, LinkAttempt, Upload, UploadSession)


def check(config: Config, clock: Clock) -> None:
    """Return when everything holds, else raise a ConfigError that says what does not."""
    selftest.run()
    refuse_early_clock(clock)
    engine = create_engine(config.database_url, connect_args={"connect_timeout": 5})
    try:
        check_database(engine, config)
    finally:
        engine.dispose()


def refuse_early_clock(clock: Clock) -> None:
    """Raise when this computer's clock is before the day of release."""
    if clock.now() < RELEASED:
        raise ConfigError(
            f"This computer's clock says {clock.now():%Y-%m-%d}, before this release was made."
        )


def check_database(engine: Engine, config: Config) -> None:
    """Raise when the schema is another release's or rows need a master key we do not have."""
    try:
        with engine.connect() as connection:
            refuse_other_schema(connection)
            refuse_unknown_master_keys(connection, frozenset(config.master_keys))
    except OperationalError as problem:
        raise ConfigError("The database does not answer. Is DATABASE_URL right?") from problem


def refuse_other_schema(connection: Connection) -> None:
    """Raise unless the newest migration is the one these models match."""
    try:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError:
        found = None
        connection.rollback()
    if found != HEAD:
        raise ConfigError(
            f"The database is at migration {found or 'none'} and this release needs {HEAD}. "
            "Run: balancecloud migrate"
        )


def refuse_unknown_master_keys(connection: Connection, known: frozenset[int]) -> None:
    """Raise when rows are wrapped under a master key that is not given, naming it with counts."""
    unknown = [
        f"{count} rows of {table} need {number}"
        for number, tables in sorted(rows_by_master_key(connection).items())
        for table, count in tables.items()
        if number not in known
    ]
    if unknown:
        raise ConfigError(f"MASTER_KEY_FILE lacks keys in use: {'; '.join(unknown)}.")


def rows_by_master_key(connection: Connection) -> dict[int, dict[str, int]]:
    """Return, for each master key in use, how many rows of which table need it."""
    needed: dict[int, dict[str, int]] = {}
    for table in _UNDER_MASTER_KEYS:
        rows = connection.execute(
            select(table.master_version, func.count())
            .where(table.master_version.is_not(None))
            .group_by(table.master_version)
        )
        for number, count in rows:
            if number is None:  # for the type checker: the query leaves these out
                continue
            needed.setdefault(number, {})[table.__tablename__] = count
    return needed
