"""The simulator's one clock, which can be moved ahead."""

import time
from datetime import UTC, datetime
from functools import lru_cache


class Clock:
    """Seconds since 1970, as the simulated world sees them."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self._ahead_s  # noqa: TID251 - this is the one reader of the time

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once; never backwards."""
        if seconds < 0:
            raise ValueError("Time does not run backwards.")
        self._ahead_s += seconds


@lru_cache(maxsize=1024)  # an answer says most of its times twice
def utc_text(seconds: float) -> str:
    """Write the moment as both providers do: UTC, three decimals and a Z."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def utc_seconds(text: str) -> float:
    """Read an RFC 3339 moment; one without a zone is UTC. ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
