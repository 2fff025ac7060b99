"""How much memory the processes that are never killed hold, sampled while everything goes on."""

import statistics
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.journey.house import process_table
from tests.soak.soak_house import STEADY, SoakHouse

EVERY_SECONDS = 1.0
POINTS = 60
MAY_GROW = 1.2
MAY_GROW_BYTES = 20_000_000


@dataclass
class Memory:
    """A series for each steady process: that of the largest of its family at a time."""

    house: SoakHouse
    series: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in STEADY})

    def run(self, ended: threading.Event) -> None:
        """Sample until told to stop."""
        while not ended.wait(EVERY_SECONDS):
            table = process_table()
            for name, sizes in self.series.items():
                first = self.house.machines.running[name].pid
                family = [first, *(pid for pid, (above, _) in table.items() if above == first)]
                sizes.append(max(resident_bytes(pid) for pid in family))

    def fifths(self, name: str) -> list[int]:
        """Return the median of each fifth of a series."""
        sizes = self.series[name]
        length = len(sizes) // 5
        return [int(statistics.median(sizes[i * length : (i + 1) * length])) for i in range(5)]

    def outline(self, name: str) -> str:
        """Return a series in megabytes, thinned out to what a line can hold."""
        sizes = self.series[name]
        return " ".join(str(size // 1_000_000) for size in sizes[:: 1 + len(sizes) // POINTS])

    def grown(self) -> list[str]:
        """Say who holds more at the end than at the beginning."""
        found = []
        for name in self.series:
            _, second, _, _, last = self.fifths(name)
            if last > MAY_GROW * second + MAY_GROW_BYTES:
                found.append(f"{name} grew from {second} to {last} bytes")
        return found


def resident_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(lines[0].split()[1]) * 1024 if lines else 0
