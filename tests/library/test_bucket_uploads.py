"""Uploads into a bucket: whichever request fails, with or without effect, all or nothing."""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import NotReady
from balancecloud.library import abandoned, arrivals
from balancecloud.library.arrivals import Arrival
from balancecloud.library.upload_errors import ChecksumMismatch
from balancecloud.library.uploads import Intake
from balancecloud.models.library import Node, SpoolPart, Upload, Version
from balancecloud.storage.bucket_spool import BucketSpool
from tests.fakes.manual_clock import ManualClock
from tests.library.resumable import CONTENT as RESUMED
from tests.library.resumable import Wrong, another_process, begin
from tests.services import bucket_server
from tests.services.bucket_server import BucketServer
from tests.storage.arriving import PART, Sender, assert_stored_once, in_small
from tests.storage.world import Person, make_tools

pytestmark = pytest.mark.real

SEGMENT_BYTES = 50_000
CONTENT = secrets.token_bytes(140_000)  # sealed, three segments; with the look after them 4 calls
CALLS = 4


class Died(BaseException):
    """The process ended here: nothing catches it."""


class FailingBucket(BucketSpool):
    """Works for so many calls; the next one fails, with or without effect."""

    calls = 1 << 30
    takes_effect = False
    error: type[BaseException] = NotReady

    def put_new(self, *arguments: object) -> None:
        self._call(super().put_new, *arguments)

    def require(self, *arguments: object) -> None:
        self._call(super().require, *arguments)

    def _call(self, call: object, *arguments: object) -> None:
        self.calls -= 1
        if self.calls >= 0 or self.takes_effect:
            call(*arguments)  # type: ignore[operator]
        if self.calls < 0:
            raise self.error


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    server = bucket_server.start(tmp_path_factory.mktemp("bucket"))
    yield server
    server.stop()


@pytest.fixture
def spool(server: BucketServer) -> FailingBucket:
    return FailingBucket(server.bucket(), ManualClock(), SEGMENT_BYTES)


@pytest.fixture
def person(config: Config, database: sessionmaker[Session], spool: FailingBucket) -> Person:
    return Person.new(*make_tools(config, database, spool), accounts=3)


def assert_nothing_stays(person: Person) -> None:
    with person.tools.sessions() as session:
        for table in (Node, Version, Upload, SpoolPart):
            assert session.scalar(select(func.count()).select_from(table)) == 0, table
    assert list(person.tools.spool.uploads()) == []
    assert person.user().reserved_bytes == 0


def write_all(intake: Intake) -> None:
    intake.write(CONTENT)
    intake.end_file()


def fail_in_an_upload(person: Person, spool: FailingBucket, error: type[BaseException]) -> None:
    spool.error = error
    intake = person.intake()
    intake.start_file(["file"], None)
    with pytest.raises(error):
        write_all(intake)
    spool.calls = 1 << 30
    if error is NotReady:
        intake.abort("not_ready")


@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("calls", range(CALLS))
def test_a_bucket_that_fails_at_any_call_leaves_nothing(
    person: Person, spool: FailingBucket, calls: int, takes_effect: bool
) -> None:
    spool.calls, spool.takes_effect = calls, takes_effect
    fail_in_an_upload(person, spool, NotReady)

    assert_nothing_stays(person)


@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("calls", range(CALLS))
def test_a_request_that_dies_at_any_call_is_swept_whole(
    person: Person, spool: FailingBucket, calls: int, takes_effect: bool
) -> None:
    spool.calls, spool.takes_effect = calls, takes_effect
    fail_in_an_upload(person, spool, Died)
    with person.tools.sessions.begin() as session:
        session.execute(update(Upload).values(lease_until=func.now() - timedelta(seconds=1)))
    abandoned.sweep(person.tools)

    assert_nothing_stays(person)


def test_what_came_in_whole_is_read_and_stored_from_the_bucket(
    person: Person, spool: FailingBucket
) -> None:
    spool.calls = CALLS
    arrived = person.upload(CONTENT)
    version = person.version(arrived)

    assert person.read(version.id) == CONTENT
    assert person.read(version.id, 65_000, 70_000) == CONTENT[65_000:70_000]
    assert person.work() == []
    assert list(spool.uploads()) == []
    assert person.read(version.id) == CONTENT
    assert spool.calls == 0


def test_a_resumable_upload_keeps_what_arrived_and_loses_what_was_damaged(person: Person) -> None:
    upload = begin(person)
    upload.send(0, 120_000)
    held = arrivals.claim(person.tools, person.user_id, upload.id, 120_000)
    damaged = Arrival(person.tools, held, Wrong())
    damaged.write(RESUMED[120_000:])
    with pytest.raises(ChecksumMismatch):
        damaged.finish()
    damaged.drop()
    broken = upload.claim(120_000)
    broken.write(RESUMED[120_000:200_000])
    broken.break_off()

    assert upload.offset == 200_000
    assert parts_in(person.tools.spool) == {0, 2}
    upload.send(200_000, len(RESUMED), another_process(person.tools))
    assert upload.version().sha256 == hashlib.sha256(RESUMED).digest()


def parts_in(spool: object) -> set[int]:
    """Return the numbers of the parts of which something is in the bucket."""
    assert isinstance(spool, BucketSpool)
    entries = spool._line.operator.list("", recursive=True)
    names = [entry.path.rpartition("/")[2] for entry in entries]
    return {int(name.partition(".")[0]) for name in names if name}


def test_what_arrives_in_a_bucket_is_stored_meanwhile(person: Person) -> None:
    sender = Sender(in_small(person), CONTENT[: 3 * PART])
    sender.send(PART)
    assert person.work() == []
    assert sender.stages().stored == PART
    sender.send_rest()

    assert_stored_once(sender, person.work())
