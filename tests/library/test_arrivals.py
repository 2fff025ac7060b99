"""Resumable uploads below HTTP: what counts, who may send, and what a death leaves behind."""

import hashlib
import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import Cancelled, NoSpoolSpace, TooLarge, TooMany
from balancecloud.library import (
    abandoned,
    arrivals,
    giving_up,
    jobs,
    resumables,
    trash,
)
from balancecloud.library.arrivals import Arrival
from balancecloud.library.batches import Group
from balancecloud.library.resumables import Sent
from balancecloud.library.upload_errors import (
    ChecksumMismatch,
    OffsetConflict,
    UploadGone,
    UploadLocked,
)
from balancecloud.library.uploads import Wanted
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node, SpoolPart, Version
from balancecloud.models.states import JobState
from balancecloud.storage.spool import LocalPart, LocalSpool
from tests.fakes.manual_clock import ManualClock
from tests.library.resumable import CONTENT, Upload, Wrong, another_process, begin
from tests.services.locks import wait_until_somebody_waits
from tests.storage.world import Person, make_tools

pytestmark = pytest.mark.real


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def person(config: Config, database: sessionmaker[Session], clock: ManualClock) -> Person:
    tools, providers = make_tools(config, database)
    few = replace(tools.config, chunk_size=1 << 16, frame_log2=12)
    return Person.new(replace(tools, clock=clock, config=few), providers, accounts=3)


@pytest.fixture
def upload(person: Person) -> Upload:
    return begin(person)


def parts_on_disk(person: Person) -> int:
    return len(list(person.tools.config.spool_dir.rglob("*.part")))


# --- what counts ----------------------------------------------------------------------------


def test_pieces_through_many_processes_are_the_file(upload: Upload) -> None:
    steps = (0, 1, 65_536, 100_000, 200_001, len(CONTENT))
    for begin_at, end_at in itertools.pairwise(steps):
        assert upload.send(begin_at, end_at, another_process(upload.person.tools)) == end_at

    assert upload.version().sha256 == hashlib.sha256(CONTENT).digest()
    assert upload.read_back() == CONTENT
    upload.person.check_settled()


