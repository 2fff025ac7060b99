"""The trash: nothing is lost in it, all comes back, and what is over goes for good."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import BalanceCloudError, NotFound, StateConflict
from balancecloud.library import nodes, rearranging, trash
from balancecloud.library.names import DEEPEST
from balancecloud.library.removal import delete_for_good, delete_from_trash
from balancecloud.models.library import Node, Version
from tests.storage.world import Person, make_tools

pytestmark = pytest.mark.real


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database))


def folder(person: Person, name: str, parent: uuid.UUID | None = None) -> uuid.UUID:
    with person.tools.sessions.begin() as session:
        return nodes.make_folder(session, person.user_id, name, parent).id


def upload(person: Person, name: str, parent: uuid.UUID | None = None) -> uuid.UUID:
    return person.upload(name.encode(), name=name, parent=parent).node_ids[0]


def put(person: Person, node: uuid.UUID) -> None:
    with person.tools.sessions.begin() as session:
        trash.put(session, person.user_id, node)


def restore(person: Person, node: uuid.UUID) -> str:
    with person.tools.sessions.begin() as session:
        return trash.restore(session, person.user_id, node).path


def delete(person: Person, node: uuid.UUID) -> None:
    with person.tools.sessions.begin() as session:
        delete_for_good(session, person.user_id, node, "web")


def entries(person: Person) -> list[tuple[str, str]]:
    """Return folder and name of what lies in the trash, what came last first."""
    with person.tools.sessions() as session:
        found = trash.entries(session, person.user_id).entries
    return [(entry.folder, entry.name) for entry in found]


def paths(person: Person) -> list[str]:
    """Return the paths of all that is not in the trash."""
    with person.tools.sessions() as session:
        ids = session.scalars(
            select(Node.id).where(Node.user_id == person.user_id, Node.trashed_at.is_(None))
        ).all()
        return sorted(node.path for node in nodes.get_nodes(session, person.user_id, tuple(ids)))


def test_a_folder_goes_with_all_that_is_in_it_and_comes_back(person: Person) -> None:
    photos = folder(person, "Photos")
    travel = folder(person, "Travel", photos)
    folder(person, "Lisbon", travel)

    put(person, travel)

    assert paths(person) == ["/Photos"]
    assert entries(person) == [("/Photos", "Travel")]
    assert restore(person, travel) == "/Photos/Travel"
    assert paths(person) == ["/Photos", "/Photos/Travel", "/Photos/Travel/Lisbon"]
    assert entries(person) == []


def test_what_went_alone_comes_back_alone(person: Person) -> None:
    photos = folder(person, "Photos")
    old = folder(person, "Old", photos)
    folder(person, "New", photos)
    put(person, old)

    put(person, photos)

    assert entries(person) == [("/", "Photos"), ("/Photos", "Old")]
    assert restore(person, photos) == "/Photos"
    assert paths(person) == ["/Photos", "/Photos/New"]
    assert restore(person, old) == "/Photos/Old"


def test_folders_that_are_gone_are_made_again(person: Person) -> None:
    photos = folder(person, "Photos")
    travel = folder(person, "Travel", photos)
    old = folder(person, "Old", travel)
    put(person, old)
    put(person, photos)

    assert restore(person, old) == "/Photos/Travel/Old"
    assert paths(person) == ["/Photos", "/Photos/Travel", "/Photos/Travel/Old"]


def test_a_folder_that_only_moved_takes_it_back(person: Person) -> None:
    photos, attic = folder(person, "Photos"), folder(person, "Attic")
    old = folder(person, "Old", photos)
    put(person, old)
    with person.tools.sessions.begin() as session:
        rearranging.move(session, person.user_id, photos, attic)

    assert restore(person, old) == "/Attic/Photos/Old"


def test_a_name_that_is_taken_by_now_keeps_both(person: Person) -> None:
    first = folder(person, "Notes")
    put(person, first)
    second = folder(person, "Notes")
    put(person, second)
    folder(person, "Notes")

    assert restore(person, first) == "/Notes (2)"
    assert restore(person, second) == "/Notes (3)"


def test_a_file_in_the_place_of_its_folder_sends_it_to_the_root(person: Person) -> None:
    photos = folder(person, "Photos")
    old = folder(person, "Old", photos)
    put(person, old)
    put(person, photos)
    upload(person, "Photos")

    assert restore(person, old) == "/Old"


def test_what_would_be_too_deep_comes_back_at_the_root(person: Person) -> None:
    tall = folder(person, "tall")
    folder(person, "inner", tall)
    deep = [folder(person, "0")]
    for number in range(1, DEEPEST - 2):
        deep.append(folder(person, f"{number}", deep[-1]))
    with person.tools.sessions.begin() as session:
        rearranging.move(session, person.user_id, tall, deep[-1])
    put(person, tall)
    top = folder(person, "top")
    with person.tools.sessions.begin() as session:
        rearranging.move(session, person.user_id, deep[0], top)

    assert restore(person, tall) == "/tall"


def test_deleting_a_folder_for_good_leaves_what_is_in_the_trash_by_itself(person: Person) -> None:
    photos = folder(person, "Photos")
    kept = upload(person, "kept.txt", photos)
    put(person, kept)

    delete(person, photos)

    assert entries(person) == [("/Photos", "kept.txt")]
    assert restore(person, kept) == "/Photos/kept.txt"


def test_emptying_removes_all_of_it_and_nothing_else(person: Person) -> None:
    photos = folder(person, "Photos")
    upload(person, "gone.txt", photos)
    upload(person, "kept.txt")
    put(person, photos)
    put(person, folder(person, "Empty"))

    with person.tools.sessions.begin() as session:
        trash.empty(session, person.user_id, "web")

    assert entries(person) == []
    assert paths(person) == ["/kept.txt"]
    with person.tools.sessions() as session:
        assert session.scalars(select(Version.size)).all() == [len("kept.txt")]
    person.check_books()


def test_what_is_over_goes_by_itself_and_the_rest_stays(person: Person) -> None:
    old, new = folder(person, "Old"), folder(person, "New")
    folder(person, "Inner", old)
    put(person, old)
    put(person, new)
    age = timedelta(days=30, seconds=1)
    with person.tools.sessions.begin() as session:
        session.execute(
            update(Node).where(Node.trashed_with == old).values(trashed_at=Node.trashed_at - age)
        )

    assert trash.purge(person.tools) == 1
    assert trash.purge(person.tools) == 0
    assert entries(person) == [("/", "New")]
    with person.tools.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Node)) == 1


def test_what_is_in_the_trash_is_not_there_for_anything_else(person: Person) -> None:
    photos = folder(person, "Photos")
    inner = folder(person, "Inner", photos)
    put(person, photos)

    for node in (photos, inner):
        with pytest.raises(NotFound), person.tools.sessions() as session:
            nodes.get_node(session, person.user_id, node)
        with pytest.raises(NotFound):
            put(person, node)
    with pytest.raises(NotFound):
        restore(person, inner)
    with pytest.raises(NotFound):
        folder(person, "More", photos)


def test_another_persons_trash_is_not_there(person: Person) -> None:
    other = Person.new(person.tools, {})
    theirs = folder(other, "theirs")
    put(other, theirs)

    assert entries(person) == []
    with pytest.raises(NotFound):
        restore(person, theirs)
    with pytest.raises(NotFound):
        delete(person, theirs)


def test_everything_at_once_loses_nothing_and_leaves_the_tree_whole(person: Person) -> None:
    """Trash, restore, move, upload and delete for good race for the same folders."""

    def attempt(act: object, *arguments: object) -> str:
        try:
            act(person, *arguments)  # type: ignore[operator]
        except BalanceCloudError as problem:
            return problem.code
        return "done"

    def move(person: Person, node: uuid.UUID, parent: uuid.UUID | None) -> None:
        with person.tools.sessions.begin() as session:
            rearranging.move(session, person.user_id, node, parent)

    for number in range(8):
        top = folder(person, f"top {number}")
        inner = folder(person, "inner", top)
        old = folder(person, "old", inner)
        put(person, old)
        beside = folder(person, f"beside {number}")
        with ThreadPoolExecutor(6) as pool:
            ends = [
                pool.submit(attempt, put, top),
                pool.submit(attempt, restore, old),
                pool.submit(attempt, move, beside, inner),
                pool.submit(attempt, folder, "more", inner),
                pool.submit(attempt, delete if number % 2 else put, inner),
            ]
        assert {end.result() for end in ends} <= {
            "done",
            "not_found",
            "state_conflict",
            "name_taken",
        }

    with person.tools.sessions() as session:
        rows = {node.id: node for node in session.scalars(select(Node))}
    for node in rows.values():
        parent = rows.get(node.parent_id) if node.parent_id else None
        assert node.parent_id is None or parent is not None
        if node.trashed_at is None:
            assert parent is None or parent.trashed_at is None, node.name


def test_what_is_taken_back_at_the_same_moment_is_not_deleted(person: Person) -> None:
    kept = folder(person, "kept")
    other = folder(person, "other")
    for node in (kept, other):
        put(person, node)
    restore(person, kept)

    with person.tools.sessions.begin() as session, pytest.raises(StateConflict):
        delete_from_trash(session, person.user_id, [kept, other], "web")

    assert paths(person) == ["/kept"]
    assert entries(person) == [("/", "other")]


def test_restoring_and_emptying_at_once_never_lose_what_came_back(person: Person) -> None:
    def empty(person: Person) -> None:
        with person.tools.sessions.begin() as session:
            trash.empty(session, person.user_id, "web")

    for number in range(12):
        node = folder(person, f"{number}")
        put(person, node)
        with ThreadPoolExecutor(2) as pool:
            back = pool.submit(restore, person, node)
            gone = pool.submit(empty, person)
        assert gone.exception() is None or isinstance(gone.exception(), StateConflict)
        assert (f"/{number}" in paths(person)) == (back.exception() is None)
