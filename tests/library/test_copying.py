"""Copies: nothing is stored twice, and nothing goes that a copy still shows."""

import uuid

import pytest
from sqlalchemy import Select, Text, event, func, insert, literal, select
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import IntoItself, NotFound, StateConflict
from balancecloud.library import copying, left_versions, nodes, trash, versions
from balancecloud.library.copying import CopyTo
from balancecloud.library.downloads import ByteRange, open_download
from balancecloud.library.removal import empty_spool
from balancecloud.library.views import NodeView
from balancecloud.models.library import LeftVersion, Node
from balancecloud.storage.damage import ring_nobody
from tests.storage.world import Person, make_tools

pytestmark = pytest.mark.real


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database), accounts=2)


def folder(person: Person, name: str, parent: uuid.UUID | None = None) -> uuid.UUID:
    with person.tools.sessions.begin() as session:
        return nodes.make_folder(session, person.user_id, name, parent).id


def store(person: Person, content: bytes, name: str, parent: uuid.UUID | None = None) -> uuid.UUID:
    node_id = person.upload(content, name=name, parent=parent).node_ids[0]
    assert person.work() == []
    return node_id


def copy(
    person: Person, node: uuid.UUID, parent: uuid.UUID | None = None, name: str | None = None
) -> NodeView:
    with person.tools.sessions.begin() as session:
        return copying.copy(session, person.user_id, node, CopyTo(parent, name))


def read(person: Person, node: uuid.UUID) -> bytes:
    with person.tools.sessions() as session:
        opened = open_download(session, person.tools, person.user_id, node, None)
    return b"".join(opened.stream(ByteRange(0, opened.size), ring_nobody))


def numbers(person: Person, node: uuid.UUID) -> list[int]:
    with person.tools.sessions() as session:
        return [one.number for one in versions.list_versions(session, person.user_id, node)]


def paths(person: Person) -> list[str]:
    with person.tools.sessions() as session:
        ids = session.scalars(select(Node.id).where(Node.user_id == person.user_id)).all()
        return sorted(node.path for node in nodes.get_nodes(session, person.user_id, tuple(ids)))


def delete_version(person: Person, node: uuid.UUID, number: int) -> None:
    with person.tools.sessions.begin() as session:
        deletion = versions.delete(session, person.user_id, node, number, "web")
    empty_spool(person.tools, deletion)


def settle(person: Person) -> None:
    assert person.work() == []
    person.check_settled()


def test_a_copy_costs_nothing_and_reads_the_same(person: Person) -> None:
    original = store(person, b"the same", "notes.txt")
    objects = person.objects()

    made = copy(person, original)

    assert made.path == "/notes (2).txt"
    assert read(person, made.id) == b"the same"
    assert person.user().used_bytes == len(b"the same")
    assert person.objects() == objects
    assert copy(person, original).name == "notes (3).txt"
    assert copy(person, original, None, "other.txt").name == "other.txt"


@pytest.mark.parametrize("original_first", [True, False])
def test_the_bytes_stay_until_the_last_of_both_is_deleted(
    person: Person, *, original_first: bool
) -> None:
    original = store(person, b"kept", "a.txt")
    twin = copy(person, original).id
    first, last = (original, twin) if original_first else (twin, original)

    person.delete_node(first)

    assert person.work() == []
    assert read(person, last) == b"kept"
    assert person.user().used_bytes == len(b"kept")
    person.delete_node(last)
    settle(person)
    assert person.user().used_bytes == 0
    assert person.objects() == set()


def test_both_go_at_once_with_the_folder_that_holds_them(person: Person) -> None:
    top = folder(person, "top")
    copy(person, store(person, b"x", "a.txt", top), top)

    person.delete_node(top)

    settle(person)
    assert person.objects() == set()
    assert person.user().used_bytes == 0


def test_of_an_original_that_goes_only_the_version_a_copy_shows_stays(person: Person) -> None:
    original = store(person, b"one", "a.txt")
    store(person, b"two!", "a.txt")
    twin = copy(person, original)
    store(person, b"three", "a.txt")

    person.delete_node(original)

    settle(person)
    assert (twin.version, numbers(person, twin.id)) == (2, [2])
    assert read(person, twin.id) == b"two!"
    assert person.user().used_bytes == len(b"two!")


def test_a_new_version_of_either_leaves_the_other_as_it_is(person: Person) -> None:
    original = store(person, b"one", "a.txt")
    twin = copy(person, original, None, "b.txt").id

    store(person, b"of the original", "a.txt")
    assert (read(person, original), read(person, twin)) == (b"of the original", b"one")
    store(person, b"of the copy", "b.txt")

    assert (read(person, original), read(person, twin)) == (b"of the original", b"of the copy")
    assert numbers(person, original) == [2, 1]
    assert numbers(person, twin) == [2]
    assert left_versions.remove_unwanted(person.tools) == 0
    person.delete_node(original)
    settle(person)
    assert read(person, twin) == b"of the copy"
    assert person.user().used_bytes == len(b"of the copy")


def test_a_version_that_the_last_copy_left_is_removed_by_the_schedule(person: Person) -> None:
    original = store(person, b"one", "a.txt")
    twin = copy(person, original, None, "b.txt").id
    person.delete_node(original)
    store(person, b"another", "b.txt")
    assert person.user().used_bytes == len(b"one" + b"another")

    assert left_versions.remove_unwanted(person.tools) == 1

    settle(person)
    assert person.user().used_bytes == len(b"another")
    assert read(person, twin) == b"another"
    with person.tools.sessions() as session:
        assert session.scalar(select(func.count()).select_from(LeftVersion)) == 0


