"""Other names and other places: what is allowed, and what two at once come to."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import BalanceCloudError, IntoItself, Invalid, NameTaken, NotFound
from balancecloud.library import nodes, rearranging, tree
from balancecloud.library.names import DEEPEST
from balancecloud.library.removal import delete_for_good
from balancecloud.models.library import Node
from tests.storage.world import Person, make_tools

pytestmark = pytest.mark.real


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database))


def folder(person: Person, name: str, parent: uuid.UUID | None = None) -> uuid.UUID:
    with person.tools.sessions.begin() as session:
        return nodes.make_folder(session, person.user_id, name, parent).id


def chain(person: Person, length: int, parent: uuid.UUID | None = None) -> list[uuid.UUID]:
    """Make folders one below another."""
    made: list[uuid.UUID] = []
    for number in range(length):
        made.append(folder(person, f"{number}", made[-1] if made else parent))
    return made


def move(person: Person, node: uuid.UUID, parent: uuid.UUID | None, name: str | None = None) -> str:
    with person.tools.sessions.begin() as session:
        return rearranging.move(session, person.user_id, node, parent, name).path


def rename(person: Person, node: uuid.UUID, name: str) -> str:
    with person.tools.sessions.begin() as session:
        return rearranging.rename(session, person.user_id, node, name).path


def path(person: Person, node: uuid.UUID) -> str:
    with person.tools.sessions() as session:
        return nodes.get_node(session, person.user_id, node).path


def test_all_that_is_in_a_folder_goes_with_it(person: Person) -> None:
    top, inner, target = *chain(person, 2), folder(person, "target")

    assert move(person, top, target) == "/target/0"
    assert path(person, inner) == "/target/0/1"
    assert move(person, top, None, "back") == "/back"
    assert path(person, inner) == "/back/1"


def test_a_name_is_kept_as_every_name_is(person: Person) -> None:
    node = folder(person, "a")

    assert rename(person, node, " Caf\u0065\u0301 ") == "/Caf\u00e9"
    assert rename(person, node, "Caf\u00e9") == "/Caf\u00e9"
    for name in ("", "..", "a/b", "x" * 256, "\u202ea"):
        with pytest.raises(Invalid):
            rename(person, node, name)


def test_a_taken_name_is_refused_and_all_stays_as_it_was(person: Person) -> None:
    one, two = folder(person, "one"), folder(person, "two")
    inner = folder(person, "two", one)

    with pytest.raises(NameTaken):
        rename(person, one, "two")
    with pytest.raises(NameTaken):
        move(person, inner, None)
    assert [path(person, node) for node in (one, two, inner)] == ["/one", "/two", "/one/two"]


def test_a_refused_change_leaves_the_transaction_usable(person: Person) -> None:
    one = folder(person, "one")
    folder(person, "two")

    with person.tools.sessions.begin() as session:
        with pytest.raises(NameTaken):
            rearranging.rename(session, person.user_id, one, "two")
        rearranging.rename(session, person.user_id, one, "three")

    assert path(person, one) == "/three"


def test_a_folder_does_not_go_into_itself(person: Person) -> None:
    top, middle, inner = chain(person, 3)

    for place in (top, middle, inner):
        with pytest.raises(IntoItself):
            move(person, top, place)
    assert path(person, inner) == "/0/1/2"


def test_folders_do_not_get_deeper_than_is_allowed(person: Person) -> None:
    deep, tall = chain(person, DEEPEST - 2), folder(person, "tall")
    folder(person, "inner", tall)

    too_tall, *_ = chain(person, 3, folder(person, "other"))

    assert move(person, tall, deep[-1]).count("/") == DEEPEST - 1
    with pytest.raises(Invalid):
        move(person, too_tall, deep[-1])


def test_another_persons_things_are_not_there(person: Person) -> None:
    other = Person.new(person.tools, {})
    mine, theirs = folder(person, "mine"), folder(other, "theirs")

    with pytest.raises(NotFound):
        rename(person, theirs, "x")
    with pytest.raises(NotFound):
        move(person, theirs, mine)
    with pytest.raises(NotFound):
        move(person, mine, theirs)


def at_once(*acts: tuple[object, ...]) -> list[str]:
    """Do all of these at the same moment; return what each came to."""
    ready = threading.Barrier(len(acts))

    def act(call: tuple[object, ...]) -> str:
        ready.wait(10)
        try:
            call[0](*call[1:])  # type: ignore[operator]
        except BalanceCloudError as problem:
            return problem.code
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def test_two_folders_moved_into_each_other_never_make_a_ring(person: Person) -> None:
    for number in range(10):
        one, two = folder(person, f"one {number}"), folder(person, f"two {number}")

        ends = at_once((move, person, one, two), (move, person, two, one))

        assert sorted(ends) == ["done", "into_itself"]
        with person.tools.sessions() as session:
            assert len(tree.crumbs(session, one)) + len(tree.crumbs(session, two)) == 3


def test_of_two_who_want_one_name_one_gets_it(person: Person) -> None:
    for number in range(10):
        one, two = folder(person, f"one {number}"), folder(person, f"two {number}")

        ends = at_once(
            (rename, person, one, f"both {number}"), (rename, person, two, f"both {number}")
        )

        assert sorted(ends) == ["done", "name_taken"]


def test_a_move_and_a_deletion_at_once_lose_nothing_and_leave_no_orphan(person: Person) -> None:
    def delete(node: uuid.UUID) -> None:
        with person.tools.sessions.begin() as session:
            delete_for_good(session, person.user_id, node, "web")

    for number in range(12):
        top, inner = chain(person, 2, folder(person, f"{number}"))
        target = folder(person, "target", top) if number % 2 else folder(person, f"t {number}")
        moved = folder(person, f"moved {number}") if number % 2 else inner

        ends = at_once((move, person, moved, target), (delete, top))

        assert set(ends) <= {"done", "not_found", "state_conflict"}
        with person.tools.sessions() as session:
            known = set(session.scalars(select(Node.id)))
            parents = set(
                session.scalars(select(Node.parent_id).where(Node.parent_id.is_not(None)))
            )
        assert parents <= known
