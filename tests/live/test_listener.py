"""The life of a worker process: what it hears, how it ends, what the next one finds."""

import signal
import threading
import uuid

import pytest
from redis import Redis
from rq.utils import as_text

from balancecloud.live.doorbell import Doorbell
from balancecloud.live.rings import QUEUE_NAME
from tests.live.listener_process import Helper

pytestmark = pytest.mark.real

QUEUE_KEY = f"rq:queue:{QUEUE_NAME}"


def test_commands_over_redis_are_not_heard(redis: Redis, bell: Doorbell, helper: Helper) -> None:
    helper.start()
    bell.ring(uuid.uuid4())
    helper.wait_for(1)
    [worker] = redis.smembers("rq:workers")
    name = as_text(worker).removeprefix("rq:worker:")

    heard_by = redis.publish(f"rq:pubsub:{name}", '{"command": "shutdown"}')
    redis.set("rq:suspended", "1")
    bell.ring(row := uuid.uuid4())

    assert heard_by == 0
    assert helper.wait_for(2)[-1] == str(row)


def test_a_worker_is_seen_again_after_redis_forgot_all(
    redis: Redis, bell: Doorbell, helper: Helper
) -> None:
    helper.start()
    bell.ring(uuid.uuid4())
    helper.wait_for(1)
    threading.Event().wait(0.3)

    redis.flushall()
    redis.client_kill_filter(_type="normal", skipme=True)

    for _ in range(100):
        if bell.workers():
            break
        threading.Event().wait(0.1)
    assert bell.workers() == 1


def test_an_idle_worker_ends_at_once(bell: Doorbell, helper: Helper) -> None:
    helper.start()
    bell.ring(uuid.uuid4())
    helper.wait_for(1)
    threading.Event().wait(0.3)

    assert helper.stop() == 0
    assert bell.workers() == 0


def test_f_39_the_first_sigterm_reaches_what_is_under_way(bell: Doorbell, helper: Helper) -> None:
    helper.start("assert stopping.wait(15); Path(file.name).open('a').write('ended ')")
    bell.ring(uuid.uuid4())
    helper.wait_for(1)
    threading.Event().wait(0.2)

    assert helper.stop() == 0
    assert helper.rows()[-1] == "ended"


def test_f_39_what_does_not_hear_ends_all_the_same(bell: Doorbell, helper: Helper) -> None:
    helper.start("time.sleep(50)")
    bell.ring(uuid.uuid4())
    helper.wait_for(1)
    threading.Event().wait(0.2)

    assert helper.stop() == 0


def test_what_is_under_way_hears_of_the_workers_death(bell: Doorbell, helper: Helper) -> None:
    helper.start("assert stopping.wait(15); Path(file.name).open('a').write('ended ')")
    bell.ring(uuid.uuid4())
    helper.wait_for(1)
    threading.Event().wait(0.2)

    helper.stop(signal.SIGKILL)

    assert helper.wait_for(2)[-1] == "ended"


def test_a_worker_starts_after_one_that_was_killed(bell: Doorbell, helper: Helper) -> None:
    helper.start()
    bell.ring(uuid.uuid4())
    helper.wait_for(1)
    helper.stop(signal.SIGKILL)

    helper.start()
    bell.ring(uuid.uuid4())

    assert len(helper.wait_for(2)) == 2


def test_what_a_killed_worker_left_is_swept(redis: Redis, helper: Helper, bell: Doorbell) -> None:
    redis.lpush(f"{QUEUE_KEY}:intermediate", "left")
    redis.hset("rq:job:left", mapping={"status": "started"})
    redis.zadd(f"rq:wip:{QUEUE_NAME}", {"left:execution": 1})
    redis.sadd(f"rq:workers:{QUEUE_NAME}", "rq:worker:gone")
    helper.start()
    bell.ring(uuid.uuid4())
    helper.wait_for(1)

    assert not redis.exists("rq:job:left")
    assert redis.zcard(f"rq:wip:{QUEUE_NAME}") <= 1
    assert bell.workers() == 1
