"""The RQ worker that answers rings, without what RQ does beyond that.

No commands over Redis, no scheduler, no retries, no callbacks: the row decides what happens next.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.utils import current_timestamp, now
from rq.worker import Worker
from rq.worker_registration import clean_worker_registry, register

from balancecloud.config import Secret
from balancecloud.live.rings import SignedJson, ring_class, ring_queue

# A worker blocks for at most `WORKER_SECONDS` - 15 before it shows again that it lives.
WORKER_SECONDS: Final = 45
_PR_SET_PDEATHSIG: Final = 1

logger = logging.getLogger(__name__)


class Listener(Worker):
    """A worker under a name of its own; each ring is answered in a forked process.

    The first SIGTERM sets `stopping` in that process, which then hands its work back and ends,
    in `last_seconds` at most, so that nobody has to kill it.
    """

    log_result_lifespan = False
    last_seconds = 9.0
    max_connection_wait_time = 5.0  # a Redis that was away is noticed soon

    def __init__(self, *arguments: Any, stopping: threading.Event, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._stopping = stopping

    def subscribe(self) -> None:
        """Listen to no commands: whoever can write to Redis could stop us."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - RQ's signature
        """Heed no suspension, for the same reason."""

    def clean_group_registries(self) -> None:
        """Look after no groups: we have none."""

    def clean_registries(self) -> None:
        """Forget dead workers and what they left in Redis; their rows come due by themselves."""
        for queue in self.queues:
            clean_worker_registry(queue)
            self._forget_abandoned(queue)
        self.last_cleaned_at = now()  # type: ignore[assignment] # RQ begins with None

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Show that we live, and among whom: RQ says the latter once, and Redis may forget it."""
        super().heartbeat(timeout, pipeline)
        register(self, pipeline)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Say in Redis that the ring is being answered; what is under way needs no Redis."""
        with contextlib.suppress(RedisError):
            super().maintain_heartbeats(job, execution)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log that a ring failed, without its arguments."""
        kind = exc_info[0]
        logger.error("Ring %s failed: %s.", job.id, getattr(kind, "__name__", kind))

    def handle_warm_shutdown_request(self) -> None:
        """Ask the process that answers a ring to come to an end."""
        self._tell_horse()

    def wait_for_horse(self) -> tuple[int | None, int | None, Any]:
        """Wait until it has ended; a stop that came while it was forked is passed on first."""
        if self._shutdown_requested_date is not None:
            self._tell_horse()
        return super().wait_for_horse()

    def setup_work_horse_signals(self) -> None:
        """Hear SIGTERM as a request, from the worker or from its death."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._stop_horse)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if self._shutdown_requested_date is not None:
            self._stop_horse()

    def _forget_abandoned(self, queue: Queue) -> None:
        started = queue.started_job_registry
        keys = [self.job_class.key_for(ring_id) for ring_id in started.get_expired_job_ids()]
        with self.connection.pipeline() as pipeline:
            pipeline.delete(queue.intermediate_queue_key, *keys)
            pipeline.zremrangebyscore(started.key, 0, current_timestamp())
            pipeline.execute()

    def _stop_horse(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._stopping.set()
        last = threading.Timer(self.last_seconds, os._exit, [0])
        last.daemon = True
        last.start()

    def _tell_horse(self) -> None:
        # RQ's own kill_horse signals a process group, which just after the fork is still ours.
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)


def listen(
    redis: Redis,
    queue_key: Secret,
    functions: Mapping[str, Callable[[uuid.UUID], None]],
    stopping: threading.Event,
) -> None:
    """Answer rings by these functions until SIGTERM or SIGINT."""
    rings = ring_class(functions)
    listener = Listener(
        [ring_queue(redis, queue_key, rings)],
        connection=redis,
        job_class=rings,
        serializer=SignedJson(queue_key),
        worker_ttl=WORKER_SECONDS,
        log_job_description=False,
        stopping=stopping,
    )
    listener.work(logging_level="WARNING", with_scheduler=False)
