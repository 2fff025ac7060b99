"""`balancecloud keys`: which master keys there are, and how many rows need each."""

import argparse

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from balancecloud.cli.installed import installed
from balancecloud.config import parse_master_keys, read_secret
from balancecloud.errors import ConfigError
from balancecloud.storage import boot


def run(_arguments: argparse.Namespace | None = None) -> int:
    with installed() as place:
        if "MASTER_KEY_FILE" not in place.secret_files:
            raise ConfigError("MASTER_KEY_FILE is not set.")
        known = parse_master_keys(read_secret(place.secret_files["MASTER_KEY_FILE"]))
        engine = create_engine(place.database_url, connect_args={"connect_timeout": 10})
        try:
            with engine.connect() as connection:
                needed = boot.rows_by_master_key(connection)
        except OperationalError as problem:
            raise ConfigError("The database does not answer.") from problem
        finally:
            engine.dispose()
    for number in sorted({*known, *needed}):
        print(_line(number, needed.get(number, {}), known=number in known))
    return 0


def _line(number: int, rows: dict[str, int], *, known: bool) -> str:
    counts = ", ".join(f"{count} {table}" for table, count in sorted(rows.items())) or "nothing"
    return f"{number}: {'here' if known else 'MISSING'}, needed by {counts}"
