"""Who an earlier launcher left running, known by pid files, and ended before a new start.

A process number alone is no proof, as numbers are given again: the time of its start goes with it.
"""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balancecloud.cli.embedded.processes import Command, kill_group
from balancecloud.clock import SYSTEM_CLOCK

PATIENCE_SECONDS: Final = 8.0
_PROC: Final = Path("/proc/self/stat")  # on Linux
_START_TIME_FIELD: Final = 19  # of /proc/<pid>/stat after the name, which may hold spaces


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process that was written down."""

    pid: int
    started: str
    stop_signal: int

    def lives(self) -> bool:
        """Whether it is still that process."""
        return start_time(self.pid) == self.started


def write_down(folder: Path, command: Command, pid: int) -> None:
    """Remember a child for the next start."""
    content = f"{pid}\n{start_time(pid)}\n{int(command.stop_signal)}\n"
    (folder / command.name).write_text(content, "ascii")


def forget(folder: Path, name: str) -> None:
    """Say that a child has ended."""
    (folder / name).unlink(missing_ok=True)


def end_all(folder: Path) -> int:
    """End every child that is still there; return how many there were."""
    found = [leftover for path in folder.iterdir() if (leftover := _read(path)) is not None]
    living = [leftover for leftover in found if leftover.lives()]
    for leftover in living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(leftover.pid, leftover.stop_signal)
    deadline = SYSTEM_CLOCK.monotonic() + PATIENCE_SECONDS
    while any(leftover.lives() for leftover in living) and SYSTEM_CLOCK.monotonic() < deadline:
        SYSTEM_CLOCK.sleep(0.05)
    for leftover in living:
        if leftover.lives():
            kill_group(leftover.pid)
    for path in folder.iterdir():
        path.unlink()
    return len(living)


def start_time(pid: int) -> str | None:
    """Return when a process began, in the system's own words; None when it is gone."""
    if _PROC.exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        except OSError:
            return None
        state, *fields = stat.rpartition(")")[2].split()
        return None if state == "Z" else fields[_START_TIME_FIELD - 1]
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - where it lies differs
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def _read(path: Path) -> Leftover | None:
    """Return what a pid file says; a torn one says nothing."""
    lines = path.read_text("ascii", "replace").splitlines()
    if len(lines) != 3 or not lines[0].isdigit() or not lines[2].isdigit():
        return None
    stop_signal = int(lines[2])
    known = stop_signal in {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
    return Leftover(int(lines[0]), lines[1], stop_signal) if known else None
