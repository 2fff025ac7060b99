"""`balancecloud restore FILE`: bring database and secrets back, into an empty place."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from balancecloud.cli import dumps, migrate, passphrases
from balancecloud.cli.archive import BackupRefused, read_parts
from balancecloud.cli.backup import DATABASE_PART, MANIFEST_PART
from balancecloud.cli.embedded.data_folder import open_data_folder, write_whole
from balancecloud.cli.installed import Installed, given, secret_files, served
from balancecloud.config import LaunchConfig, launch_from_environment


def run(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    if not file.is_file():
        raise BackupRefused(f"There is no file {file}.")
    launch = launch_from_environment()
    refuse_full_folder(launch, replace=arguments.replace)
    passphrase = passphrases.tell(arguments.passphrase_file)
    secrets = examine(file, passphrase)  # all of it, before anything is changed
    with place_for(launch, secrets, replace=arguments.replace) as place:
        if not arguments.replace and not dumps.is_empty(place.database_url):
            raise BackupRefused("The database is not empty. Use --replace to replace what it has.")
        load_database(place, file, passphrase)
        migrate.bring_up_to_date(place.database_url)
    print("Restored. What was not stored on the clouds yet has to be uploaded again.")
    return 0


def refuse_full_folder(launch: LaunchConfig, *, replace: bool) -> None:
    """Raise when a data folder holds an installation that was not given up."""
    holds = not launch.has_database and (launch.data_dir / "postgres").exists()
    if holds and not replace:
        raise BackupRefused(
            f"{launch.data_dir} holds an installation. Set DATA_DIR to an empty folder, or use "
            "--replace to replace it."
        )


def examine(file: Path, passphrase: bytes) -> dict[str, bytes]:
    """Open the whole backup once and return its secrets; BackupRefused when it is not sound."""
    secrets: dict[str, bytes] = {}
    has_database = False
    for name, pieces in read_parts(file, passphrase):
        if name in {DATABASE_PART, MANIFEST_PART}:
            has_database |= name == DATABASE_PART
            for _ in pieces:
                pass
        else:
            secrets[name] = b"".join(pieces)
    if not has_database:
        raise BackupRefused("The backup holds no database.")
    return secrets


@contextmanager
def place_for(
    launch: LaunchConfig, secrets: Mapping[str, bytes], *, replace: bool
) -> Iterator[Installed]:
    """Write the secrets where this installation reads them, and yield it."""
    if launch.has_database:
        put_secrets(secret_files(launch, None), secrets, replace=replace)
        yield given(launch)
        return
    folder = open_data_folder(launch.data_dir)
    put_secrets(secret_files(launch, folder), secrets, replace=replace)
    with served(launch, folder) as place:
        yield place


def put_secrets(files: Mapping[str, Path], secrets: Mapping[str, bytes], *, replace: bool) -> None:
    """Write each secret to its file; where another one is there already, refuse and change none."""
    for variable, content in secrets.items():
        path = files.get(variable)
        if path is None:
            print(
                f"The backup also holds {variable}; set it to a path to have it.", file=sys.stderr
            )
        elif path.exists() and path.read_bytes().strip() != content and not replace:
            raise BackupRefused(f"{path} holds another secret. Use --replace to replace it.")
    try:
        for variable, content in secrets.items():
            path = files.get(variable)
            if path is not None and not (path.exists() and path.read_bytes().strip() == content):
                write_whole(path, content + b"\n")
    except OSError as problem:
        raise BackupRefused(f"A secret cannot be written: {problem.strerror}.") from problem


def load_database(place: Installed, file: Path, passphrase: bytes) -> None:
    """Load the database's part in one transaction."""
    for name, pieces in read_parts(file, passphrase):
        if name == DATABASE_PART:
            dumps.load(place.database_url, pieces, place.environment)
        else:
            for _ in pieces:
                pass
