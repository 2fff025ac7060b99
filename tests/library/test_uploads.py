"""Taking files in: all of a form or nothing, the quota exact, the names as they must be."""

import secrets
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import (
    BrokenUpload,
    Cancelled,
    Invalid,
    NameTaken,
    NoSpoolSpace,
    NotFound,
    OverQuota,
    TooLarge,
)
from balancecloud.library import abandoned, nodes, tree
from balancecloud.library.removal import delete_for_good
from balancecloud.library.uploads import Intake
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node, SpoolPart, Upload, Version
from balancecloud.models.states import JobState, VersionState
from balancecloud.storage.spool import LocalPart, LocalSpool
from tests.fakes.manual_clock import ManualClock
from tests.storage.world import CHUNK, Person, make_tools

pytestmark = pytest.mark.real


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database))


def names_of(person: Person) -> list[str]:
    with person.tools.sessions() as session:
        return sorted(session.scalars(select(Node.name).where(Node.user_id == person.user_id)))


def assert_nothing_stays(person: Person) -> None:
    """No row, no folder and no byte of an upload; only its job is left."""
    with person.tools.sessions() as session:
        for table in (Node, Version, Upload, SpoolPart):
            assert session.scalar(select(func.count()).select_from(table)) == 0, table
    assert list(person.tools.config.spool_dir.rglob("*.part")) == []
    assert person.user().reserved_bytes == 0


# --- quota ----------------------------------------------------------------------------------


def test_twenty_reservations_at_once_never_pass_the_quota(
    config: Config, database: sessionmaker[Session]
) -> None:
    person = Person.new(*make_tools(config, database), quota=7000)
    start = threading.Barrier(20)

    def reserve(number: int) -> bool:
        intake = person.intake(declared=1000)
        start.wait()
        try:
            intake.start_file([f"file {number}"], None)
        except OverQuota:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        fitted = sum(pool.map(reserve, range(20)))

    assert fitted == 7
    assert person.user().reserved_bytes == 7000
    person.check_books()


def test_a_form_keeps_only_what_its_files_need(person: Person) -> None:
    person.upload(b"x" * 10, b"y" * 20)

    assert person.user().reserved_bytes == 30
    person.check_books()


def test_a_refused_form_reserves_nothing(config: Config, database: sessionmaker[Session]) -> None:
    person = Person.new(*make_tools(config, database), quota=100)
    intake = person.intake(declared=101)

    with pytest.raises(OverQuota):
        intake.start_file(["file"], None)

    intake.abort("over_quota")
    assert_nothing_stays(person)


def test_t_26_a_body_longer_than_declared_is_refused(person: Person) -> None:
    intake = person.intake(declared=10)
    intake.start_file(["file"], None)
    intake.write(b"x" * 10)

    with pytest.raises(BrokenUpload):
        intake.write(b"y")

    intake.abort("broken_upload")
    assert_nothing_stays(person)


def test_a_file_beyond_the_largest_is_refused(person: Person) -> None:
    person.tools = replace(
        person.tools, config=replace(person.tools.config, largest_file_bytes=100)
    )
    intake = person.intake()
    intake.start_file(["file"], None)
    intake.write(b"x" * 100)

    with pytest.raises(TooLarge):
        intake.write(b"y")


# --- ending early ---------------------------------------------------------------------------


def begun(person: Person, *paths: str) -> Intake:
    """Begin files, the last of which is still arriving."""
    intake = person.intake()
    for number, path in enumerate(paths):
        if number:
            intake.end_file()
        intake.start_file(path.split("/"), None)
        intake.write(secrets.token_bytes(100_000))
    return intake


def end(intake: Intake) -> None:
    intake.end_file()
    intake.finish()


def write_more(intake: Intake) -> None:
    intake.write(secrets.token_bytes(140_000))
    intake.end_file()


def test_an_abort_leaves_nothing_but_the_job_that_says_why(person: Person) -> None:
    intake = begun(person, "a/b/one", "a/two", "c/three")

    intake.abort("broken_upload")

    assert_nothing_stays(person)
    with person.tools.sessions() as session:
        job = session.scalars(select(Job)).one()
    assert (job.state, job.error_code) == (JobState.FAILED, "broken_upload")


