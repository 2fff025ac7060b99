"""`balancecloud up`: everything on this computer, until Ctrl-C."""

import argparse
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

from balancecloud.cli.embedded import leftovers, ports
from balancecloud.cli.embedded.data_folder import make_secrets, open_data_folder
from balancecloud.cli.embedded.household import Household
from balancecloud.cli.embedded.processes import CannotStart
from balancecloud.cli.embedded.supervisor import Supervisor
from balancecloud.config import LaunchConfig, launch_from_environment, read_secret

# Asked for before anything is made, so that a half-made environment is one sentence, not a log.
NEEDED: Final = (
    *("alembic", "argon2", "authlib", "cryptography", "flask", "flask_limiter", "flask_login"),
    *("flask_migrate", "flask_sqlalchemy", "flask_wtf", "gunicorn", "jinja2", "joserfc", "numpy"),
    *("psycopg2", "redis", "requests", "rq", "sqlalchemy", "urllib3"),
)


def run(_arguments: argparse.Namespace | None = None) -> int:
    os.umask(0o077)
    launch = launch_from_environment()
    refuse_missing_modules()
    folder = open_data_folder(launch.data_dir)
    leftovers.end_all(folder.pids)
    ports.refuse_busy(launch.port)
    make_secrets(folder)
    household = Household(launch, folder, ports.free_port())
    supervisor = Supervisor(folder.pids, talk)
    try:
        _on_stop(signal.default_int_handler)  # while starting: leave whatever is waited for
        start(household, supervisor)
        print(greeting(household), flush=True)
        supervisor.watch(_stop_asked_for())
    except KeyboardInterrupt:
        pass
    finally:
        _on_stop(signal.SIG_IGN)
        talk("Stopping ...")
        supervisor.stop_all()
    return 0


def refuse_missing_modules() -> None:
    """Raise CannotStart naming what is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CannotStart(f"The Python module {missing[0]} is missing. Run: make setup")


def start(household: Household, supervisor: Supervisor) -> None:
    """Start the stages, each when the one before is ready."""
    talk("Starting BalanceCloud ...")
    supervisor.start(*household.servers())
    household.migrate()
    if household.launch.is_demo:
        supervisor.start(household.simulator())
    supervisor.start(*household.workforce())


def greeting(household: Household) -> str:
    """Return what a person wants to know once everything runs."""
    launch, folder = household.launch, household.folder
    clouds = f"simulated, at http://{ports.LOOPBACK}:{household.simulator_port}"
    lines = [
        "",
        "  BalanceCloud is running.",
        "",
        f"    Open       {launch.public_url}",
        f"    Your data  {folder.path}",
        f"    Clouds     {clouds if launch.is_demo else 'real accounts'}",
        *_weather(household),
        *_setup_code(launch, household),
        "    Stop       Ctrl-C",
        "",
    ]
    return "\n".join(lines)


def _weather(household: Household) -> list[str]:
    """Return where the simulated clouds are made slow, full or unreachable."""
    if not household.launch.is_demo:
        return []
    return [f"    Weather    http://{ports.LOOPBACK}:{household.simulator_port}/weather"]


def _setup_code(launch: LaunchConfig, household: Household) -> list[str]:
    """Return the line for whoever registers first, where strangers could be quicker."""
    if launch.is_local:
        return []
    code = read_secret(household.folder.secret("setup_code")).decode("ascii")
    return [f"    Setup code {code} (asked for when the first person registers)"]


def talk(sentence: str) -> None:
    """Say something about the run itself."""
    print(sentence, file=sys.stderr, flush=True)


def _stop_asked_for() -> threading.Event:
    """Return what is set when somebody asks us to stop."""
    asked = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    _on_stop(note)
    return asked


def _on_stop(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)
