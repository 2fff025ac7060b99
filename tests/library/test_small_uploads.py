"""Small files: one transaction for each, and nothing else is different from any other file."""

import secrets
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import BrokenUpload, NameTaken, NoSpoolSpace, NotFound, OverQuota, TooLarge
from balancecloud.library import abandoned, nodes, upload_ids
from balancecloud.library.small_uploads import MOST_BYTES, SmallIntake, receiver
from balancecloud.library.uploads import Arrived, Intake, Wanted
from balancecloud.models.base import Base
from balancecloud.models.jobs import Job, JobEvent, Work
from balancecloud.models.library import Node, SpoolPart, Upload, Version
from balancecloud.models.people import User
from balancecloud.models.states import WorkState
from tests.fakes.manual_clock import ManualClock
from tests.storage.world import CHUNK, Person, make_tools

pytestmark = pytest.mark.real

# What differs from one file to the next: ids, keys and moments.
OWN = {
    *("id", "file_id", "key", "version_id", "upload_id", "job_id", "file_key", "wrapped_key"),
    *("salt", "created_at", "updated_at", "started_at", "due_at", "at", "expires_at"),
}
CONTENT = secrets.token_bytes(900)
SHARED = CHUNK // 2


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database, shared=SHARED))


def wanted(person: Person, conflict: str = "version", parent: uuid.UUID | None = None) -> Wanted:
    return Wanted(person.user_id, parent, conflict, "web", len(CONTENT) + 100)


def send(person: Person, intake: SmallIntake | Intake, *names: str) -> Arrived:
    for name in names:
        intake.start_file(name.split("/"), "text/x-note")
        intake.write(CONTENT[:400])
        intake.write(CONTENT[400:])
        intake.end_file()
    return intake.finish()


def small(person: Person, name: str = "small.bin", **more: Any) -> Arrived:
    return send(person, SmallIntake(person.tools, wanted(person, **more)), name)


def rows(session: Session, table: type[Base]) -> list[dict[str, Any]]:
    columns = [column for column in table.__table__.columns if column.name not in OWN]
    return [dict(row._mapping) for row in session.execute(select(*columns))]


def everything(person: Person) -> dict[str, list[dict[str, Any]]]:
    tables = (Node, Job, JobEvent, Version, Upload, SpoolPart, Work)
    with person.tools.sessions() as session:
        found = {table.__tablename__: rows(session, table) for table in tables}
        found["reserved"] = [{"bytes": session.scalar(select(User.reserved_bytes))}]
    return found


def test_a_small_file_leaves_the_rows_that_any_file_leaves(
    config: Config, database: sessionmaker[Session], person: Person
) -> None:
    arrived = small(person, "note")
    left = everything(person)
    assert person.read(person.version(arrived).id) == CONTENT
    with person.tools.sessions.begin() as session:
        session.delete(session.get_one(User, person.user_id))
    other = Person.new(*make_tools(config, database, shared=SHARED))

    send(other, Intake(other.tools, wanted(other)), "note")

    expected = everything(other)
    for table in (*left.values(), *expected.values()):
        for row in table:
            row.pop("user_id", None)
    assert left == expected


def test_it_is_answered_as_it_would_be_asked_for(person: Person) -> None:
    with person.tools.sessions.begin() as session:
        folder = nodes.make_folder(session, person.user_id, "Letters", None)
    for arrived in (small(person), small(person, parent=folder.id)):
        with person.tools.sessions() as session:
            asked = nodes.get_node(session, person.user_id, arrived.node_ids[0])
        assert arrived.node == asked


def test_a_pack_that_is_being_formed_is_left_to_its_holder(person: Person) -> None:
    first = small(person, "first")
    held = timedelta(minutes=1) + datetime.now(UTC)
    with person.tools.sessions.begin() as session:
        forming = session.get_one(Work, first.work_ids[0])
        forming.state, forming.lease_until = WorkState.LEASED, held

    second = small(person, "second")

    assert second.work_ids == first.work_ids
    with person.tools.sessions() as session:
        assert session.get_one(Work, first.work_ids[0]).state is WorkState.LEASED
        assert session.scalar(select(User.reserved_bytes)) == 2 * len(CONTENT)


def test_it_is_stored_and_comes_back(person: Person) -> None:
    person.link()
    person.link()
    arrived = small(person)

    assert person.work() == []

    with person.tools.sessions() as session:
        assert nodes.get_node(session, person.user_id, arrived.node_ids[0]).state == "stored"
    person.check_settled()


@pytest.mark.parametrize(
    ("conflict", "names"), [("version", ["a.txt"]), ("keep_both", ["a (2).txt", "a.txt"])]
)
def test_a_taken_name_ends_as_for_any_file(person: Person, conflict: str, names: list[str]) -> None:
    small(person, "a.txt")

    arrived = small(person, "a.txt", conflict=conflict)

    with person.tools.sessions() as session:
        assert sorted(session.scalars(select(Node.name))) == names
        numbers = set(session.scalars(select(Version.number)))
    assert numbers == ({1, 2} if conflict == "version" else {1})
    assert person.read(person.version(arrived).id) == CONTENT


