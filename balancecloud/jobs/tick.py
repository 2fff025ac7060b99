"""The small process that forgets nothing: rings for what is due and runs the schedule.

It decides by the database alone; without Redis its rings fail and come again with the next tick.
"""

import logging
import signal
import threading
from types import FrameType
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from balancecloud.jobs.schedule import Schedule
from balancecloud.live.doorbell import MOST_WAITING, Doorbell
from balancecloud.storage import work
from balancecloud.storage.tools import Tools

LOCK: Final = 0x62635F7469636B  # "bc_tick": whoever holds it ticks, the others wait their turn

logger = logging.getLogger(__name__)


def run(tools: Tools, doorbell: Doorbell) -> None:
    """Tick until SIGTERM or SIGINT."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    schedule = Schedule(tools.clock)
    while not stopping.is_set():
        tick(tools, doorbell, schedule)
        stopping.wait(tools.config.tick_seconds)


def tick(tools: Tools, doorbell: Doorbell, schedule: Schedule) -> int:
    """Run what the schedule asks for and ring for what is due; return how much that is.

    Does nothing while another process ticks.
    """
    try:
        with tools.sessions.begin() as session:
            if not _is_alone(session):
                return 0
            schedule.run_due(tools)
            due = work.due_work(session, MOST_WAITING)
    except SQLAlchemyError as problem:
        logger.warning("The database is away: %s.", type(problem).__name__)
        return 0
    # The first ring that does not get through tells that no other would.
    all(doorbell.ring(work_id) for work_id in due)
    return len(due)


def _is_alone(session: Session) -> bool:
    """Take the lock for this transaction, if nobody has it."""
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(LOCK))))