def test_an_abort_keeps_folders_that_others_use(person: Person) -> None:
    intake = begun(person, "a/b/one")
    with person.tools.sessions.begin() as session:
        folder = session.scalars(select(Node).where(Node.name == "a")).one()
        tree.add_folder(session, person.user_id, folder.id, "mine")

    intake.abort("broken_upload")

    assert names_of(person) == ["a", "mine"]


def test_an_abort_waits_for_a_child_that_is_being_added_to_its_folder(person: Person) -> None:
    intake = begun(person, "a/one")
    with person.tools.sessions() as session:
        folder = session.scalars(select(Node).where(Node.name == "a")).one()
        tree.add_folder(session, person.user_id, folder.id, "mine")
        with ThreadPoolExecutor(1) as pool:
            aborted = pool.submit(intake.abort, "broken_upload")
            _wait_for_a_lock(person)
            session.commit()
            aborted.result()

    assert names_of(person) == ["a", "mine"]


def test_an_abort_keeps_a_node_to_which_another_adds_a_version(person: Person) -> None:
    one, other = begun(person, "file"), person.intake()
    with person.tools.sessions() as session:
        node = session.scalars(select(Node).where(Node.name == "file").with_for_update()).one()
        with ThreadPoolExecutor(2) as pool:
            added = pool.submit(other.start_file, ["file"], None)
            _wait_for_a_lock(person)
            aborted = pool.submit(one.abort, "broken_upload")
            _wait_for_a_lock(person, waiting=2)
            session.commit()
            added.result()
            aborted.result()

    other.end_file()
    other.finish()
    person.link()
    assert person.work() == []
    with person.tools.sessions() as session:
        assert nodes.get_node(session, person.user_id, node.id).state == "stored"
    person.check_settled()


def _wait_for_a_lock(person: Person, waiting: int = 1) -> None:
    """Return once this many transactions wait for a lock in this database."""
    asked = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(500):
        with person.tools.sessions() as session:
            if session.scalars(asked).one() >= waiting:
                return
            session.execute(text("SELECT pg_sleep(0.01)"))
    raise AssertionError("nobody waits")


def test_an_abort_after_the_end_takes_nothing_back(person: Person) -> None:
    content = secrets.token_bytes(3 * CHUNK)
    intake = person.intake()
    intake.start_file(["file"], None)
    intake.write(content)
    intake.end_file()
    arrived = intake.finish()

    intake.abort("internal_error")

    assert person.read(person.version(arrived).id) == content
    assert person.job(arrived.job_id).state is JobState.QUEUED


def test_what_was_cancelled_while_it_arrived_ends_as_cancelled(person: Person) -> None:
    intake = begun(person, "file")
    with person.tools.sessions.begin() as session:
        session.execute(update(Job).values(state=JobState.CANCELLING))
    intake.end_file()

    with pytest.raises(Cancelled):
        intake.finish()

    intake.abort("cancelled")
    assert_nothing_stays(person)
    with person.tools.sessions() as session:
        assert session.scalars(select(Job.state)).one() is JobState.CANCELLED


def test_a_cancel_is_noticed_while_bytes_arrive(person: Person) -> None:
    clock = ManualClock()
    person.tools = replace(person.tools, clock=clock)
    intake = begun(person, "file")
    with person.tools.sessions.begin() as session:
        session.execute(update(Job).values(state=JobState.CANCELLING))
    clock.advance(2)

    with pytest.raises(Cancelled):
        intake.write(b"more")


@pytest.mark.parametrize("is_first", [True, False], ids=["the first", "the last"])
def test_f_37_a_file_deleted_while_its_form_arrives_ends_the_form(
    person: Person, is_first: bool
) -> None:
    intake = begun(person, "one", "two")
    with person.tools.sessions.begin() as session:
        name = "one" if is_first else "two"
        node = session.scalars(select(Node).where(Node.name == name)).one()
        delete_for_good(session, person.user_id, node.id, "web")

    with pytest.raises(BrokenUpload):
        end(intake)

    intake.abort("broken_upload")
    assert_nothing_stays(person)


