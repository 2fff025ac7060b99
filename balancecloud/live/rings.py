"""What RQ may find in Redis: signed JSON that names one known function and one row's id.

RQ imports and calls any dotted name it reads, also in callbacks and webhooks that lie outside the
serialized part. So a ring reads nothing but what is listed here, and imports nothing at all.
"""

import hashlib
import hmac
import json
import uuid
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

from redis import Redis
from redis.client import Pipeline
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.queue import Queue

from balancecloud.config import Secret

QUEUE_NAME: Final = "balancecloud"
LOOK: Final = "look"  # the one name there is: "look whether something is due"
# A ring nobody came for is swept by Redis; a failed one has nothing to teach but its log.
RING_SECONDS: Final = 3600
FAILED_SECONDS: Final = 60
LARGEST_RING: Final = 1024  # bytes, before it is unpacked; ours have about 150
_TAG_BYTES: Final = hashlib.sha256().digest_size
_CONTEXT: Final = b"balancecloud ring v1\x00"
_READ_FIELDS: Final = frozenset({b"data", b"status", b"created_at", b"enqueued_at", b"started_at"})


class SignedJson:
    """A serializer of RQ's: JSON behind its HMAC-SHA-256 under the queue key; never pickle."""

    def __init__(self, key: Secret) -> None:
        self._key = key
        self.__qualname__ = type(self).__qualname__  # RQ asks for it as if this were a class

    def dumps(self, value: Any) -> bytes:
        """Return the value as JSON, signed."""
        body = json.dumps(value, separators=(",", ":")).encode()
        return self._tag(body) + body

    def loads(self, signed: bytes) -> Any:
        """Return the value; ValueError when it was not signed with our key."""
        tag, body = signed[:_TAG_BYTES], signed[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise ValueError("not signed with the queue key")
        return json.loads(body)

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key.reveal(), _CONTEXT + body, "sha256")


class Ring(Job):
    """An RQ job that can only call a function of `functions` with one row's id."""

    functions: ClassVar[Mapping[str, Callable[[uuid.UUID], None]]] = MappingProxyType({})

    success_callback = None
    failure_callback = None
    stopped_callback = None

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> Job:  # noqa: A002 - RQ's
        """Return the ring of that id; one that is none of ours counts as absent."""
        try:
            return super().fetch(id, connection=connection, serializer=serializer)
        except ValueError as problem:
            raise NoSuchJobError("a ring with an id that is none") from problem

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Take over what is needed of a hash in Redis; NoSuchJobError when it is none of ours."""
        if len(raw_data.get(b"data", b"")) > LARGEST_RING:
            raise NoSuchJobError("a ring that is too large")
        try:
            super().restore({name: raw_data[name] for name in _READ_FIELDS & raw_data.keys()})
            self.row_id()
        except (ValueError, TypeError, zlib.error) as problem:
            raise NoSuchJobError("a ring that is none of ours") from problem
        self.origin = QUEUE_NAME
        self.timeout = -1
        self.result_ttl = 0
        self.failure_ttl = FAILED_SECONDS

    def row_id(self) -> uuid.UUID:
        """Return the row it is about; ValueError unless signed, of a known name and one UUID."""
        name, instance, arguments, named = self.serializer.loads(self.data)
        if name not in self.functions:
            raise ValueError("a ring of an unknown name")
        if instance is not None or named or not isinstance(arguments, list):
            raise ValueError("a ring has no arguments but one")
        [argument] = arguments
        if not isinstance(argument, str) or str(uuid.UUID(argument)) != argument:
            raise ValueError("a ring carries a row's id")
        return uuid.UUID(argument)

    @property
    def func(self) -> Callable[[uuid.UUID], None]:
        """Return the function of that name in our own table; KeyError when it is not there."""
        return self.functions[str(self.func_name)]

    def send_webhooks(self, status: object, *, exc_string: str | None = None) -> None:
        """Send nothing anywhere."""

    def get_call_string(self) -> None:
        """Describe nothing: neither name nor id belongs into a description."""

    def _execute(self) -> None:
        self.func(self.row_id())

    def _handle_failure(self, _exc: str, pipeline: Pipeline, **_: object) -> None:  # type: ignore[override] # RQ hands in by name what is not wanted here
        pipeline.expire(self.key, FAILED_SECONDS)  # and keep no traceback in Redis


def ring_class(functions: Mapping[str, Callable[[uuid.UUID], None]]) -> type[Ring]:
    """Return the class of rings that may call these functions, and no others."""
    table = MappingProxyType(dict(functions))
    return type("KnownRing", (Ring,), {"functions": table})


def ring_queue(redis: Redis, key: Secret, rings: type[Ring]) -> Queue:
    """Return the one queue, with our class and serializer wherever RQ looks for them."""
    return Queue(
        QUEUE_NAME,
        connection=redis,
        default_timeout=-1,
        job_class=rings,
        serializer=SignedJson(key),
    )
