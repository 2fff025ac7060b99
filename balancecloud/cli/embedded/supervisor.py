"""Watches children: starts again who dies, ends all in order, keeps their logs small."""

import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balancecloud.cli.embedded import leftovers, processes
from balancecloud.cli.embedded.processes import CannotStart, Command
from balancecloud.clock import SYSTEM_CLOCK

LOOK_SECONDS: Final = 0.3
SHORTEST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0  # alive for that long, a child has earned a quick restart
LOG_BYTES: Final = 5 << 20


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep alive. `prepare` tidies up and says how to run it, each time anew."""

    name: str
    prepare: Callable[[], Command]
    ready: Callable[[], bool]
    start_seconds: float
    stop_seconds: float


class Running:
    """A child and how it has been doing."""

    def __init__(self, child: Child, stage: int) -> None:
        self.child = child
        self.stage = stage
        self.command = child.prepare()
        self.process: subprocess.Popen[bytes] = processes.start(self.command)
        self.started_at = SYSTEM_CLOCK.monotonic()
        self.deaths = 0
        self.restart_at: float | None = None

    def start_again(self) -> None:
        """Run it anew."""
        self.command = self.child.prepare()
        self.process = processes.start(self.command)
        self.started_at = SYSTEM_CLOCK.monotonic()
        self.restart_at = None


class Supervisor:
    """The children of one launcher, in stages: a later stage needs the earlier ones."""

    def __init__(self, pids: Path, say: Callable[[str], None]) -> None:
        self._pids = pids
        self._say = say
        self._running: list[Running] = []
        self._stage = 0

    def start(self, *children: Child) -> None:
        """Start a stage and wait until all of it is ready; CannotStart says who is not."""
        self._stage += 1
        begun = []
        for child in children:
            running = Running(child, self._stage)
            self._running.append(running)
            leftovers.write_down(self._pids, running.command, running.process.pid)
            begun.append(running)
        for running in begun:
            self._await(running)

    def _await(self, running: Running) -> None:
        child = running.child
        if processes.wait_until(child.ready, running.process, child.start_seconds):
            return
        reason = processes.last_line(running.command.log) or "nothing"
        raise CannotStart(
            f"{child.name} did not start. Its log {running.command.log} ends with: {reason}"
        )

    def watch(self, stopping: threading.Event) -> None:
        """Keep everybody alive until asked to stop."""
        while not stopping.wait(LOOK_SECONDS):
            now = SYSTEM_CLOCK.monotonic()
            for running in self._running:
                self._look_at(running, now)
                keep_small(running.command.log)

    def _look_at(self, running: Running, now: float) -> None:
        if running.restart_at is not None:
            if now >= running.restart_at:
                self._start_again(running)
        elif running.process.poll() is not None:
            self._note_death(running, now)

    def _note_death(self, running: Running, now: float) -> None:
        processes.kill_group(running.process.pid)  # its own children, if it had any
        leftovers.forget(self._pids, running.child.name)
        if now - running.started_at > STEADY_SECONDS:
            running.deaths = 0
        pause = min(SHORTEST_PAUSE_SECONDS * 2**running.deaths, LONGEST_PAUSE_SECONDS)
        running.deaths += 1
        running.restart_at = now + pause
        self._say(
            f"{running.child.name} ended ({_cause(running.process.returncode)}); "
            f"starting it again. Its log: {running.command.log}"
        )

    def _start_again(self, running: Running) -> None:
        try:
            running.start_again()
        except (CannotStart, OSError) as problem:
            self._say(f"{running.child.name} cannot be started again just now: {problem}")
            running.restart_at = SYSTEM_CLOCK.monotonic() + LONGEST_PAUSE_SECONDS
            return
        leftovers.write_down(self._pids, running.command, running.process.pid)

    def stop_all(self) -> None:
        """End everybody, the last stage first."""
        for stage in range(self._stage, 0, -1):
            living = [one for one in self._running if one.stage == stage and not one.restart_at]
            self._stop_stage(living)
        self._running.clear()

    def _stop_stage(self, members: list[Running]) -> None:
        for one in members:
            one.process.send_signal(one.command.stop_signal)
        deadline = SYSTEM_CLOCK.monotonic() + max(
            (one.child.stop_seconds for one in members), default=0.0
        )
        while any(one.process.poll() is None for one in members):
            if SYSTEM_CLOCK.monotonic() > deadline:
                break
            SYSTEM_CLOCK.sleep(0.02)
        for one in members:
            processes.kill_group(one.process.pid)
            one.process.wait()
            leftovers.forget(self._pids, one.child.name)


def keep_small(log: Path) -> None:
    """Put a log aside when it has grown; its writer appends, so it goes on in the emptied file."""
    try:
        if log.stat().st_size <= LOG_BYTES:
            return
        shutil.copyfile(log, log.with_suffix(".log.1"))
        with log.open("r+b") as file:
            file.truncate()
    except OSError:  # a full disk must not end the launcher; the next look tries again
        return


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