# --- sweeping -------------------------------------------------------------------------------


def silence(person: Person) -> None:
    """Let the leases of receiving requests run out."""
    with person.tools.sessions.begin() as session:
        session.execute(update(Upload).values(lease_until=func.now() - timedelta(seconds=1)))


def test_f_02_an_upload_whose_request_died_is_swept(person: Person) -> None:
    begun(person, "one", "two")
    silence(person)

    assert abandoned.sweep(person.tools) == 2

    assert_nothing_stays(person)
    assert abandoned.sweep(person.tools) == 0


def test_what_is_received_or_alive_is_not_swept(person: Person) -> None:
    arrived = person.upload(b"received")
    begun(person, "alive")

    assert abandoned.sweep(person.tools) == 0

    assert person.read(person.version(arrived).id) == b"received"
    assert names_of(person) == ["alive", "file"]


def test_a_request_that_lives_after_its_sweep_leaves_nothing(person: Person) -> None:
    intake = begun(person, "file")
    silence(person)
    abandoned.sweep(person.tools)

    with pytest.raises(BrokenUpload):
        end(intake)

    intake.abort("broken_upload")
    abandoned.sweep(person.tools)
    assert_nothing_stays(person)


def test_bytes_that_no_upload_owns_are_swept(person: Person) -> None:
    part = person.tools.spool.create(uuid.uuid4(), 0)
    part.append(b"sealed")
    part.close()

    assert abandoned.sweep(person.tools) == 1
    assert list(person.tools.spool.uploads()) == []


# --- the spool fails ------------------------------------------------------------------------


class FullPart(LocalPart):
    """A part on a disk that becomes full."""

    def __init__(self, part: LocalPart, spool: "FailingSpool") -> None:
        self._part = part
        self._spool = spool

    def append(self, sealed: Buffer) -> None:
        self._spool.step()
        self._part.append(sealed)

    def sync(self) -> None:
        self._spool.step()
        self._part.sync()

    def close(self) -> None:
        self._part.close()


class FailingSpool(LocalSpool):
    """Works for some steps, then the disk is full."""

    steps = 1 << 30

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise NoSpoolSpace

    def create(self, upload: uuid.UUID, number: int) -> FullPart:
        self.step()
        return FullPart(super().create(upload, number), self)


@pytest.mark.parametrize("steps", range(5))
def test_f_17_f_19_a_disk_that_fails_at_any_step_leaves_nothing(
    config: Config, database: sessionmaker[Session], steps: int
) -> None:
    spool = FailingSpool(config.spool_dir, 0)
    person = Person.new(*make_tools(config, database, spool))
    intake = person.intake()
    intake.start_file(["a", "file"], None)
    spool.steps = steps

    with pytest.raises(NoSpoolSpace):
        write_more(intake)

    spool.steps = 1 << 30
    intake.abort("no_spool_space")
    assert_nothing_stays(person)


def test_a_body_that_does_not_fit_the_disk_is_refused_at_once(
    config: Config, database: sessionmaker[Session]
) -> None:
    spool = LocalSpool(config.spool_dir, reserve_bytes=1 << 60)
    person = Person.new(*make_tools(config, database, spool))

    with pytest.raises(NoSpoolSpace):
        person.intake(declared=1).start_file(["file"], None)

    assert_nothing_stays(person)


# --- names and versions ---------------------------------------------------------------------


def test_a_taken_name_gets_another_version(person: Person) -> None:
    first, second = person.upload(b"one"), person.upload(b"two")

    assert first.node_ids == second.node_ids
    assert [person.version(each).number for each in (first, second)] == [1, 2]


def test_keep_both_numbers_the_name(person: Person) -> None:
    for _ in range(3):
        person.upload(b"x", name="photo.tar.gz", conflict="keep_both")

    assert names_of(person) == ["photo.tar (2).gz", "photo.tar (3).gz", "photo.tar.gz"]