def test_an_upload_to_a_copy_that_is_cancelled_leaves_the_copy(person: Person) -> None:
    original = store(person, b"one", "a.txt")
    twin = copy(person, original, None, "b.txt").id
    intake = person.intake()
    intake.start_file(["b.txt"], None)
    intake.write(b"half of it")

    intake.abort("broken_upload")

    assert read(person, twin) == b"one"
    assert numbers(person, twin) == [1]


def test_a_copy_goes_with_what_is_on_its_way_to_it(person: Person) -> None:
    original = store(person, b"one", "a.txt")
    twin = copy(person, original, None, "b.txt").id
    person.upload(b"two", name="b.txt")

    person.delete_node(twin)

    settle(person)
    assert read(person, original) == b"one"
    assert (person.user().used_bytes, person.user().reserved_bytes) == (len(b"one"), 0)


def test_a_version_that_a_copy_shows_is_not_deleted(person: Person) -> None:
    original = store(person, b"one", "a.txt")
    twin = copy(person, original).id
    store(person, b"two", "a.txt")

    with pytest.raises(StateConflict, match="copy"):
        delete_version(person, original, 1)
    with pytest.raises(NotFound):
        delete_version(person, twin, 2)
    person.delete_node(twin)
    delete_version(person, original, 1)

    settle(person)
    assert person.user().used_bytes == len(b"two")


def test_making_an_older_version_current_changes_one_node_only(person: Person) -> None:
    original = store(person, b"one", "a.txt")
    store(person, b"two", "a.txt")
    twin = copy(person, original).id

    with person.tools.sessions.begin() as session:
        versions.restore(session, person.user_id, original, 1)

    assert (read(person, original), read(person, twin)) == (b"one", b"two")
    with person.tools.sessions.begin() as session, pytest.raises(NotFound):
        versions.restore(session, person.user_id, twin, 1)


def test_a_copy_in_the_trash_keeps_the_bytes_too(person: Person) -> None:
    original = store(person, b"kept", "a.txt")
    twin = copy(person, original).id
    with person.tools.sessions.begin() as session:
        trash.put(session, person.user_id, twin)
    person.delete_node(original)
    assert person.work() == []

    with person.tools.sessions.begin() as session:
        trash.restore(session, person.user_id, twin)
    assert read(person, twin) == b"kept"
    with person.tools.sessions.begin() as session:
        trash.put(session, person.user_id, twin)
    with person.tools.sessions.begin() as session:
        trash.empty(session, person.user_id, "web")

    settle(person)
    assert person.user().used_bytes == 0


def test_a_folder_is_copied_with_all_that_is_in_it_but_the_trash(person: Person) -> None:
    top = folder(person, "Photos")
    inner = folder(person, "Travel", top)
    folder(person, "Empty", inner)
    store(person, b"x", "a.txt", inner)
    gone = folder(person, "Gone", top)
    with person.tools.sessions.begin() as session:
        trash.put(session, person.user_id, gone)

    copy(person, top)

    assert [path for path in paths(person) if path.startswith("/Photos (2)")] == [
        "/Photos (2)",
        "/Photos (2)/Travel",
        "/Photos (2)/Travel/Empty",
        "/Photos (2)/Travel/a.txt",
    ]


def test_a_folder_is_not_copied_into_itself(person: Person) -> None:
    top = folder(person, "a")
    inner = folder(person, "b", top)

    for place in (top, inner):
        with pytest.raises(IntoItself):
            copy(person, top, place)
    assert copy(person, inner, top).path == "/a/b (2)"


def test_what_is_not_stored_yet_is_not_copied(person: Person) -> None:
    top = folder(person, "a")
    file = person.upload(b"x", name="a.txt", parent=top).node_ids[0]

    for node in (file, top):
        with pytest.raises(StateConflict, match="not stored"):
            copy(person, node)


def test_strangers_things_are_neither_copied_nor_places(person: Person) -> None:
    mine = folder(person, "mine")
    other = Person.new(person.tools, person.providers)
    theirs = folder(other, "theirs")

    with pytest.raises(NotFound):
        copy(person, theirs)
    with pytest.raises(NotFound):
        copy(person, mine, theirs)
    with pytest.raises(NotFound):
        copy(person, mine, store(person, b"x", "a.txt"))


def children(parent: uuid.UUID) -> Select[uuid.UUID]:
    return select(Node.id).where(Node.parent_id == parent)


def test_ten_thousand_are_copied_in_a_few_statements(person: Person) -> None:
    top = folder(person, "top")
    made_at_once = select(
        func.gen_random_uuid(), literal(person.user_id), literal("folder"), func.random().cast(Text)
    )
    columns = ["id", "user_id", "kind", "name", "parent_id"]
    with person.tools.sessions.begin() as session:
        for parents, count in ((select(literal(top).label("id")), 100), (children(top), 99)):
            of, many = parents.subquery(), func.generate_series(1, count).table_valued()
            rows = made_at_once.add_columns(of.c.id).select_from(of).join(many, literal(True))
            session.execute(insert(Node).from_select(columns, rows, include_defaults=False))
    asked: list[str] = []
    with person.tools.sessions.begin() as session:
        event.listen(session.get_bind(), "before_cursor_execute", lambda *a: asked.append(a[2]))
        made = copying.copy(session, person.user_id, top, CopyTo(None)).id

    assert len(asked) < 25
    with person.tools.sessions() as session:
        assert nodes.count_below(session, made) == 100 * 100
