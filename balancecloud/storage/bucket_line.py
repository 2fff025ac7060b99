"""The connection to the spool's bucket: opened late, waiting only so long, asking again."""

import os
import threading
from typing import Final

import opendal
from opendal.layers import RetryLayer, TimeoutLayer

from balancecloud.buckets import SpoolBucket

# A segment and the look after it, each tried three times, take less than an upload's lease of
# 120 seconds. Twenty-five seconds let a segment through at 170 KB/s.
SEGMENT_SECONDS: Final = 25.0
ANSWER_SECONDS: Final = 10.0
TRIES_AGAIN: Final = 2
CHECK_SECONDS: Final = 3.0


class BucketLine:
    """The connection to a bucket, opened where it is first used.

    The library's threads do not survive a fork, and a child that uses what its parent has opened
    waits for ever (measured). So the parents of gunicorn and of the worker never open it.
    """

    _opened_by: int | None = None  # the process, as all lines share the library's threads

    def __init__(self, bucket: SpoolBucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._operator: opendal.Operator | None = None
        self._hasty: opendal.Operator | None = None

    @property
    def operator(self) -> opendal.Operator:
        """Asks again when something temporary is in the way."""
        with self._lock:
            if self._operator is None:
                retry = RetryLayer(max_times=TRIES_AGAIN, min_delay=0.2, max_delay=2, jitter=True)
                waiting = TimeoutLayer(timeout=ANSWER_SECONDS, io_timeout=SEGMENT_SECONDS)
                self._operator = self._open(waiting).layer(retry)
            return self._operator

    @property
    def hasty_operator(self) -> opendal.Operator:
        """Asks once and does not wait long."""
        with self._lock:
            if self._hasty is None:
                waiting = TimeoutLayer(timeout=CHECK_SECONDS, io_timeout=CHECK_SECONDS)
                self._hasty = self._open(waiting)
            return self._hasty

    def _open(self, waiting: TimeoutLayer) -> opendal.Operator:
        if BucketLine._opened_by not in {None, os.getpid()}:
            raise AssertionError("The bucket was opened before this process was forked.")
        BucketLine._opened_by = os.getpid()
        bucket = self._bucket
        operator = opendal.Operator(
            "s3",
            bucket=bucket.name,
            root=f"/{bucket.prefix}",
            endpoint=bucket.endpoint,
            region=bucket.region,
            access_key_id=bucket.key_id,
            secret_access_key=bucket.secret_key,
            checksum_algorithm="md5",
            enable_virtual_host_style=str(bucket.is_virtual_host).lower(),
            disable_config_load="true",  # neither other people's keys nor the machine's
            disable_ec2_metadata="true",
        )
        return operator.layer(waiting)
