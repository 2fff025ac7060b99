"""The doorbell: tells workers that something is due. Losing a ring loses time, never work."""

import logging
import uuid
from typing import Final

from redis import Redis
from redis.exceptions import RedisError
from rq.worker_registration import get_keys

from balancecloud.config import Secret
from balancecloud.live.rings import (
    FAILED_SECONDS,
    LOOK,
    RING_SECONDS,
    Ring,
    ring_queue,
)

# Whoever answers takes all that is due, so more waiting rings than workers add nothing. Without
# a bound, an hour without workers would leave every due row's rings of every tick in Redis.
MOST_WAITING: Final = 64

logger = logging.getLogger(__name__)


class Doorbell:
    """Rings for workers through Redis, which may be away: then `tick` rings later."""

    def __init__(self, redis: Redis, queue_key: Secret) -> None:
        self._queue = ring_queue(redis, queue_key, Ring)
        self._is_away = False

    def ring(self, work_id: uuid.UUID, enough: int = MOST_WAITING) -> bool:
        """Ask a worker to look, and say whether the ring got through; never raises.

        Where `enough` rings wait none is added: who answers one of those looks after this call,
        and so at what this call is about.
        """
        try:
            if self._queue.count < enough:
                self._push(work_id)
        except RedisError as problem:
            self._note_away(problem)
            return False
        self._is_away = False
        return True

    def waiting(self) -> int | None:
        """Return how many rings nobody has answered yet; None when Redis is away."""
        try:
            return int(self._queue.count)
        except RedisError:
            return None

    def workers(self) -> int | None:
        """Return how many workers have shown that they live; None when Redis is away."""
        try:
            keys = get_keys(queue=self._queue)
            return int(self._queue.connection.exists(*keys)) if keys else 0
        except RedisError:
            return None

    def _push(self, work_id: uuid.UUID) -> None:
        self._queue.enqueue_call(
            LOOK,
            args=(str(work_id),),
            timeout=-1,
            result_ttl=0,
            ttl=RING_SECONDS,
            failure_ttl=FAILED_SECONDS,
        )

    def _note_away(self, problem: RedisError) -> None:
        if not self._is_away:
            logger.warning("Redis is away (%s): work waits for tick.", type(problem).__name__)
        self._is_away = True
