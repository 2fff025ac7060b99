"""PostgreSQL's own pg_dump and pg_restore, fed and read through pipes: no dump rests on a disk."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import URL, create_engine, inspect, make_url
from sqlalchemy.exc import OperationalError

from balancecloud.cli.archive import PIECE_LENGTH, BackupRefused
from balancecloud.cli.embedded import postgres
from balancecloud.cli.embedded.processes import CannotStart
from balancecloud.errors import ConfigError

_QUIET: Final = {"PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}


def dump(url: str, environment: Mapping[str, str]) -> Iterator[bytes]:
    """Yield a database's dump; BackupRefused when pg_dump fails, even at its very end."""
    arguments = ["--format=custom", "--no-owner", "--no-privileges", *_where(url)]
    process = subprocess.Popen(
        [_program("pg_dump"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(url, environment),
    )
    if process.stdout is None:  # for the type checker: a pipe was asked for
        raise BackupRefused("pg_dump could not be read.")
    with process:
        while piece := process.stdout.read(PIECE_LENGTH):
            yield piece
        said = process.stderr.read() if process.stderr else b""
    if process.returncode:
        raise BackupRefused(f"pg_dump failed: {_last_line(said)}")


def load(url: str, pieces: Iterable[bytes], environment: Mapping[str, str]) -> None:
    """Load a dump in one transaction: all of it, or on any error nothing."""
    options = ["--single-transaction", "--exit-on-error", "--clean", "--if-exists"]
    process = subprocess.Popen(
        [_program("pg_restore"), *options, "--no-owner", "--no-privileges", *_where(url)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(url, environment),
    )
    said = b""
    try:
        said = _feed(process, pieces)
    except BaseException:
        process.kill()  # before it sees an end, and would commit what came so far
        process.wait()
        raise
    if process.returncode:
        raise BackupRefused(f"pg_restore failed: {_last_line(said)}")


def _feed(process: subprocess.Popen[bytes], pieces: Iterable[bytes]) -> bytes:
    """Write everything; return what it complained of."""
    stream = process.stdin
    if stream is not None:
        try:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
        except BrokenPipeError:  # it has ended and says why on stderr
            pass
    return process.communicate()[1]


def is_empty(url: str) -> bool:
    """Whether a database holds no table; ConfigError when it does not answer."""
    engine = create_engine(url, connect_args={"connect_timeout": 10})
    try:
        return not inspect(engine).get_table_names()
    except OperationalError as problem:
        raise ConfigError("The database does not answer. Is DATABASE_URL right?") from problem
    finally:
        engine.dispose()


def _where(url: str) -> list[str]:
    return [f"--dbname={make_url(url).database}"]


def _environment(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what libpq is told; by variables, as arguments are for everybody to read."""
    parts: URL = make_url(url)
    query = parts.query.get("host")
    told = {
        "PGHOST": parts.host or (query if isinstance(query, str) else ""),
        "PGPORT": str(parts.port or 5432),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
    }
    return {**environment, **_QUIET, **{name: value for name, value in told.items() if value}}


def _program(name: str) -> str:
    """Return PostgreSQL's own program from the wheel, else from the system."""
    try:
        found = postgres.find_binaries() / name
        if found.exists():
            return str(found)
    except CannotStart:
        pass
    installed = shutil.which(name)
    if installed is None:
        raise BackupRefused(
            f"{name} is missing. On Debian or Ubuntu: apt install postgresql-client"
        )
    return str(Path(installed))


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it did not say why"
