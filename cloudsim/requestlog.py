"""What was asked and answered lately, without a token or a secret address."""

import itertools
import re
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 20_000
_SECRET_END = re.compile(r"(/content/(?:download|upload)/).+")


@dataclass(frozen=True)
class Entry:
    """One request with its answer."""

    number: int
    at: float
    provider: str
    route: str
    account: str
    method: str
    path: str  # no query: tokens and upload ids travel there
    status: int  # 0: there was no answer
    range: str
    sent_length: int | None
    answer_length: int
    began: float  # when its head had come; at is when its answer was ready
    weather: str = ""  # the rule or condition that met it


class RequestLog:
    """The last 20 000 requests, in memory."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._numbers = itertools.count(1)
        self._guard = threading.Lock()

    def next_number(self) -> int:
        return next(self._numbers)

    def add(self, entry: Entry) -> None:
        with self._guard:
            self._entries.append(entry)

    def since(self, number: int) -> list[dict[str, Any]]:
        """Give the entries with a greater number, oldest first."""
        with self._guard:
            return [asdict(entry) for entry in self._entries if entry.number > number]

    def clear(self) -> None:
        with self._guard:
            self._entries.clear()


def path_without_secrets(path: str) -> str:
    return _SECRET_END.sub(r"\1…", path)