def test_fail_refuses_a_taken_name(person: Person) -> None:
    person.upload(b"one")
    intake = person.intake(conflict="fail")

    with pytest.raises(NameTaken):
        intake.start_file(["file"], None)

    intake.abort("name_taken")
    assert len(names_of(person)) == 1
    person.check_books()


@pytest.mark.parametrize("path", ["folder", "file/below"])
def test_a_folder_never_becomes_a_file_nor_a_file_a_folder(person: Person, path: str) -> None:
    person.upload(b"x")
    with person.tools.sessions.begin() as session:
        tree.add_folder(session, person.user_id, None, "folder")

    with pytest.raises(NameTaken):
        person.intake().start_file(path.split("/"), None)


def test_twenty_uploads_of_one_name_at_once_become_twenty_versions(person: Person) -> None:
    with ThreadPoolExecutor(10) as pool:
        arrived = list(pool.map(lambda n: person.upload(bytes([n])), range(20)))

    assert len({each.node_ids for each in arrived}) == 1
    with person.tools.sessions() as session:
        numbers = session.scalars(select(Version.number).order_by(Version.number)).all()
    assert numbers == list(range(1, 21))
    person.check_books()


def test_trees_that_arrive_at_once_share_their_folders(person: Person) -> None:
    def send(number: int) -> None:
        intake = begun(person, f"a/b/{number}", f"a/c/{number}", f"a/b/d/{number}")
        intake.end_file()
        intake.finish()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))

    names = names_of(person)
    assert [names.count(folder) for folder in "abcd"] == [1, 1, 1, 1]
    assert len(names) == 4 + 18
    person.check_books()


def test_t_28_folders_end_at_64_however_they_are_made(person: Person) -> None:
    with person.tools.sessions.begin() as session:
        deepest, _ = tree.ensure_folders(session, person.user_id, None, ["x"] * 64)

    with pytest.raises(Invalid):
        person.intake(parent=deepest).start_file(["y", "file"], None)
    person.upload(b"x", parent=deepest)


def test_t_21_nobody_uploads_into_anothers_folder(person: Person) -> None:
    stranger = Person.new(person.tools, person.providers)
    with person.tools.sessions.begin() as session:
        folder = tree.add_folder(session, person.user_id, None, "mine")

    with pytest.raises(NotFound):
        stranger.intake(parent=folder.id).start_file(["file"], None)
    with pytest.raises(NotFound):
        person.intake(parent=uuid.uuid4()).start_file(["file"], None)


# --- plaintext never rests ------------------------------------------------------------------


def find_on_disk(folder: Path, canary: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and canary in path.read_bytes()]


@pytest.mark.parametrize("is_finished", [False, True], ids=["in the middle", "whole"])
def test_l_03_no_plaintext_is_on_the_disk(person: Person, is_finished: bool) -> None:
    canary = f"CANARY-{uuid.uuid4()}".encode()
    intake = person.intake()
    intake.start_file([f"{canary.decode()}.txt"], None)
    for _ in range(4):
        intake.write(canary * 1000)
    if is_finished:
        intake.end_file()
        intake.finish()

    spooled = [path for path in person.tools.config.data_dir.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in spooled) > 65_536
    assert find_on_disk(person.tools.config.data_dir, canary) == []
    assert not any("CANARY" in str(path) for path in spooled)


def test_the_spool_is_the_users_alone(person: Person) -> None:
    person.upload(b"x")

    paths = [person.tools.config.spool_dir, *person.tools.config.spool_dir.rglob("*.part")]
    assert [path.stat().st_mode & 0o077 for path in paths] == [0, 0]


def test_an_empty_file_has_no_part_and_is_a_version(person: Person) -> None:
    version = person.version(person.upload(b""))

    assert (version.state, version.size) == (VersionState.QUEUED, 0)
    assert list(person.tools.config.spool_dir.rglob("*.part")) == []
    assert person.read(version.id) == b""
