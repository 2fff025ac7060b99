"""What every row is handed: where it may write, how large to be, and the peer if there is one."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from bench.content import MB
from bench.figures import NOT_INSTALLED
from bench.peer import Rclone, configure
from bench.world import Simulator

HASHED = 128 << 20


@dataclass(frozen=True)
class Run:
    """One run of one row."""

    folder: Path
    is_small: bool
    rclone: str | None
    seek_bytes: int = 5_000 * MB
    file_count: int = 10_000

    def size(self, full: int, small: int) -> int:
        """Return how much of something this run takes."""
        return small if self.is_small else full

    def peer(self, sim: Simulator) -> Rclone | None:
        """Return the peer, ready; None when it is not installed."""
        return configure(self.rclone, self.folder / "peer", sim) if self.rclone else None

    @property
    def no_peer(self) -> str | None:
        """What stands in the peer's column when nothing was measured of it."""
        return None if self.rclone else NOT_INSTALLED


def hash_speed(size: int = HASHED) -> float:
    """Return MB a second of SHA-256 on one core: how much of a core the machine gives us now."""
    piece, digest = bytes(1 << 20), hashlib.sha256()
    began = time.perf_counter()
    for _ in range(size >> 20):
        digest.update(piece)
    return size / MB / (time.perf_counter() - began)
