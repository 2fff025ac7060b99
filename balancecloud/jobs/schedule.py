"""What is to be done again and again, a row each."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from balancecloud.clock import Clock
from balancecloud.errors import Unavailable
from balancecloud.identity import sessions, tokens
from balancecloud.library import (
    abandoned,
    giving_up,
    left_versions,
    linking,
    trash,
    upload_sessions,
)
from balancecloud.library.account_care import RoomReading
from balancecloud.library.usage_counts import UsageCounting
from balancecloud.storage import upkeep
from balancecloud.storage.tools import Tools

MINUTE = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every so often."""

    name: str
    every_seconds: float
    run: Callable[[Tools], None]


def end_sessions(tools: Tools) -> None:
    with tools.sessions.begin() as session:
        sessions.sweep(session)
        tokens.sweep(session, tools.clock.now())


def end_link_attempts(tools: Tools) -> None:
    with tools.sessions.begin() as session:
        linking.remove_expired_attempts(session)


def end_uploads(tools: Tools) -> None:
    giving_up.sweep(tools)
    abandoned.sweep(tools)


def empty_trash(tools: Tools) -> None:
    trash.purge(tools)


def remove_what_copies_left(tools: Tools) -> None:
    left_versions.remove_unwanted(tools)


def mend_what_was_marked(tools: Tools) -> None:
    upkeep.sweep_marked(tools)


def mend_what_is_not_as_asked(tools: Tools) -> None:
    upkeep.sweep(tools)


def end_upload_sessions(tools: Tools) -> None:
    with tools.sessions.begin() as session:
        upload_sessions.sweep(session)


CHORES = (
    Chore("uploads that were abandoned", MINUTE, end_uploads),
    Chore("link attempts that are over", MINUTE, end_link_attempts),
    Chore("what was read of accounts' rooms long ago", MINUTE, RoomReading().start),
    Chore("what large libraries hold", MINUTE / 4, UsageCounting().start),
    Chore("uploads at the clouds that nobody goes on with", 10 * MINUTE, end_upload_sessions),
    Chore("the trash whose time is over", 10 * MINUTE, empty_trash),
    Chore("versions that copies left", MINUTE, remove_what_copies_left),
    Chore("shards that were found missing or damaged", MINUTE, mend_what_was_marked),
    Chore("packs that do not lie as asked", 10 * MINUTE, mend_what_is_not_as_asked),
    Chore("sign-ins that are over", 10 * MINUTE, end_sessions),
)


class Schedule:
    """Runs each chore when its time has come; one that fails does not keep the others."""

    def __init__(self, clock: Clock, chores: tuple[Chore, ...] = CHORES) -> None:
        self._clock = clock
        self._chores = chores
        self._ran_at: dict[str, float] = {}

    def run_due(self, tools: Tools) -> None:
        """Run what has not run for as long as it may wait."""
        for chore in self._chores:
            now = self._clock.monotonic()
            if now - self._ran_at.get(chore.name, float("-inf")) >= chore.every_seconds:
                self._ran_at[chore.name] = now
                _run(chore, tools)


def _run(chore: Chore, tools: Tools) -> None:
    try:
        chore.run(tools)
    except (SQLAlchemyError, OSError, Unavailable) as problem:
        logger.warning("Looking after %s failed: %s.", chore.name, type(problem).__name__)
