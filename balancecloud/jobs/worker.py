"""A worker process: answers rings until it is asked to end."""

import os
import threading
import uuid
from typing import Final

from redis import Redis
from sqlalchemy import Engine

from balancecloud.jobs.bench import Bench
from balancecloud.jobs.look import look
from balancecloud.live.doorbell import Doorbell
from balancecloud.live.listener import listen
from balancecloud.live.progress import ProgressStore
from balancecloud.live.rings import LOOK
from balancecloud.storage.tools import Tools

CLAIMS_AT_ONCE: Final = 2


def run(tools: Tools, doorbell: Doorbell, progress: ProgressStore) -> None:
    """Answer rings until SIGTERM; work under way is then handed back within ten seconds."""
    bench = Bench(tools, doorbell, progress, threading.Event(), claims_at_once=CLAIMS_AT_ONCE)
    _part_connections(tools)

    def answer(_row: uuid.UUID) -> None:
        look(bench)

    listen(
        Redis.from_url(tools.config.redis_url),
        tools.config.queue_key,
        {LOOK: answer},
        bench.stopping,
    )


def _part_connections(tools: Tools) -> None:
    """Leave the parent's database connections to the parent in each process it forks."""
    engine = tools.sessions.kw["bind"]
    if isinstance(engine, Engine):
        os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
