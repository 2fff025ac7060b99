"""When work is to end early: the process stops, the lease is lost, a person cancelled or paused."""

import threading
from typing import Final

from sqlalchemy import select

from balancecloud.errors import Cancelled, LeaseLost, ShuttingDown
from balancecloud.jobs.bench import Bench
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobState, WorkKind
from balancecloud.storage.heartbeat import Heartbeat
from balancecloud.storage.work import Claim, Paused

# Who cancels or pauses is obeyed within two seconds; the row is not read more often than this.
SECONDS_BETWEEN_LOOKS: Final = 1.0
CANCELLABLE: Final = (WorkKind.STORE, WorkKind.REPAIR, WorkKind.MOVE)


class StopSign:
    """Called between the steps of a claim, from any thread; raises when it is to end."""

    def __init__(self, bench: Bench, claim: Claim, heartbeat: Heartbeat) -> None:
        self._bench = bench
        self._claim = claim
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._state: JobState | None = None

    def __call__(self) -> None:
        """Raise ShuttingDown, LeaseLost, Cancelled or Paused; else return at once."""
        if self._bench.stopping.is_set():
            raise ShuttingDown
        if self._heartbeat.lost:
            raise LeaseLost
        state = self._look() if self._claim.kind in CANCELLABLE else None
        if state in {JobState.CANCELLING, JobState.CANCELLED}:
            raise Cancelled
        if state is JobState.PAUSED:
            raise Paused

    def _look(self) -> JobState | None:
        clock = self._bench.tools.clock
        with self._lock:
            if clock.monotonic() - self._looked_at >= SECONDS_BETWEEN_LOOKS:
                self._state = self._read_state()
                self._looked_at = clock.monotonic()
            return self._state

    def _read_state(self) -> JobState | None:
        with self._bench.tools.sessions() as session:
            return session.scalar(select(Job.state).where(Job.id == self._claim.job_id))
