"""The children of `balancecloud up`: what each is, what it is told, when it is ready."""

import http.client
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from balancecloud.cli.embedded import ports, postgres, processes, valkey
from balancecloud.cli.embedded.data_folder import DataFolder, write_whole
from balancecloud.cli.embedded.postgres import PostgresPlan
from balancecloud.cli.embedded.processes import CannotStart, Command
from balancecloud.cli.embedded.supervisor import Child
from balancecloud.cli.embedded.valkey import ValkeyPlan
from balancecloud.config import LaunchConfig, Secret, read_secret

ROOT: Final = Path(__file__).resolve().parents[3]
DATABASE: Final = "balancecloud"
# What `python -m cloudsim` knows by itself; it guards nothing.
SIMULATED_CLIENT: Final = ("balancecloud-demo", b"simulated-not-secret\n")
# How glibc hands out and keeps what we seal, code and send. A piece beyond the first threshold is
# mapped for itself, and the kernel clears each of its pages anew: with 1 MiB there a GB received
# took 14 s of processor time, 10 of them for that. Beyond the second one, what is free goes back.
# One arena, as each keeps its own. The Dockerfile says the same; docs/performance.md has figures.
MALLOC: Final = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
}
# The web hands what it reads ahead on and needs none of it again soon; what it uses over and over
# are steps of 256 KiB.
WEB_MALLOC: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(384 << 10),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 20),
}
SECRET_FILES: Final = {
    "SECRET_KEY_FILE": "secret_key",
    "TOKEN_KEY_FILE": "token_key",
    "QUEUE_KEY_FILE": "queue_key",
    "PEPPER_FILE": "pepper",
    "MASTER_KEY_FILE": "master_keys",
    "SETUP_CODE_FILE": "setup_code",
}


