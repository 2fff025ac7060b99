"""Passphrases, asked for or read from a file; never an argument, which others could list."""

import getpass
import sys
import unicodedata
from pathlib import Path
from typing import Final

from balancecloud.cli.archive import BackupRefused
from balancecloud.config import read_secret

SHORTEST: Final = 12


def choose(file: Path | None) -> bytes:
    """Return a new passphrase; asked for twice, as a mistyped one opens nothing."""
    passphrase = _given(file, "Passphrase for this backup: ")
    if len(passphrase) < SHORTEST:
        raise BackupRefused(f"A passphrase needs {SHORTEST} characters or more.")
    if file is None and _given(None, "The same again: ") != passphrase:
        raise BackupRefused("The two passphrases differ.")
    return _normal(passphrase)


def tell(file: Path | None) -> bytes:
    """Return the passphrase of an existing backup."""
    return _normal(_given(file, "Passphrase of this backup: "))


def _given(file: Path | None, prompt: str) -> str:
    if file is not None:
        return read_secret(file).decode("utf-8", "replace")
    if not sys.stdin.isatty():
        raise BackupRefused("There is no terminal to ask for a passphrase: use --passphrase-file.")
    return getpass.getpass(prompt)


def _normal(passphrase: str) -> bytes:
    """Return its bytes, the same from every keyboard."""
    return unicodedata.normalize("NFC", passphrase).encode()
