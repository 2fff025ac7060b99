"""When work is to end early: the process stops, the lease is lost, a person cancelled."""

import threading
from typing import Final

from sqlalchemy import select

from balancecloud.errors import Cancelled, LeaseLost, ShuttingDown
from balancecloud.jobs.bench import Bench
from balancecloud.models.jobs import Job
from balancecloud.models.states import JobState, WorkKind
from balancecloud.storage.heartbeat import Heartbeat
from balancecloud.storage.work import Claim

# A person who cancels is obeyed within two seconds; the row is not read more often than this.
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
        self._is_cancelled = False

    def __call__(self) -> None:
        """Raise ShuttingDown, LeaseLost or Cancelled; else return at once."""
        if self._bench.stopping.is_set():
            raise ShuttingDown
        if self._heartbeat.lost:
            raise LeaseLost
        if self._claim.kind in CANCELLABLE and self._look():
            raise Cancelled

    def _look(self) -> bool:
        clock = self._bench.tools.clock
        with self._lock:
            if clock.monotonic() - self._looked_at >= SECONDS_BETWEEN_LOOKS:
                self._is_cancelled = self._read_cancelled()
                self._looked_at = clock.monotonic()
            return self._is_cancelled

    def _read_cancelled(self) -> bool:
        with self._bench.tools.sessions() as session:
            state = session.scalar(select(Job.state).where(Job.id == self._claim.job_id))
        return state in {JobState.CANCELLING, JobState.CANCELLED}
