"""The data folder: everything one installation keeps, for this user's eyes alone."""

import base64
import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from balancecloud.cli.embedded.processes import CannotStart
from balancecloud.cli.embedded.sockets import socket_folder

# Read by the application as files; each made once, on the first start.
SECRETS: Final = ("secret_key", "token_key", "queue_key", "pepper", "master_keys")
PASSWORDS: Final = ("database_password", "redis_password", "setup_code")
_PARTS: Final = ("secrets", "logs", "pids", "spool", "folders")
_MARK: Final = "lock"
_COMPLETE: Final = "complete"  # every secret was made once: from now on, none is made again


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where what lies; held by one process at a time, as long as its `lock` is open."""

    path: Path
    sockets: Path
    lock: TextIO | None  # None: another process holds it

    def secret(self, name: str) -> Path:
        """Return the file of a secret."""
        return self.path / "secrets" / name

    def log(self, name: str) -> Path:
        """Return a child's log."""
        return self.path / "logs" / f"{name}.log"

    def release(self) -> None:
        """Let another process have it."""
        if self.lock is not None:
            self.lock.close()

    @property
    def pids(self) -> Path:
        """Where the numbers of running children are written down."""
        return self.path / "pids"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's files."""
        return self.path / "postgres"

    @property
    def folders(self) -> Path:
        """Below which `folder` accounts may lie."""
        return self.path / "folders"

    @property
    def simulated(self) -> Path:
        """What the simulated clouds hold."""
        return self.path / "simulated"


class AlreadyRuns(CannotStart):
    """A launcher holds this data folder."""

    code = "already_runs"


def open_running_folder(path: Path) -> DataFolder:
    """Return the data folder of a launcher that runs, without holding it."""
    whole = path.expanduser().absolute()
    return DataFolder(whole, socket_folder(whole), None)


def open_data_folder(path: Path) -> DataFolder:
    """Make or enter a data folder; CannotStart when it cannot be ours alone."""
    whole = path.expanduser().absolute()
    try:
        _make(whole)
        lock = _lock(whole)
        for part in _PARTS:
            _private(whole / part)
        sockets = socket_folder(whole)
    except PermissionError as problem:
        raise CannotStart(
            f"The data folder {whole} cannot be written. Set DATA_DIR to one that can."
        ) from problem
    except OSError as problem:
        raise CannotStart(
            f"The data folder {whole} cannot be used: {problem.strerror}. Set DATA_DIR to another."
        ) from problem
    return DataFolder(whole, sockets, lock)


def _make(folder: Path) -> None:
    """Make the folder; an existing one must be ours or empty, as its permissions are narrowed."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise CannotStart(
            f"{folder} holds other things. Set DATA_DIR to an empty folder, or one to be made."
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _private(folder)


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_mode & 0o777 != 0o700:
        folder.chmod(0o700)


def _lock(folder: Path) -> TextIO:
    """Hold the folder until this process ends, however it ends."""
    lock = (folder / _MARK).open("a")
    (folder / _MARK).chmod(0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        lock.close()
        raise AlreadyRuns(
            f"BalanceCloud already runs with the data folder {folder}. Stop it first, or set "
            "DATA_DIR and PORT to start another one."
        ) from problem
    return lock


def make_secrets(folder: DataFolder) -> None:
    """Make the secrets that are missing, each its own; never one that data may need already."""
    needed: set[str] = set()
    if folder.secret(_COMPLETE).exists() or folder.cluster.exists():
        needed |= set(SECRETS)
    if folder.cluster.exists():
        needed.add("database_password")
    for name in (*SECRETS, *PASSWORDS):
        path = folder.secret(name)
        if path.exists():
            continue
        if name in needed:
            raise CannotStart(
                f"The secret {path} is missing, and without it the data here cannot be opened. "
                "Restore it from a backup."
            )
        write_whole(path, _new_secret(name))
    folder.secret(_COMPLETE).touch(mode=0o600)


def _new_secret(name: str) -> bytes:
    if name == "master_keys":
        return b"1:" + base64.b64encode(secrets.token_bytes(32)) + b"\n"
    if name == "setup_code":
        return secrets.token_hex(8).encode() + b"\n"
    return secrets.token_hex(32).encode() + b"\n"


def write_whole(path: Path, content: bytes) -> None:
    """Write a 0600 file that after a crash is there whole or not at all."""
    half = path.with_name(path.name + ".new")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.rename(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