def test_the_hash_goes_on_in_one_process_without_reading_again(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload.send(0, 100_000)

    def refuse(*_arguments: object) -> bytes:
        raise AssertionError("read again")

    monkeypatch.setattr(LocalSpool, "read", refuse)
    upload.send(100_000, len(CONTENT))

    assert upload.version().sha256 == hashlib.sha256(CONTENT).digest()


def test_a_hash_far_behind_is_made_once_all_is_there(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "SOON_BYTES", 1000)
    upload.send(0, 100_000)
    upload.send(100_000, 200_000, another_process(upload.person.tools))
    upload.send(200_000, len(CONTENT), another_process(upload.person.tools))

    assert upload.version().sha256 == hashlib.sha256(CONTENT).digest()


def test_what_arrived_of_a_request_that_broke_off_counts(upload: Upload) -> None:
    arrival = upload.claim(0)
    arrival.write(CONTENT[:123_456])
    arrival.break_off()

    assert upload.offset == 123_456
    upload.send(123_456, len(CONTENT))
    assert upload.read_back() == CONTENT


def test_f_01_a_death_keeps_what_was_recorded_and_never_reuses_a_part(
    upload: Upload, clock: ManualClock
) -> None:
    arrival = upload.claim(0)
    arrival.write(CONTENT[:50_000])
    clock.advance(arrivals.PART_SECONDS)
    arrival.write(CONTENT[50_000:60_000])  # old enough: recorded
    arrival.write(CONTENT[60_000:90_000])
    del arrival  # the process ends here

    assert upload.offset == 60_000
    upload.let_lease_pass()
    upload.send(60_000, len(CONTENT), another_process(upload.person.tools))
    with upload.person.tools.sessions() as session:
        numbers = session.scalars(select(SpoolPart.number).order_by(SpoolPart.number)).all()
    assert numbers == [0, 2]
    assert upload.version().sha256 == hashlib.sha256(CONTENT).digest()
    assert upload.read_back() == CONTENT
    assert parts_on_disk(upload.person) == 0


def test_the_dead_request_of_a_form_does_not_take_a_resumable_along(upload: Upload) -> None:
    upload.claim(0).write(CONTENT[:10])
    upload.let_lease_pass()

    abandoned.sweep(upload.person.tools)
    giving_up.sweep(upload.person.tools)

    assert upload.offset == 0
    assert upload.send(0, len(CONTENT)) == len(CONTENT)


def test_f_17_a_full_spool_leaves_a_true_offset(
    upload: Upload, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload.send(0, 70_000)
    arrival = upload.claim(70_000)
    arrival.write(CONTENT[70_000:80_000])

    def refuse(_part: LocalPart, _sealed: Buffer) -> None:
        raise NoSpoolSpace

    with monkeypatch.context() as patch:
        patch.setattr(LocalPart, "append", refuse)
        with pytest.raises(NoSpoolSpace):
            arrival.finish()
        arrival.drop()

    assert upload.offset == 70_000
    assert parts_on_disk(upload.person) == 1
    upload.send(70_000, len(CONTENT))
    assert upload.read_back() == CONTENT


def test_a_part_is_never_longer_than_64_mib(person: Person) -> None:
    size = (64 << 20) + 5
    upload = begin(person, size)
    arrival = upload.claim(0)
    for offset in range(0, size, 1 << 20):
        arrival.write(bytes(min(1 << 20, size - offset)))
    assert upload.offset == 64 << 20
    arrival.finish()

    assert upload.version().sha256 == hashlib.sha256(bytes(size)).digest()


# --- who may send ---------------------------------------------------------------------------


def test_f_02_two_senders_never_interleave(upload: Upload, clock: ManualClock) -> None:
    first = upload.claim(0)
    first.write(CONTENT[:20_000])
    with pytest.raises(UploadLocked):
        upload.claim(0)

    upload.let_lease_pass()  # no byte came for five seconds
    second = upload.claim(0)
    second.write(CONTENT[:30_000])
    clock.advance(arrivals.NOTE_SECONDS)
    with pytest.raises(UploadLocked):
        first.write(b"other bytes than those")
    first.drop()

    assert second.finish().offset == 30_000
    upload.send(30_000, len(CONTENT))
    assert upload.read_back() == CONTENT


def test_a_sender_who_lost_the_lease_records_nothing_at_its_end(upload: Upload) -> None:
    first = upload.claim(0)
    first.write(b"x" * 1000)
    upload.let_lease_pass()
    upload.send(0, 5000)

    with pytest.raises(UploadLocked):
        first.finish()
    first.break_off()

    assert upload.offset == 5000
    assert parts_on_disk(upload.person) == 1


def test_bytes_renew_the_lease(upload: Upload, clock: ManualClock) -> None:
    arrival = upload.claim(0)
    upload.let_lease_pass()
    clock.advance(arrivals.NOTE_SECONDS)
    arrival.write(CONTENT[:10])

    with pytest.raises(UploadLocked):
        upload.claim(0)


def test_t_26_of_many_at_once_one_gets_in(upload: Upload) -> None:
    def attempt(_number: int) -> str:
        try:
            return str(upload.send(0, 1000))
        except (UploadLocked, OffsetConflict) as problem:
            return problem.code

    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(attempt, range(8)))

    assert ends.count("1000") == 1
    assert set(ends) <= {"1000", "upload_locked", "offset_conflict"}
    assert upload.offset == 1000


def test_t_27_a_wrong_checksum_keeps_nothing_however_long_it_took(
    upload: Upload, clock: ManualClock
) -> None:
    person = upload.person
    held = arrivals.claim(person.tools, person.user_id, upload.id, 0)
    arrival = Arrival(person.tools, held, Wrong())
    arrival.write(CONTENT[:100_000])
    clock.advance(2 * arrivals.PART_SECONDS)
    arrival.write(CONTENT[100_000:200_000])

    with pytest.raises(ChecksumMismatch):
        arrival.finish()
    arrival.drop()

    assert (upload.offset, parts_on_disk(person)) == (0, 0)
    upload.send(0, len(CONTENT))
    assert upload.read_back() == CONTENT


# --- what happens meanwhile -----------------------------------------------------------------


def test_a_cancelled_job_stops_its_sender(upload: Upload, clock: ManualClock) -> None:
    person, arrival = upload.person, upload.claim(0)
    arrival.write(CONTENT[:10])
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, session.scalars(select(Job.id)).one())

    clock.advance(arrivals.NOTE_SECONDS)
    with pytest.raises(Cancelled):
        arrival.write(CONTENT[10:20])
    arrival.drop()
    giving_up.end_cancelled(person.tools, upload.id)

    with person.tools.sessions() as session:
        assert session.scalars(select(Job.state)).all() == [JobState.CANCELLED]
        assert session.scalars(select(Node.id)).all() == []
    person.check_settled()
    with pytest.raises(UploadGone):
        upload.claim(0)


