"""What processes cost: processor seconds, peaks of memory, and the core they may run on."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.journey.house import House, process_table

# Which part of the house a process is, by words of its command line; the first that fits.
ROLES = {
    "postgres": "postgres", "valkey": "valkey", "gunicorn": "gunicorn",
    "cli worker": "worker", "cli tick": "tick",
}  # fmt: skip
SAMPLE_SECONDS = 0.1


def parts_of(house: House) -> dict[int, str]:
    """Return every process of the house and which part of it that is; "other" when none.

    One that has just ended has no command line any more: it is what its parent is.
    """
    table = process_table()
    parts = {house.process.pid: "other"}
    while more := {pid for pid, (parent, _) in table.items() if parent in parts} - set(parts):
        for pid in more:
            parent, command = table[pid]
            parts[pid] = next(
                (role for word, role in ROLES.items() if word in command), parts[parent]
            )
    del parts[house.process.pid]
    return parts


def cpu_by_role(house: House) -> dict[str, float]:
    """Return the processor seconds of every part of the house until now."""
    spent: dict[str, float] = {}
    for pid, role in parts_of(house).items():
        spent[role] = spent.get(role, 0.0) + cpu_of(pid)
    return spent


def cpu_of(pid: int) -> float:
    """Return user and system seconds of a process and of the children it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    return sum(int(field) for field in fields[11:15]) / ticks


def spent_between(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Return what each part spent meanwhile."""
    return {role: after[role] - before.get(role, 0.0) for role in after}


def pids_of(house: House, role: str) -> list[int]:
    """Return the processes of one part of the house."""
    return [pid for pid, part in parts_of(house).items() if part == role]


def pin(pid: int, core: int) -> None:
    """Let every thread of a process, and what they start from now on, run on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


@contextmanager
def peaks_of_memory(house: House) -> Iterator[dict[str, int]]:
    """Collect, until the block ends, the highest resident bytes of one process of each part."""
    peaks: dict[str, int] = {}
    ended = threading.Event()

    def watch() -> None:
        while True:
            for pid, role in parts_of(house).items():
                peaks[role] = max(peaks.get(role, 0), _peak_bytes(pid))
            if ended.wait(SAMPLE_SECONDS):
                return

    for pid in parts_of(house):
        _forget_peak(pid)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        ended.set()
        watcher.join()


def _forget_peak(pid: int) -> None:
    """Let VmHWM begin anew at what is resident now."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return


def _peak_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) * 1024 if lines else 0
