"""How an answer leaves, where it does not simply leave: slowly, in part, damaged or not at all."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

_BURST_S = 0.05  # what a late waker may catch up on
_SLICE_AT_MOST = 262_144

Pause = Callable[[float], None]


class Bucket:
    """Lets so many bytes a second through, for all connections that share it together."""

    def __init__(self, now: Callable[[], float], pause: Pause) -> None:
        self.bytes_s: float | None = None  # None is as fast as it goes
        self._now = now
        self._pause = pause
        self._free_at = 0.0
        self._guard = threading.Lock()

    @property
    def slice_bytes(self) -> int:
        """How much to take at once, so that sharers take turns."""
        if self.bytes_s is None:
            return _SLICE_AT_MOST
        return max(1, min(_SLICE_AT_MOST, int(self.bytes_s * _BURST_S)))

    def take(self, count: int) -> None:
        """Wait until so many bytes may pass; no lock is held meanwhile."""
        rate = self.bytes_s
        if not rate or not count:
            return
        with self._guard:
            now = self._now()
            self._free_at = max(self._free_at, now - _BURST_S) + count / rate
            wait_s = self._free_at - now
        if wait_s > 0:
            self._pause(wait_s)


@dataclass(frozen=True)
class Delivery:
    """The way one answer leaves; the defaults change nothing."""

    done: Callable[[], None]  # called once it has left, or failed to
    pause: Pause
    bucket: Bucket | None = None
    cut_at: int | None = None  # after so many bytes of the body the connection ends
    flip_at: int | None = None  # the lowest bit of this byte is turned
    filler: int = 0  # so many spaces come behind the body
    filler_told: bool = True  # the announced length counts them
    endless: bool = False  # no length is announced, and the filler never ends
    byte_pause_s: float = 0.0  # between single bytes
    slow_head: bool = False
    silence: threading.Event | None = None  # nothing is said; set, it hangs up

    @property
    def is_plain(self) -> bool:
        """Whether the bytes leave as they are, and as fast as they can."""
        return self.bucket is None and self.is_only_paced

    @property
    def is_only_paced(self) -> bool:
        """Whether the bytes leave as they are, if perhaps slowly."""
        return (
            self.cut_at is None
            and self.flip_at is None
            and not self.filler
            and not self.endless
            and not self.byte_pause_s
            and self.silence is None
        )

    @property
    def ends_connection(self) -> bool:
        """Whether nothing sensible can follow on the connection."""
        is_cut = self.cut_at is not None
        return is_cut or self.endless or bool(self.filler and not self.filler_told)
