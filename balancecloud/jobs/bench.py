"""What a worker works with, handed to each kind of work."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from balancecloud.live.doorbell import Doorbell
from balancecloud.live.progress import ProgressStore
from balancecloud.storage.tools import Tools

Stop = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """The tools of one worker process; `stopping` is set when it is asked to end."""

    tools: Tools
    doorbell: Doorbell
    progress: ProgressStore
    stopping: threading.Event
    # How long a step may go on after that, before its work is given back under it: a late step
    # changes nothing then, for its fence is old.
    patience_seconds: float = 6.0
    # Claims under way at once: while the last shards of one are sent, the next is sealed already.
    claims_at_once: int = 1
