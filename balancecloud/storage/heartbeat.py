"""Holding on to a claim while its work is done, from a thread of its own."""

import logging
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import Clock
from balancecloud.errors import LeaseLost
from balancecloud.storage.work import Claim, extend

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a claim lasts, and how often its holder says that it lives; seconds."""

    seconds: float
    heartbeat_seconds: float


class Heartbeat(AbstractContextManager["Heartbeat"]):
    """Extends a claim while the body runs, from a thread with sessions of its own.

    `lost` turns true, and stays so, once another worker may own the work.
    """

    def __init__(
        self, sessions: sessionmaker[Session], claim: Claim, lease: Lease, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._claim = claim
        self._lease = lease
        self._clock = clock
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._held_until = clock.monotonic() + lease.seconds
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    @property
    def lost(self) -> bool:
        """Whether the claim can no longer be relied upon."""
        return self._lost.is_set() or self._clock.monotonic() > self._held_until

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._lease.heartbeat_seconds) and not self._lost.is_set():
            self._beat()

    def _beat(self) -> None:
        asked_at = self._clock.monotonic()
        try:
            with self._sessions.begin() as session:
                extend(session, self._claim, self._lease.seconds)
        except LeaseLost:
            self._lost.set()
        except SQLAlchemyError as problem:
            # The lease runs on meanwhile; `lost` tells when it has run out.
            logger.warning("A lease could not be extended: %s.", type(problem).__name__)
        else:
            self._held_until = asked_at + self._lease.seconds
