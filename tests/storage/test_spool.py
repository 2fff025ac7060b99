"""The spools: one suite over both, and what only one of them can do or suffer."""

import base64
import hashlib
import logging
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from balancecloud.buckets import SpoolBucket
from balancecloud.errors import ConfigError, NoSpoolSpace, NotReady, Unavailable
from balancecloud.storage import bucket_line
from balancecloud.storage.bucket_spool import FULL_SECONDS, BucketSpool
from balancecloud.storage.spool import LocalSpool
from tests.fakes.hostile_bucket import HUGE, HostileBucket
from tests.fakes.manual_clock import ManualClock
from tests.services import bucket_server
from tests.services.bucket_server import KEY_ID, SECRET_KEY, BucketServer
from tests.storage.spool_suite import CONTENT, SEGMENT_BYTES, SpoolSuite, write


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    server = bucket_server.start(tmp_path_factory.mktemp("bucket"))
    yield server
    server.stop()


@pytest.fixture
def bucket(server: BucketServer) -> SpoolBucket:
    return server.bucket()


@pytest.fixture
def hostile() -> Iterator[HostileBucket]:
    with HostileBucket() as server:
        yield server


class TestLocalSpool(SpoolSuite):
    @pytest.fixture
    def spool(self, tmp_path: Path) -> LocalSpool:
        return LocalSpool(tmp_path / "spool", 0)


class TestBucketSpool(SpoolSuite):
    @pytest.fixture
    def spool(self, bucket: SpoolBucket) -> BucketSpool:
        return BucketSpool(bucket, ManualClock(), SEGMENT_BYTES)


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    root.mkdir(mode=0o755)
    root.chmod(0o755)

    with pytest.raises(ConfigError):
        LocalSpool(root, 0)


def test_what_is_kept_free_is_not_offered(tmp_path: Path) -> None:
    assert LocalSpool(tmp_path / "spool", 1 << 60).free_bytes() == 0
    assert LocalSpool(tmp_path / "spool", 0).free_bytes() > 0


def test_what_does_not_look_like_an_upload_is_left_alone(
    bucket: SpoolBucket, tmp_path: Path
) -> None:
    local = LocalSpool(tmp_path / "spool", 0)
    (tmp_path / "spool" / "ab" / "notes").mkdir(parents=True)
    spool = BucketSpool(bucket, ManualClock())
    spool._line.operator.write("notes/of-somebody", b"x")

    assert list(local.uploads()) == list(spool.uploads()) == []


def test_two_installations_in_one_bucket_do_not_see_each_other(server: BucketServer) -> None:
    ours, theirs = (BucketSpool(server.bucket(), ManualClock()) for _ in range(2))
    write(theirs, uuid.uuid4(), 0, CONTENT)

    assert list(ours.uploads()) == []


def test_one_segment_and_no_more_is_held_in_memory(bucket: SpoolBucket) -> None:
    part = BucketSpool(bucket, ManualClock(), SEGMENT_BYTES).create(uuid.uuid4(), 0)
    part.append(CONTENT)

    assert len(part._held) == len(CONTENT) % SEGMENT_BYTES


def test_a_part_as_long_as_parts_get_goes_through_whole(bucket: SpoolBucket) -> None:
    spool, upload, content = BucketSpool(bucket, ManualClock()), uuid.uuid4(), os.urandom(9 << 20)
    write(spool, upload, 0, content)

    assert spool.read(upload, 0, 0, len(content)) == content


@pytest.mark.parametrize("answer", ["cut", "short", "long", "whole", "empty", "garbage"])
def test_a_bucket_that_answers_wrongly_is_unavailable_never_other_bytes(
    hostile: HostileBucket, answer: str
) -> None:
    hostile.answer = answer
    spool = BucketSpool(hostile.bucket(), ManualClock(), SEGMENT_BYTES)

    with pytest.raises(Unavailable):
        spool.read(uuid.uuid4(), 0, 3, 20)


def test_an_answer_without_an_end_is_not_gathered(hostile: HostileBucket) -> None:
    hostile.answer = "endless"
    spool = BucketSpool(hostile.bucket(), ManualClock(), SEGMENT_BYTES)

    with pytest.raises(Unavailable):
        spool.read(uuid.uuid4(), 0, 3, 20)
    assert hostile.cut.wait(10)
    assert hostile.sent < HUGE // 4


def test_a_lost_answer_is_no_second_writing(hostile: HostileBucket) -> None:
    hostile.answer = "lost"
    spool, upload = BucketSpool(hostile.bucket(), ManualClock(), SEGMENT_BYTES), uuid.uuid4()
    write(spool, upload, 0, CONTENT[:20])

    assert hostile.puts == 2
    for told, content in hostile.sums:
        assert base64.b64decode(told) == hashlib.md5(content).digest()


def test_a_full_bucket_is_refused_and_asked_again_after_a_while(hostile: HostileBucket) -> None:
    hostile.answer = "full"
    clock = ManualClock()
    spool = BucketSpool(hostile.bucket(), clock, SEGMENT_BYTES)

    with pytest.raises(NoSpoolSpace):
        write(spool, uuid.uuid4(), 0, CONTENT)
    assert spool.free_bytes() == 0
    clock.advance(FULL_SECONDS)
    assert spool.free_bytes() > 0


def test_a_bucket_that_never_answers_is_not_waited_for_for_ever(
    hostile: HostileBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile.answer = "silence"
    monkeypatch.setattr(bucket_line, "SEGMENT_SECONDS", 0.1)
    monkeypatch.setattr(bucket_line, "CHECK_SECONDS", 0.1)
    spool = BucketSpool(hostile.bucket(), ManualClock(), SEGMENT_BYTES)

    with pytest.raises(NotReady):
        write(spool, uuid.uuid4(), 0, CONTENT)
    with pytest.raises(Unavailable):
        spool.read(uuid.uuid4(), 0, 0, 1)
    with pytest.raises(NotReady):
        spool.check()


def test_without_the_bucket_nothing_is_taken_in_and_everything_says_so(
    hostile: HostileBucket,
) -> None:
    hostile.answer = "denied"
    spool, upload = BucketSpool(hostile.bucket(), ManualClock(), SEGMENT_BYTES), uuid.uuid4()

    with pytest.raises(NotReady):
        spool.check()
    with pytest.raises(NotReady):
        write(spool, upload, 0, CONTENT)
    with pytest.raises(Unavailable):
        spool.read(upload, 0, 0, 1)
    spool.remove(upload)


def test_no_key_is_in_a_repr_an_error_or_the_log(
    hostile: HostileBucket, caplog: pytest.LogCaptureFixture
) -> None:
    hostile.answer = "denied"
    bucket = hostile.bucket()
    spool = BucketSpool(bucket, ManualClock(), SEGMENT_BYTES)
    caplog.set_level(logging.DEBUG)
    said = [repr(bucket), repr(spool)]
    for act in (spool.check, lambda: write(spool, uuid.uuid4(), 0, CONTENT)):
        with pytest.raises(NotReady) as caught:
            act()
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        said.append(str(caught.value))
    spool.remove(uuid.uuid4())
    said.append(caplog.text)

    assert "PermissionDenied" in caplog.text
    assert not any(word in text for word in (KEY_ID, SECRET_KEY, "CANARY") for text in said)
