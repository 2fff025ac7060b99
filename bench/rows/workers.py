"""Two workers against one on a huge file, each on a core of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from balancecloud.config import from_environment
from balancecloud.live.doorbell import Doorbell
from bench.content import MB, Content
from bench.figures import Figure, Goal
from bench.processes import cpu_by_role, cpu_of, pids_of, pin, spent_between
from bench.run import Run
from bench.world import World, world

ROW = "workers"
START_SECONDS = 30


def measure(run: Run) -> list[Figure]:
    content = Content(run.size(4 << 30, 48 * MB))
    with world(run.folder / "world", keeps_bytes=False) as here:
        for pid in pids_of(here.house, "worker"):
            pin(pid, 0)
        one = stored(here, content, "one.bin")
        with second_worker(here):
            two = stored(here, content, "two.bin")
    # All share the cores: what one worker left idle is all that a second one can win.
    room = min(2.0, (os.cpu_count() or 1) / one.cores_in_use)
    return [
        Figure(ROW, f"one worker, {content.size // MB} MB", "MB/s", one.speed, note=one.beside),
        Figure(ROW, f"two workers, {content.size // MB} MB", "MB/s", two.speed, note=two.beside),
        Figure(ROW, "two workers ÷ one", "", two.speed / one.speed, limit=room,
               goals=(Goal("itself", 1.6),),
               note="the limit: this machine's cores ÷ those in use with one worker"),
    ]  # fmt: skip


@dataclass(frozen=True)
class Storing:
    """MB a second from the end of the upload on, and what processes spent on it."""

    speed: float
    cores: dict[str, float]

    @property
    def cores_in_use(self) -> float:
        """How many cores all processes used together."""
        return sum(self.cores.values())

    @property
    def beside(self) -> str:
        """What each used, in words."""
        shares = ", ".join(f"{role} {share:.2f}" for role, share in sorted(self.cores.items()))
        return f"cores in use while it stored: {shares}"


def stored(here: World, content: Content, name: str) -> Storing:
    made = here.upload(content, name)
    before, before_sim = cpu_by_role(here.house), cpu_of(here.sim.pid)
    began = time.perf_counter()
    here.wait_until_stored(made)
    seconds = time.perf_counter() - began
    spent = spent_between(before, cpu_by_role(here.house))
    spent["the simulator"] = cpu_of(here.sim.pid) - before_sim
    cores = {role: used / seconds for role, used in spent.items()}
    return Storing(content.size / MB / seconds, cores)


@contextmanager
def second_worker(here: World) -> Iterator[None]:
    """Run one more worker as the first one runs, on the other core, until the block ends."""
    first = min(pids_of(here.house, "worker"))
    told = Path(f"/proc/{first}/environ").read_bytes().rstrip(b"\0").split(b"\0")
    environment = dict(line.split(b"=", 1) for line in told)
    command = [sys.executable, "-m", "balancecloud.cli", "worker"]
    core = 1 % (os.cpu_count() or 1)
    with (
        (here.folder / "worker.log").open("ab") as log,
        subprocess.Popen(command, env=environment, cwd=here.folder, stdout=log, stderr=log) as more,
    ):
        try:
            pin(more.pid, core)
            _wait_until_two_listen(
                {name.decode(): one.decode() for name, one in environment.items()}
            )
            yield
        finally:
            more.terminate()


def _wait_until_two_listen(environment: dict[str, str]) -> None:
    config = from_environment(environment)
    doorbell = Doorbell(Redis.from_url(config.redis_url), config.queue_key)
    deadline = time.monotonic() + START_SECONDS
    while doorbell.workers() != 2:
        if time.monotonic() > deadline:
            raise RuntimeError("The second worker did not begin to listen.")
        time.sleep(0.1)
