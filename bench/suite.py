"""The rows in their order, run one after the other; one that fails does not stop the others."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from bench.figures import Figure, Outcome
from bench.rows import cpu, early, files, memory, repair, seal, seek, store, workers
from bench.run import Run, hash_speed

Measure = Callable[[Run], list[Figure]]

ROWS: dict[str, Measure] = {
    "store": store.measure,
    "early": early.measure,
    "files": files.measure,
    "seek": seek.measure,
    "cpu": cpu.measure,
    "seal": seal.measure,
    "memory": memory.measure,
    "workers": workers.measure,
    "repair": repair.measure,
}


def run_rows(
    names: Sequence[str], settings: Callable[[Path], Run], say: Callable[[str], None]
) -> list[Outcome]:
    """Measure these rows, each in a folder of its own that is gone afterwards."""
    outcomes = []
    for name in names:
        say(f"{name} ...")
        with TemporaryDirectory(prefix="balancecloud-bench-") as folder:
            outcomes.append(measured(name, ROWS[name], settings(Path(folder))))
            if outcomes[-1].failure:
                say(f"The house's logs: {keep_logs(Path(folder))}")
        say(outcomes[-1].failure or f"{name}: {outcomes[-1].seconds:.0f} s")
    return outcomes


def measured(name: str, measure: Measure, run: Run) -> Outcome:
    """Measure one row; whatever goes wrong becomes its sentence."""
    before, began = hash_speed(), time.perf_counter()
    figures: list[Figure] = []
    failure = ""
    try:
        figures = measure(run)
    except (Exception, SystemExit) as failed:  # noqa: BLE001 - it is told in the table
        failure = _sentence(failed)
    return Outcome(name, tuple(figures), failure, time.perf_counter() - began, before, hash_speed())


def keep_logs(folder: Path) -> Path:
    """Copy what the house of a failed row wrote to its logs to where it stays; return where."""
    kept = Path(mkdtemp(prefix="balancecloud-bench-failed-"))
    for log in folder.glob("**/logs/*.log"):
        shutil.copy(log, kept)
    return kept


def _sentence(failed: BaseException) -> str:
    """Return the first line of what happened, fit for a cell of a table."""
    lines = str(failed).splitlines() or [""]
    return f"{type(failed).__name__}: {lines[0][:200]}".replace("|", "/")
