"""What storage needs from outside, built once by app.py and handed in."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import Clock
from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.crypto.keys import MasterKeys
from balancecloud.storage.budget import Budget
from balancecloud.storage.links import Links
from balancecloud.storage.running_hashes import RunningHashes
from balancecloud.storage.spool import Spool


@dataclass(frozen=True, slots=True)
class Tools:
    """One process's hands: sessions that commit their own steps, keys, spool, open accounts."""

    config: Config
    sessions: sessionmaker[Session]
    keys: MasterKeys
    spool: Spool
    open_provider: Callable[[uuid.UUID], Provider]
    clock: Clock
    links: Links = field(kw_only=True, default_factory=Links)
    hashes: RunningHashes = field(kw_only=True, default_factory=RunningHashes)
    budgets: list[Budget] = field(default_factory=list, kw_only=True, repr=False, compare=False)

    def budget(self) -> Budget:
        """Return what this process may hold while it stores: one for all that it does at once."""
        if not self.budgets:
            self.budgets.append(Budget(self.config.store_budget_bytes))
        return self.budgets[0]
