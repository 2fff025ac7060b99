"""Versions of a file: listed, shown again, removed one by one."""

import uuid

import pytest
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import NotFound, StateConflict
from balancecloud.library import nodes, versions
from balancecloud.library.removal import empty_spool
from balancecloud.models.library import Node
from tests.library.resumable import begin
from tests.storage.world import Person, make_tools

pytestmark = pytest.mark.real


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database), accounts=2)


@pytest.fixture
def file(person: Person) -> uuid.UUID:
    """A file with three stored versions: "one", "two" and "three"."""
    ids: set[uuid.UUID] = set()
    for content in (b"one", b"two", b"three"):
        ids.update(person.upload(content, name="notes.txt").node_ids)
        assert person.work() == []
    return ids.pop()


def numbers(person: Person, file: uuid.UUID) -> list[tuple[int, bool]]:
    """Return number of each version and whether it is the current one, the newest first."""
    with person.tools.sessions() as session:
        found = versions.list_versions(session, person.user_id, file)
    return [(one.number, one.is_current) for one in found]


def restore(person: Person, file: uuid.UUID, number: int) -> None:
    with person.tools.sessions.begin() as session:
        versions.restore(session, person.user_id, file, number)


def delete(person: Person, file: uuid.UUID, number: int) -> None:
    with person.tools.sessions.begin() as session:
        deletion = versions.delete(session, person.user_id, file, number, "web")
    empty_spool(person.tools, deletion)


def test_an_older_version_is_shown_again_and_the_newer_ones_stay(
    person: Person, file: uuid.UUID
) -> None:
    restore(person, file, 1)

    assert numbers(person, file) == [(3, False), (2, False), (1, True)]
    with person.tools.sessions() as session:
        assert nodes.get_node(session, person.user_id, file).size == len(b"one")
    restore(person, file, 3)
    assert numbers(person, file) == [(3, True), (2, False), (1, False)]


def test_what_comes_in_after_that_is_shown(person: Person, file: uuid.UUID) -> None:
    restore(person, file, 1)

    person.upload(b"four", name="notes.txt")
    assert person.work() == []

    assert numbers(person, file) == [(4, True), (3, False), (2, False), (1, False)]


def test_an_older_upload_that_ends_late_does_not_undo_a_restored_version(
    person: Person, file: uuid.UUID
) -> None:
    late = begin(person, 10, "notes.txt")  # the fourth
    person.upload(b"five", name="notes.txt")
    assert person.work() == []
    restore(person, file, 1)

    late.send(0, 10)
    assert person.work() == []

    assert [number for number, is_current in numbers(person, file) if is_current] == [1]
    assert numbers(person, file)[1] == (4, False)


def test_an_upload_begun_after_all_that_is_stored_is_shown_though_one_was_restored(
    person: Person, file: uuid.UUID
) -> None:
    late = begin(person, 10, "notes.txt")
    restore(person, file, 1)
    assert numbers(person, file)[-1] == (1, True)

    late.send(0, 10)
    assert person.work() == []

    assert numbers(person, file)[0] == (4, True)


def test_lists_by_size_know_the_size_of_what_is_shown(person: Person, file: uuid.UUID) -> None:
    def known() -> tuple[int, bool]:
        with person.tools.sessions() as session:
            node = session.get_one(Node, file)
            return node.size, node.updated_at > node.created_at

    assert known() == (len(b"three"), True)
    restore(person, file, 1)
    assert known() == (len(b"one"), True)


def test_a_file_is_sized_before_it_is_stored_and_storing_it_is_no_change(person: Person) -> None:
    (file,) = person.upload(b"just come", name="new.txt").node_ids
    seen = []
    for _ in range(2):
        with person.tools.sessions() as session:
            node = session.get_one(Node, file)
            seen.append((node.version, node.size, node.updated_at))
        assert person.work() == []

    assert seen == [(None, 9, seen[0][2]), (1, 9, seen[0][2])]


def test_one_version_goes_for_good_with_its_shards_and_its_quota(
    person: Person, file: uuid.UUID
) -> None:
    delete(person, file, 2)

    assert numbers(person, file) == [(3, True), (1, False)]
    assert person.work() == []
    person.check_settled()
    assert person.user().used_bytes == len(b"one") + len(b"three")
    with pytest.raises(NotFound):
        delete(person, file, 2)
    with pytest.raises(NotFound):
        restore(person, file, 2)


def test_the_current_and_the_newest_version_stay(person: Person, file: uuid.UUID) -> None:
    with pytest.raises(StateConflict, match="current"):
        delete(person, file, 3)
    restore(person, file, 1)
    with pytest.raises(StateConflict, match="newest"):
        delete(person, file, 3)
    with pytest.raises(StateConflict, match="current"):
        delete(person, file, 1)
    assert len(numbers(person, file)) == 3


def test_what_is_on_its_way_is_neither_shown_nor_removed(person: Person, file: uuid.UUID) -> None:
    person.upload(b"four", name="notes.txt")

    with pytest.raises(StateConflict, match="not stored"):
        restore(person, file, 4)
    with pytest.raises(StateConflict, match="on its way"):
        delete(person, file, 4)


def test_neither_folders_nor_strangers_things_have_versions(
    person: Person, file: uuid.UUID
) -> None:
    other = Person.new(person.tools, person.providers)
    with person.tools.sessions.begin() as session:
        folder = nodes.make_folder(session, person.user_id, "Photos", None).id

    with pytest.raises(NotFound):
        numbers(other, file)
    with pytest.raises(NotFound):
        numbers(person, folder)
    for act in (restore, delete):
        with pytest.raises(NotFound):
            act(other, file, 1)
        with pytest.raises(NotFound):
            act(person, folder, 1)
        with pytest.raises(NotFound):
            act(person, file, 9)
