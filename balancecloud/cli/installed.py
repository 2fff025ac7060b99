"""An installation as backup and restore see it: a database's URL and the files of its secrets.

Given DATABASE_URL, both are what the environment names. Else it is the data folder of
`balancecloud up`, whose PostgreSQL is started for the while unless it runs already.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from balancecloud.cli.embedded import leftovers, postgres
from balancecloud.cli.embedded.data_folder import (
    AlreadyRuns,
    DataFolder,
    make_secrets,
    open_data_folder,
    open_running_folder,
)
from balancecloud.cli.embedded.household import DATABASE, SECRET_FILES, Household
from balancecloud.config import LaunchConfig, database_from_environment, launch_from_environment
from balancecloud.errors import ConfigError

# Beside the five of our own: former keys, and those of the clients at the providers.
MORE_SECRETS: Final = (
    "SECRET_KEY_FALLBACK_FILE",
    "TOKEN_KEY_FALLBACK_FILE",
    "GOOGLE_CLIENT_SECRET_FILE",
    "MICROSOFT_CLIENT_SECRET_FILE",
)


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the database answers and where each secret lies, by its variable's name."""

    database_url: str = field(repr=False)
    secret_files: Mapping[str, Path]
    environment: Mapping[str, str] = field(repr=False)


def secret_files(launch: LaunchConfig, folder: DataFolder | None) -> dict[str, Path]:
    """Return the files of this installation's secrets that are set."""
    found = {}
    for variable in (*SECRET_FILES, *MORE_SECRETS):
        if variable == "SETUP_CODE_FILE":  # needed once, before there is anything to keep
            continue
        given = launch.environment.get(variable)
        if given:
            found[variable] = Path(given)
        elif folder is not None and variable in SECRET_FILES:
            found[variable] = folder.secret(SECRET_FILES[variable])
    return found


@contextmanager
def installed() -> Iterator[Installed]:
    """Yield the installation that the environment names, with its database answering."""
    launch = launch_from_environment()
    if launch.has_database:
        yield given(launch)
        return
    if not (launch.data_dir / "postgres").exists():
        raise ConfigError(f"Nothing is kept in {launch.data_dir}. Set DATA_DIR or DATABASE_URL.")
    try:
        folder = open_data_folder(launch.data_dir)
    except AlreadyRuns:  # and its server with it
        folder = open_running_folder(launch.data_dir)
        url = postgres.url(Household(launch, folder, 0).database(), DATABASE)
        yield Installed(url, secret_files(launch, folder), launch.environment)
        return
    with served(launch, folder) as place:
        yield place


def given(launch: LaunchConfig) -> Installed:
    """Return the installation whose servers were given to us."""
    url = database_from_environment(launch.environment)
    return Installed(url, secret_files(launch, None), launch.environment)


@contextmanager
def served(launch: LaunchConfig, folder: DataFolder) -> Iterator[Installed]:
    """Yield a data folder's installation with its PostgreSQL started; release it afterwards."""
    leftovers.end_all(folder.pids)
    make_secrets(folder)
    plan = Household(launch, folder, 0).database()
    server = postgres.start(plan)
    try:
        postgres.ensure_database(plan, DATABASE)
        yield Installed(server.url(DATABASE), secret_files(launch, folder), launch.environment)
    finally:
        server.stop()
        folder.release()
