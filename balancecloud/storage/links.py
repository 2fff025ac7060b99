"""What all readings of one process share: the lanes to the accounts, their paces, the budget."""

from dataclasses import dataclass, field

from balancecloud.storage.cache import Cache
from balancecloud.storage.lanes import Lanes
from balancecloud.storage.pace import Paces
from balancecloud.storage.read_budget import ReadBudget


@dataclass(frozen=True, slots=True)
class Links:
    """Made once per process; nothing is started before something is read."""

    lanes: Lanes = field(default_factory=Lanes)
    paces: Paces = field(default_factory=Paces)
    budget: ReadBudget = field(default_factory=ReadBudget)
    cache: Cache | None = None  # None: nothing is kept
