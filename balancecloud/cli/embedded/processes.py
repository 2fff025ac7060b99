"""Child processes that never outlive their parent, even when it is killed."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.errors import BalanceCloudError

_PR_SET_PDEATHSIG: Final = 1
_POLL_SECONDS: Final = 0.02


class CannotStart(BalanceCloudError):
    """Something needed here cannot be started; the sentence says why and what helps."""

    code = "cannot_start"


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, where it logs, and the signals that ask it to end.

    `stop_signal` ends it in good order; `death_signal` reaches it when its parent was killed, and
    ends it soon.
    """

    name: str
    arguments: Sequence[str | Path]
    log: Path
    environment: Mapping[str, str] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    standard_input: bytes = field(default=b"", repr=False)


def start(command: Command) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, which ends when this process dies."""
    with command.log.open("ab") as log:
        process = subprocess.Popen(
            [str(argument) for argument in command.arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=None if command.environment is None else dict(command.environment),
            start_new_session=True,  # Ctrl-C at the terminal reaches the launcher alone
            preexec_fn=_dies_with_parent(command.death_signal),  # noqa: PLW1509 - one system call
        )
    _feed(process, command.standard_input)
    return process


def _feed(process: subprocess.Popen[bytes], content: bytes) -> None:
    stream = process.stdin
    if stream is not None:
        with contextlib.suppress(BrokenPipeError):  # it ended at once: whoever waits for it says so
            stream.write(content)
            stream.close()


def _dies_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """Return what a child calls before it becomes the command; Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died in between: nobody would tell us any more
            os._exit(1)

    return arrange


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Return whether `ready` came true in time while the process was alive."""
    deadline = SYSTEM_CLOCK.monotonic() + seconds
    while SYSTEM_CLOCK.monotonic() < deadline:
        if process.poll() is not None:
            return False
        if ready():
            return True
        SYSTEM_CLOCK.sleep(_POLL_SECONDS)
    return False


def stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals, seconds: float) -> None:
    """Ask a child to end, wait, and end its whole group by force if it does not."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    kill_group(process.pid)
    process.wait()


def kill_group(group: int) -> None:
    """End by force whoever is left in a group; an empty one is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def last_line(log: Path) -> str:
    """Return the last line a child wrote that says something, for a sentence about it."""
    try:
        text = log.read_bytes()[-4000:].decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