def test_a_job_cancelled_while_its_sender_died_ends_all_the_same(upload: Upload) -> None:
    person = upload.person
    upload.claim(0).write(CONTENT[:10])
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, session.scalars(select(Job.id)).one())
    upload.let_lease_pass()

    assert giving_up.sweep(person.tools) == 1

    with person.tools.sessions() as session:
        assert session.scalars(select(Job.state)).all() == [JobState.CANCELLED]
    person.check_settled()


def test_f_37_a_file_deleted_while_it_arrives_stops_its_sender(upload: Upload) -> None:
    person, arrival = upload.person, upload.claim(0)
    arrival.write(CONTENT)
    with person.tools.sessions() as session:
        node = session.scalars(select(Node.id)).one()
    person.delete_node(node)

    with pytest.raises(UploadGone):
        arrival.finish()
    arrival.drop()

    abandoned.sweep(person.tools)
    person.check_settled()


def test_a_file_in_the_trash_goes_on_arriving(upload: Upload) -> None:
    person = upload.person
    upload.send(0, 1000)
    with person.tools.sessions.begin() as session:
        trash.put(session, person.user_id, session.scalars(select(Node.id)).one())

    upload.send(1000, len(CONTENT))

    assert upload.read_back() == CONTENT


def test_t_28_nobody_opens_uploads_without_end(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumables, "MOST_OPEN", 2)
    begin(person, 1, "a")
    begin(person, 1, "b")

    with pytest.raises(TooMany):
        begin(person, 1, "c")


def test_t_28_an_upload_does_not_come_in_pieces_without_end(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MOST_PARTS", 2)
    upload.send(0, 1)
    upload.send(1, 2)

    with pytest.raises(TooLarge):
        upload.claim(2)


def test_a_job_goes_on_when_another_file_of_its_batch_comes(person: Person) -> None:
    group = Group(uuid.uuid4(), uuid.uuid4())
    for count, name in enumerate(("a", "b"), 1):
        wanted = Wanted(person.user_id, None, "version", "api", 3)
        standing = resumables.begin(person.tools, Sent(wanted, (name,), group, "")).standing
        upload = Upload(person, standing.id)
        upload.send(0, 3)
        assert person.work() == []
        with person.tools.sessions() as session:
            job = session.scalars(select(Job)).one()
        assert (job.state, job.files_total, job.files_stored) == (JobState.DONE, count, count)


@pytest.mark.parametrize("end", [100_000, len(CONTENT)])
def test_what_was_recorded_stays_though_the_answer_to_its_commit_was_lost(
    person: Person, end: int
) -> None:
    upload = begin(person)
    arrival = upload.claim(0)
    arrival.write(CONTENT[:end])

    def lose(_session: Session) -> None:
        raise ConnectionResetError

    event.listen(person.tools.sessions, "after_commit", lose, once=True)
    with pytest.raises(ConnectionResetError):
        arrival.finish()
    arrival.drop()

    assert upload.offset == end
    if end < len(CONTENT):
        upload.send(end, len(CONTENT))
    assert upload.read_back() == CONTENT


def test_an_upload_that_goes_on_in_the_moment_it_would_expire_does_not(person: Person) -> None:
    upload = begin(person)
    upload.send(0, 100_000)
    with person.tools.sessions.begin() as session:
        session.execute(text("UPDATE resumables SET expires_at = now() - interval '1 second'"))

    with ThreadPoolExecutor(1) as pool, person.tools.sessions.begin() as session:
        session.scalar(
            select(Version.id).where(Version.id == upload.version().id).with_for_update()
        )
        session.execute(text("UPDATE resumables SET expires_at = now() + interval '1 day'"))
        sweeping = pool.submit(giving_up.sweep, person.tools)
        wait_until_somebody_waits(session)
        session.commit()
        sweeping.result(30)

    assert upload.send(100_000, len(CONTENT)) == len(CONTENT)
    assert upload.read_back() == CONTENT
