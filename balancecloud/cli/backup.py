"""`balancecloud backup FILE`: the database and the secrets, sealed under a passphrase."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from balancecloud.cli import dumps, passphrases
from balancecloud.cli.archive import BackupRefused, writing
from balancecloud.cli.installed import Installed, installed
from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import read_secret
from balancecloud.models.head import HEAD

DATABASE_PART: Final = "database"
MANIFEST_PART: Final = "manifest"


def run(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    if file.exists():
        raise BackupRefused(f"{file} exists already. Choose another name.")
    passphrase = passphrases.choose(arguments.passphrase_file)
    with installed() as place:
        write(place, file, passphrase)
    print(file)
    print(
        "Keep it elsewhere, and its passphrase apart from it: whoever has both has everything.",
        file=sys.stderr,
    )
    return 0


def write(place: Installed, file: Path, passphrase: bytes) -> None:
    """Write an installation's backup; it gets its name only when it is whole."""
    manifest = {"made_at": SYSTEM_CLOCK.now().isoformat(timespec="seconds"), "migration": HEAD}
    try:
        with writing(file, passphrase) as archive:
            archive.add(MANIFEST_PART, [json.dumps(manifest).encode()])
            for variable, path in place.secret_files.items():
                archive.add(variable, [read_secret(path)])
            archive.add(DATABASE_PART, dumps.dump(place.database_url, place.environment))
    except OSError as problem:
        raise BackupRefused(f"{file} cannot be written: {problem.strerror}.") from problem