def test_what_stands_in_its_way_is_told_and_nothing_stays(person: Person) -> None:
    small(person, "a.txt")
    with pytest.raises(NameTaken):
        small(person, "a.txt", conflict="fail")
    with pytest.raises(NotFound):
        small(person, parent=uuid.uuid4())
    with person.tools.sessions.begin() as session:
        session.get_one(User, person.user_id).quota_bytes = len(CONTENT) + 10
    with pytest.raises(OverQuota):
        small(person, "b.txt")
    with person.tools.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Upload)) == 1
    assert len(list(person.tools.spool.uploads())) == 1


def test_several_files_folders_and_empty_files_go_the_longer_way(person: Person) -> None:
    intake = SmallIntake(person.tools, replace(wanted(person), declared_bytes=10_000))
    arrived = send(person, intake, "one", "two", "in/a/folder")
    empty = SmallIntake(person.tools, wanted(person))
    empty.start_file(["empty"], None)
    empty.end_file()
    empty.finish()

    with person.tools.sessions() as session:
        assert len(arrived.node_ids) == 3
        names = set(session.scalars(select(Node.name)))
        assert names == {"one", "two", "in", "a", "folder", "empty"}
        jobs = session.scalars(select(Job.files_total)).all()
    assert sorted(jobs) == [1, 3]


def test_a_form_is_taken_whole_up_to_a_bound(person: Person) -> None:
    def taken_by(size: int, shared: int) -> type:
        config = replace(person.tools.config, largest_shared_chunk=shared)
        form = replace(wanted(person), declared_bytes=size)
        return type(receiver(replace(person.tools, config=config), form))

    assert taken_by(MOST_BYTES, 8 << 20) is SmallIntake
    assert taken_by(MOST_BYTES + 1, 8 << 20) is Intake
    assert taken_by(SHARED + 1, SHARED) is Intake  # it would not share a pack


def test_more_than_declared_and_more_than_allowed_are_refused(person: Person) -> None:
    intake = SmallIntake(person.tools, replace(wanted(person), declared_bytes=100))
    intake.start_file(["file"], None)
    with pytest.raises(BrokenUpload):
        intake.write(CONTENT)
    intake.abort("broken_upload")
    limited = replace(person.tools, config=replace(person.tools.config, largest_file_bytes=50))
    intake = SmallIntake(limited, wanted(person))
    intake.start_file(["file"], None)
    with pytest.raises(TooLarge):
        intake.write(CONTENT)
    intake.abort("too_large")
    assert list(person.tools.spool.uploads()) == []
    with person.tools.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Node)) == 0


def test_twenty_of_one_name_at_once_become_twenty_versions(person: Person) -> None:
    def one(number: int) -> Arrived:
        make = SmallIntake if number % 2 else Intake
        return send(person, make(person.tools, wanted(person)), "same")

    with ThreadPoolExecutor(10) as pool:
        arrived = list(pool.map(one, range(20)))

    assert len({one.node_ids for one in arrived}) == 1
    with person.tools.sessions() as session:
        assert sorted(session.scalars(select(Version.number))) == list(range(1, 21))


def test_of_twenty_at_once_as_many_are_taken_as_the_quota_has_room_for(person: Person) -> None:
    room = 7 * len(CONTENT) + len(CONTENT) // 2
    with person.tools.sessions.begin() as session:
        session.get_one(User, person.user_id).quota_bytes = room

    def is_taken(number: int) -> bool:
        try:
            small(person, str(number))
        except OverQuota:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        taken = list(pool.map(is_taken, range(20)))

    assert taken.count(True) == 7
    with person.tools.sessions() as session:
        assert session.scalar(select(User.reserved_bytes)) == 7 * len(CONTENT)
        assert session.scalar(select(func.count()).select_from(Node)) == 7


# --- the spool's bytes come before their row ---------------------------------------------------


@contextmanager
def commits_fail(tools: Any) -> Iterator[None]:
    engine = tools.sessions.kw["bind"]

    def fail(_connection: object) -> None:
        raise ConnectionError

    event.listen(engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(engine, "commit", fail)


def test_bytes_whose_row_never_came_are_swept_after_a_while(person: Person) -> None:
    clock = ManualClock()
    person.tools = replace(person.tools, clock=clock)
    with commits_fail(person.tools), pytest.raises(ConnectionError):
        small(person)
    # Nobody knows whether such a commit came through, so the bytes are not taken away.
    assert abandoned.sweep(person.tools) == 0
    assert len(list(person.tools.spool.uploads())) == 1

    clock.advance(timedelta(minutes=11).total_seconds())

    assert abandoned.sweep(person.tools) == 1
    assert list(person.tools.spool.uploads()) == []


def test_an_id_says_when_it_was_made() -> None:
    clock = ManualClock()
    first, second = upload_ids.fresh(clock), upload_ids.fresh(clock)
    assert first != second
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert upload_ids.may_get_a_row(first, clock.now() + timedelta(minutes=9))
    assert not upload_ids.may_get_a_row(first, clock.now() + timedelta(minutes=10))
    assert not upload_ids.may_get_a_row(uuid.uuid4(), clock.now())


def test_a_disk_without_room_is_told(person: Person) -> None:
    class Full(type(person.tools.spool)):  # type: ignore[misc] # whatever spool it is
        def free_bytes(self) -> int:
            return 10

    full = object.__new__(Full)
    full.__dict__.update(person.tools.spool.__dict__)
    person.tools = replace(person.tools, spool=full)
    with pytest.raises(NoSpoolSpace):
        small(person)
