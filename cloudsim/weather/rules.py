"""Rules: which calls are hit, which of them in turn, and what happens to those."""

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from cloudsim.weather.effects import Effect


@dataclass(frozen=True)
class Rule:
    """One fault; after, times and share count the calls of each account for itself."""

    name: str
    effect: Effect
    provider: str = "*"
    account: str = "*"  # an address; calls of nobody known have an empty one
    route: str = "*"  # over the names of the route tables, such as upload.*
    method: str = "*"
    after: int = 0  # so many matching calls pass first
    times: int | None = 1  # so many are hit; None is all
    share: float = 1.0  # of the calls, which ones by the seed

    def fits(self, provider: str, account: str, route: str, method: str) -> bool:
        """Whether it looks at such calls at all."""
        return (
            self.provider in {"*", provider}
            and self.method in {"*", method}
            and fnmatchcase(account, self.account)
            and fnmatchcase(route, self.route)
        )


@dataclass
class Turns:
    """How often one rule's turn came, and which calls it takes; safe for many threads."""

    rule: Rule
    seed: int
    _calls: Counter[str] = field(default_factory=Counter)
    _hits: Counter[str] = field(default_factory=Counter)
    _draws: Counter[tuple[str, str]] = field(default_factory=Counter)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def takes(self, account: str, route: str) -> bool:
        """Count a matching call and say whether it is hit."""
        with self._guard:
            self._calls[account] += 1
            if self._calls[account] <= self.rule.after:
                return False
            if self.rule.times is not None and self._hits[account] >= self.rule.times:
                return False
            self._draws[account, route] += 1
            number = self._draws[account, route]
            chance = draw(self.seed, self.rule.name, account, route, str(number))
            if chance >= self.rule.share:
                return False
            self._hits[account] += 1
            return True

    @property
    def calls(self) -> int:
        """How many calls it has looked at."""
        with self._guard:
            return self._calls.total()

    @property
    def hits(self) -> int:
        """How many calls it has hit."""
        with self._guard:
            return self._hits.total()


def draw(seed: int, *words: str) -> float:
    """Draw a number from 0 up to 1 that these words, and no thread's turn, decide."""
    text = "\x00".join([str(seed), *words])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56