@dataclass(frozen=True, slots=True)
class Household:
    """One installation on this computer."""

    launch: LaunchConfig
    folder: DataFolder
    simulator_port: int

    def database(self) -> PostgresPlan:
        """Return how our PostgreSQL runs."""
        return PostgresPlan(
            folder=self.folder.cluster,
            sockets=self.folder.sockets,
            log=self.folder.log("postgres"),
            password=Secret(read_secret(self.folder.secret("database_password"))),
        )

    def queue(self) -> ValkeyPlan:
        """Return how our Valkey runs."""
        return ValkeyPlan(
            sockets=self.folder.sockets,
            log=self.folder.log("valkey"),
            password=Secret(read_secret(self.folder.secret("redis_password"))),
        )

    def servers(self) -> list[Child]:
        """Return the servers that nobody gave us."""
        wanted = []
        if not self.launch.has_database:
            plan = self.database()
            wanted.append(
                Child(
                    "postgres",
                    lambda: postgres.prepare(plan),
                    lambda: postgres.answers(plan),
                    postgres.START_SECONDS,
                    1.5,
                )
            )
        if not self.launch.has_redis:
            queue = self.queue()
            wanted.append(
                Child(
                    "valkey",
                    lambda: valkey.prepare(queue),
                    lambda: valkey.answers(queue),
                    valkey.START_SECONDS,
                    1.5,
                )
            )
        return wanted

    def simulator(self) -> Child:
        """Return the simulated clouds; always at one port, as the others were told it."""
        command = Command(
            name="simulator",
            arguments=[
                *(sys.executable, "-m", "cloudsim", "--port", str(self.simulator_port)),
                *("--data", self.folder.simulated),
            ],
            log=self.folder.log("simulator"),
            environment=self.environment(),
        )
        port = self.simulator_port
        return Child("simulator", lambda: command, lambda: listens(port), 20.0, 1.0)

    def workforce(self) -> list[Child]:
        """Return web, worker and tick."""
        web = self._program("web", self._gunicorn())
        web = replace(web, environment=self.environment() | WEB_MALLOC)
        web = replace(web, death_signal=signal.SIGQUIT)  # at once; SIGTERM would take 30 s
        worker = self._program("worker", ["-m", "balancecloud.cli", "worker"])
        tick = self._program("tick", ["-m", "balancecloud.cli", "tick"])
        return [
            Child("web", lambda: web, self.is_healthy, 60.0, 5.0),
            Child("worker", lambda: worker, lambda: True, 10.0, 5.0),
            Child("tick", lambda: tick, lambda: True, 10.0, 5.0),
        ]

    def migrate(self) -> None:
        """Make our database if need be and bring its schema up to date."""
        if not self.launch.has_database:
            postgres.ensure_database(self.database(), DATABASE)
        command = self._program("migrate", ["-m", "balancecloud.cli", "migrate"])
        command.log.unlink(missing_ok=True)
        if processes.start(command).wait():
            reason = processes.last_line(command.log)
            raise CannotStart(f"The database could not be migrated: {reason}")

    def is_healthy(self) -> bool:
        """Whether the web answers and sees a worker."""
        return web_is_healthy(self.launch.port, urlsplit(self.launch.public_url).netloc)

    def environment(self) -> dict[str, str]:
        """Return what the programs are told: paths and addresses, no secret."""
        made = MALLOC | dict(self.launch.environment)
        for variable, name in SECRET_FILES.items():
            made.setdefault(variable, str(self.folder.secret(name)))
        made["DATA_DIR"] = str(self.folder.path)
        made["PUBLIC_URL"] = self.launch.public_url
        made["PYTHONPATH"] = str(ROOT)
        made["PYTHONUNBUFFERED"] = "1"
        made.setdefault("FOLDER_ROOTS", str(self.folder.folders))
        made |= self._servers_told() | self._clouds_told()
        return made

    def _servers_told(self) -> dict[str, str]:
        told = {}
        if not self.launch.has_database:
            host = quote(str(self.folder.sockets), safe="/")
            told["DATABASE_URL"] = f"postgresql://{postgres.ROLE}@/{DATABASE}?host={host}"
            told["DATABASE_PASSWORD_FILE"] = str(self.folder.secret("database_password"))
        if not self.launch.has_redis:
            socket = quote(str(self.folder.sockets / valkey.SOCKET_NAME), safe="/")
            told["REDIS_URL"] = f"unix://{socket}?db=0"
            told["REDIS_PASSWORD_FILE"] = str(self.folder.secret("redis_password"))
        return told

    def _clouds_told(self) -> dict[str, str]:
        if not self.launch.is_demo:
            return {}
        client, code = SIMULATED_CLIENT
        told = {"SIMULATOR_URL": f"http://{ports.LOOPBACK}:{self.simulator_port}"}
        for provider in ("GOOGLE", "MICROSOFT"):
            path = self.folder.secret("simulated_client")
            if not path.exists():
                write_whole(path, code)
            told[f"{provider}_CLIENT_ID"] = client
            told[f"{provider}_CLIENT_SECRET_FILE"] = str(path)
        return told

    def _gunicorn(self) -> list[str | Path]:
        return [
            *("-m", "gunicorn", "--config", ROOT / "gunicorn.conf.py", "--chdir", ROOT),
            # One process is not recycled: while it ended, nobody would answer.
            *("--bind", f"{ports.LOOPBACK}:{self.launch.port}", "--max-requests", "0"),
            "wsgi:app",
        ]

    def _program(self, name: str, arguments: Sequence[str | Path]) -> Command:
        return Command(
            name=name,
            arguments=[sys.executable, *arguments],
            log=self.folder.log(name),
            environment=self.environment(),
        )


def web_is_healthy(port: int, host: str) -> bool:
    """Whether /api/health says that requests are answered and work is done."""
    status, body = _ask(port, host, "/api/health")
    try:
        return status == 200 and json.loads(body)["checks"]["workers"] == "ok"
    except (ValueError, KeyError, TypeError):
        return False


def answers(port: int, host: str) -> bool:
    """Whether the web answers at all."""
    return _ask(port, host, "/api/health/live")[0] == 200


def _ask(port: int, host: str, path: str) -> tuple[int, bytes]:
    """Return status and body, or 0 and nothing; under the name that the web goes by."""
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        reply = connection.getresponse()
        return reply.status, reply.read(65536)
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Whether somebody answers on a port of this computer."""
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=2)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True
