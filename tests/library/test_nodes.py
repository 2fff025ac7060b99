"""Looking at nodes while somebody else changes them."""

import uuid

import pytest
from sqlalchemy import delete, event
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import NotFound
from balancecloud.library import nodes, trash
from balancecloud.models.library import Node
from tests.storage.world import Person, make_tools

pytestmark = pytest.mark.real


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database))


def folder(person: Person, name: str, parent: uuid.UUID | None = None) -> uuid.UUID:
    with person.tools.sessions.begin() as session:
        return nodes.make_folder(session, person.user_id, name, parent).id


def test_a_node_deleted_between_two_questions_is_not_found(person: Person) -> None:
    kept = folder(person, "kept", folder(person, "top"))
    gone = folder(person, "gone", folder(person, "other"))
    engine = person.tools.sessions.kw["bind"]

    def delete_meanwhile(*call: object) -> None:
        if "leaf" in str(call[2]):
            with engine.begin() as connection:
                connection.execute(delete(Node).where(Node.id == gone))

    event.listen(engine, "before_cursor_execute", delete_meanwhile)
    try:
        with person.tools.sessions() as session:
            found = nodes.get_nodes(session, person.user_id, (kept, gone))
        again = folder(person, "gone again", folder(person, "third"))
        gone = again
        with person.tools.sessions() as session, pytest.raises(NotFound):
            nodes.get_node(session, person.user_id, again)
    finally:
        event.remove(engine, "before_cursor_execute", delete_meanwhile)

    assert [node.id for node in found] == [kept]


@pytest.mark.parametrize(
    "words", ["café", "CAFÉ", "cafe", "cafe\u0301", "e\u0301", "FÉ MEN", "é", "fe", "🍰", "שלום"]
)
@pytest.mark.parametrize("most", [None, 1000])
def test_a_name_is_found_by_any_part_case_accents_and_spelling_aside(
    person: Person, words: str, most: int | None
) -> None:
    wanted = folder(person, "Café menu 🍰 שלום")
    folder(person, "Brian")

    with person.tools.sessions() as session:
        found = nodes.search(session, person.user_id, words, most=most)

    assert [node.id for node in found.nodes] == [wanted]
    assert found.total == 1


def test_what_lies_in_the_trash_is_not_found(person: Person) -> None:
    gone = folder(person, "gone")
    with person.tools.sessions.begin() as session:
        trash.put(session, person.user_id, gone)

    with person.tools.sessions() as session:
        assert nodes.search(session, person.user_id, "gone").total == 0
