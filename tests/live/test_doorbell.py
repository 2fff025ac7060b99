"""The queue under attack: a real Valkey, a real worker process, forged rings of every kind."""

import json
import os
import pickle
import uuid
import zlib
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.exceptions import NoSuchJobError
from rq.queue import Queue

from balancecloud.config import Secret
from balancecloud.live.doorbell import MOST_WAITING, Doorbell
from balancecloud.live.rings import LOOK, QUEUE_NAME, Ring, SignedJson, ring_class, ring_queue
from tests.live.listener_process import KEY, Helper

pytestmark = pytest.mark.real

QUEUE_KEY = f"rq:queue:{QUEUE_NAME}"


def push(redis: Redis, data: bytes, **fields: str) -> str:
    """Put a ring into the queue as whoever can write to Redis would."""
    ring_id = str(uuid.uuid4())
    shape = {"status": "queued", "origin": QUEUE_NAME, "timeout": "-1", **fields}
    redis.hset(f"rq:job:{ring_id}", "data", data)
    for name, value in shape.items():
        redis.hset(f"rq:job:{ring_id}", name, value)
    redis.rpush(QUEUE_KEY, ring_id)
    return ring_id


def signed(name: str, *arguments: object, **rest: object) -> bytes:
    return SignedJson(KEY).dumps([name, rest.get("instance"), list(arguments), rest.get("named")])


def test_a_ring_reaches_a_worker_with_the_rows_id(bell: Doorbell, helper: Helper) -> None:
    row = uuid.uuid4()
    helper.start()

    assert bell.ring(row)

    assert helper.wait_for(1) == [str(row)]


def test_where_enough_rings_wait_none_is_added(bell: Doorbell, redis: Redis) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    assert bell.ring(first, enough=1)

    assert bell.ring(second, enough=1)  # whoever answers the first looks after this call
    assert redis.llen(QUEUE_KEY) == 1

    assert bell.ring(second)
    assert redis.llen(QUEUE_KEY) == 2


class Gadget:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._mark}",)


