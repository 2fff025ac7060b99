"""Storing a run of a version's chunks."""

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from balancecloud.clock import Clock
from balancecloud.jobs.bench import Bench, Stop
from balancecloud.live.progress import Figures, ProgressStore
from balancecloud.storage.figures import StoreProgress
from balancecloud.storage.work import Claim
from balancecloud.storage.writer import store_run

LEAST_SECONDS_BETWEEN_REPORTS: Final = 0.25


def store(bench: Bench, claim: Claim, stop: Stop) -> None:
    if claim.job_id is None:
        store_run(bench.tools, claim, _say_nothing, stop)
        return
    reporter = Reporter(bench.progress, claim.job_id, claim.user_id, bench.tools.clock)
    with _telling_the_last(reporter):
        flipped = store_run(bench.tools, claim, reporter, stop)
    for one in flipped:
        bench.progress.forget_file(claim.job_id, one.version_id)


class Reporter:
    """Tells live figures at most four times a second; between, the newest waits to be told."""

    def __init__(
        self, progress: ProgressStore, job_id: uuid.UUID, user_id: uuid.UUID, clock: Clock
    ) -> None:
        self._progress = progress
        self._job_id = job_id
        self._user_id = user_id
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[uuid.UUID, StoreProgress] = {}
        self._told_at = float("-inf")

    def __call__(self, now: Sequence[StoreProgress]) -> None:
        """Take over where versions stand; called from several threads."""
        with self._lock:
            for one in now:
                self._waiting[one.version_id] = one
            if self._clock.monotonic() - self._told_at >= LEAST_SECONDS_BETWEEN_REPORTS:
                self._tell()

    def tell_the_last(self) -> None:
        """Tell what still waits."""
        with self._lock:
            self._tell()

    def _tell(self) -> None:
        if not self._waiting:
            return
        sealed = {one.version_id: one.sealed_bytes for one in self._waiting.values()}
        stored = {one.version_id: one.stored_bytes for one in self._waiting.values()}
        self._progress.update(self._job_id, self._user_id, Figures(sealed=sealed, stored=stored))
        self._waiting.clear()
        self._told_at = self._clock.monotonic()


@contextmanager
def _telling_the_last(reporter: Reporter) -> Iterator[None]:
    try:
        yield
    finally:
        reporter.tell_the_last()


def _say_nothing(_now: Sequence[StoreProgress]) -> None:
    """Without a job nobody watches."""