def test_q_01_a_pickle_is_never_opened(
    redis: Redis, bell: Doorbell, helper: Helper, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    gadget = pickle.dumps(Gadget(mark))
    push(redis, zlib.compress(gadget))
    push(redis, gadget)
    push(redis, signed(LOOK, str(uuid.uuid4())), meta=gadget.decode("latin-1"))
    helper.start()
    bell.ring(row := uuid.uuid4())

    helper.wait_for(2)

    assert helper.rows()[-1] == str(row)
    assert not mark.exists()


def test_q_02_a_job_that_names_a_command_runs_nothing(
    redis: Redis, bell: Doorbell, helper: Helper, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    command = f"touch {mark}"
    plain = json.dumps(["os.system", None, [command], {}]).encode()
    push(redis, plain)
    push(redis, zlib.compress(plain))
    push(redis, bytes(32) + plain)
    push(redis, signed("os.system", command))
    push(redis, signed(LOOK, command))
    push(redis, signed("system", command, instance="os"))
    helper.start()
    bell.ring(row := uuid.uuid4())

    assert helper.wait_for(1) == [str(row)]
    assert not mark.exists()


def test_q_02_callbacks_and_webhooks_beside_a_signed_ring_do_nothing(
    redis: Redis, helper: Helper, tmp_path: Path
) -> None:
    row = str(uuid.uuid4())
    hook = '[{"url": "http://127.0.0.1:9/", "job_status": "finished"}]'
    push(
        redis,
        signed(LOOK, row),
        success_callback_name="os.abort",
        failure_callback_name="os.abort",
        stopped_callback_name="os.abort",
        webhooks=hook,
        retries_left="5",
        repeats_left="5",
        rate_limit_key="x",
        rate_limit_concurrency="1",
        group_id="x",
    )
    helper.start()

    assert helper.wait_for(1) == [row]
    assert helper.stop() == 0
    assert helper.log.read_text().count("failed") == 0


ROW = str(uuid.uuid4())
FORGED = {
    "an argument that is no id": signed("look", "not a uuid"),
    "no argument": signed("look"),
    "two arguments": signed("look", ROW, ROW),
    "a number": signed("look", 7),
    "an id spelled otherwise": signed("look", ROW.upper()),
    "an id in braces": signed("look", f"{{{ROW}}}"),
    "named arguments": signed("look", ROW, named={"row": "x"}),
    "an instance": signed("look", ROW, instance="x"),
    "another name": signed("__class__", ROW),
    "a name that is a list": SignedJson(KEY).dumps([["look"], None, [ROW], None]),
    "null": SignedJson(KEY).dumps(None),
    "another key": SignedJson(Secret(bytes(32))).dumps(["look", None, [ROW], {}]),
    "nothing": b"",
    "a broken compression": b"\x78\x9c broken",
    "a bomb": zlib.compress(bytes(1 << 20)) + bytes(1024),
}


@pytest.mark.parametrize("data", FORGED.values(), ids=FORGED)
def test_whatever_is_none_of_ours_is_absent(redis: Redis, data: bytes) -> None:
    rings = ring_class({LOOK: lambda _row: None})
    ring_id = push(redis, data)

    with pytest.raises(NoSuchJobError):
        rings.fetch(ring_id, connection=redis, serializer=SignedJson(KEY))


def test_a_ring_with_impossible_fields_is_absent(redis: Redis) -> None:
    rings = ring_class({LOOK: lambda _row: None})
    ring_id = push(redis, signed(LOOK, str(uuid.uuid4())), status="exploded")

    with pytest.raises(NoSuchJobError):
        rings.fetch(ring_id, connection=redis, serializer=SignedJson(KEY))
    with pytest.raises(NoSuchJobError):
        rings.fetch("no id:", connection=redis, serializer=SignedJson(KEY))


def test_q_08_with_another_queue_key_old_rings_are_dropped(
    redis: Redis, bell: Doorbell, helper: Helper
) -> None:
    Doorbell(redis, Secret(bytes(range(1, 33)))).ring(uuid.uuid4())
    helper.start()
    bell.ring(row := uuid.uuid4())

    assert helper.wait_for(1) == [str(row)]


def test_a_ring_in_redis_says_nothing_but_its_row(redis: Redis, bell: Doorbell) -> None:
    bell.ring(row := uuid.uuid4())

    [key] = redis.keys("rq:job:*")
    fields = redis.hgetall(key)
    assert b"description" not in fields
    assert b"meta" not in fields
    assert (fields[b"timeout"], fields[b"result_ttl"]) == (b"-1", b"0")
    data = zlib.decompress(bytes(fields[b"data"]))  # type: ignore[arg-type]
    assert data[32:] == f'["look",null,["{row}"],{{}}]'.encode()
    assert 0 < redis.ttl(key) <= 3600


def test_an_answered_ring_leaves_nothing_behind(
    redis: Redis, bell: Doorbell, helper: Helper
) -> None:
    helper.start("raise RuntimeError('canary')")
    bell.ring(uuid.uuid4())
    helper.wait_for(1)
    helper.stop()

    assert redis.llen(QUEUE_KEY) == 0
    for key in redis.keys("rq:job:*"):
        assert 0 < redis.ttl(key) <= 60
    assert not redis.keys("rq:results:*")
    assert not redis.keys("rq:failed:*")
    assert "canary" not in helper.log.read_text()
    assert "RuntimeError" in helper.log.read_text()


def test_rings_do_not_pile_up_while_nobody_answers(redis: Redis, bell: Doorbell) -> None:
    for _ in range(MOST_WAITING + 10):
        assert bell.ring(uuid.uuid4())

    assert bell.waiting() == MOST_WAITING


def test_without_redis_a_ring_fails_quietly_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bell = Doorbell(
        Redis(unix_socket_path=str(tmp_path / "nowhere"), retry=Retry(NoBackoff(), 0)), KEY
    )

    assert [bell.ring(uuid.uuid4()) for _ in range(3)] == [False] * 3
    assert (bell.workers(), bell.waiting()) == (None, None)
    assert len(caplog.records) == 1


def test_the_queue_uses_our_class_and_serializer_throughout(redis: Redis) -> None:
    rings = ring_class({})
    queue: Queue = ring_queue(redis, KEY, rings)

    for registry in (
        queue.started_job_registry,
        queue.failed_job_registry,
        queue.finished_job_registry,
        queue.deferred_job_registry,
        queue.scheduled_job_registry,
        queue.canceled_job_registry,
    ):
        assert registry.job_class is rings
        assert isinstance(registry.serializer, SignedJson)
    assert issubclass(rings, Ring)


def test_the_key_shows_nowhere(bell: Doorbell) -> None:
    assert "***" not in repr(bell)
    assert KEY.reveal().hex() not in repr(SignedJson(KEY)) + repr(vars(SignedJson(KEY)))
