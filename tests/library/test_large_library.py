"""Pages of a large library: how many questions they ask, and which indexes answer them."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import Config
from balancecloud.library import narrowing, nodes, usage, usage_counts
from balancecloud.library.narrowing import Narrowing
from balancecloud.library.views import NodeView
from bench import library
from tests.services.databases import Databases

pytestmark = [pytest.mark.real, pytest.mark.whole, pytest.mark.timeout(1800)]

SMALL, LARGE = 20_000, 1_000_000  # below, the planner reads tables whole, and rightly
FEW_PAGES = 1000  # entries that may be put in order for one page
BIG_TABLES = {"nodes", "versions"}  # what the library is made of here: it lies on no account


@dataclass(frozen=True)
class Large:
    """A person's library in a database of its own."""

    engine: Engine
    user_id: uuid.UUID
    crowded: uuid.UUID
    crowd: int


@pytest.fixture(
    scope="module", params=[SMALL, pytest.param(LARGE, marks=pytest.mark.long)], ids=["20k", "1M"]
)
def large(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Large]:
    with databases.clean() as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            user_id = person(connection, "large@example.org")
            crowded = library.fill(connection, user_id, request.param)
            stranger = person(connection, "stranger@example.org")
            connection.execute(
                text(
                    "INSERT INTO nodes (id, user_id, kind, name) "
                    "VALUES (gen_random_uuid(), :user, 'folder', 'Scan of a stranger')"
                ),
                {"user": stranger},
            )
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            library.settle(connection)
        yield Large(engine, user_id, crowded, min(library.CROWDED, request.param // 4))
        engine.dispose()


def person(connection: Connection, email: str) -> uuid.UUID:
    made = connection.execute(
        text(
            "INSERT INTO users (id, email, password_hash) "
            "VALUES (gen_random_uuid(), :email, '') RETURNING id"
        ),
        {"email": email},
    )
    found: uuid.UUID = made.scalar_one()
    return found


@contextmanager
def asked(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Collect the questions put to the database."""
    found: list[tuple[str, Any]] = []

    def note(*call: Any) -> None:
        found.append((call[2], call[3]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def scanned_whole(engine: Engine, questions: list[tuple[str, Any]]) -> list[str]:
    """Return the big tables that a question would read from end to end."""
    return [
        f"{step['Relation Name']} in {statement}"
        for statement, step in planned(engine, questions)
        if step["Node Type"] == "Seq Scan" and step["Relation Name"] in BIG_TABLES
    ]


def put_in_order(engine: Engine, questions: list[tuple[str, Any]]) -> list[int]:
    """Return how many rows each sort takes that takes more than a few pages."""
    found = planned(engine, questions)
    return [
        step["Plan Rows"]
        for _, step in found
        if "Sort" in step["Node Type"] and step["Plan Rows"] > FEW_PAGES
    ]


def planned(
    engine: Engine, questions: list[tuple[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each statement with each step of its plan."""
    with engine.connect() as connection:
        for statement, parameters in questions:
            plan = connection.exec_driver_sql(
                "EXPLAIN (FORMAT JSON) " + statement, parameters
            ).scalar_one()
            plans = plan if isinstance(plan, list) else json.loads(plan)
            for step in steps(plans[0]["Plan"]):
                yield statement, step


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps(part)


@pytest.mark.parametrize("sort", ["name", "-name", "modified", "-modified", "size", "-size"])
@pytest.mark.parametrize("page", [1, 50])
def test_a_folder_of_thousands_takes_three_questions_that_walk_indexes(
    large: Large, sort: str, page: int
) -> None:
    with asked(large.engine) as questions, Session(large.engine) as session:
        found = nodes.list_folder(session, large.user_id, large.crowded, sort, page)

    assert len(found.nodes) == 100
    assert found.total == large.crowd
    assert len(questions) <= 3
    assert scanned_whole(large.engine, questions) == []
    assert put_in_order(large.engine, questions) == []


@pytest.mark.parametrize("sort", ["name", "size", "modified"])
def test_a_folder_is_in_order_from_page_to_page_both_ways(large: Large, sort: str) -> None:
    def key(node: NodeView) -> Any:
        return {"name": node.name, "size": node.size, "modified": node.updated_at}[sort]

    with Session(large.engine) as session:
        pages = [
            nodes.list_folder(session, large.user_id, large.crowded, sort, page).nodes
            for page in (1, 2)
        ]
        last = nodes.list_folder(session, large.user_id, large.crowded, f"-{sort}", 1).nodes
    shown = [node for page in pages for node in page]
    assert [key(node) for node in shown] == sorted(key(node) for node in shown)
    assert [key(node) for node in last] == sorted((key(node) for node in last), reverse=True)
    assert key(last[-1]) > key(shown[-1])
    assert len({node.id for node in shown}) == 200


def test_the_root_takes_three_questions_and_counts_what_its_folders_hold(large: Large) -> None:
    with asked(large.engine) as questions, Session(large.engine) as session:
        found = nodes.list_folder(session, large.user_id, None)

    assert found.total == library.TOPS + 1
    assert {node.item_count for node in found.nodes} <= {20, 100, large.crowd}
    assert len(questions) <= 3
    assert scanned_whole(large.engine, questions) == []


@pytest.mark.parametrize("words", ["img", "im", "0012345", "scan 00", "zzzqqq", "CAFE\u0301", "7"])
def test_a_search_takes_three_questions_that_use_indexes(large: Large, words: str) -> None:
    with asked(large.engine) as questions, Session(large.engine) as session:
        found = nodes.search(session, large.user_id, words, most=1000)

    assert len(questions) <= 3
    assert scanned_whole(large.engine, questions) == []
    assert found.total <= 1000
    assert {node.user_id for node in found.nodes} <= {large.user_id}


@pytest.mark.parametrize("words", ["img", "zzzqqq", ""])
def test_a_narrowed_search_takes_three_questions_that_use_indexes(
    large: Large, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large.crowd < library.CROWDED:  # a bound that is the same small part of the library
        monkeypatch.setattr(narrowing, "LOOKED_THROUGH", 1000)
    year = datetime(2020, 1, 1, tzinfo=UTC)
    narrowings = (
        Narrowing("picture", since=year),
        Narrowing(smallest=1, largest=5000),
        Narrowing("document", folder_id=large.crowded),
    )
    for wanted in narrowings:
        with asked(large.engine) as questions, Session(large.engine) as session:
            found = nodes.search(session, large.user_id, words, most=1000, narrowing=wanted)

        assert len(questions) <= 3
        assert scanned_whole(large.engine, questions) == []
        assert found.total <= 1000


def test_the_storage_page_takes_three_questions_for_each_part_that_use_indexes(
    large: Large, config: Config
) -> None:
    """First while nothing is counted yet, then from what the schedule has counted."""
    for is_counted in (False, True):
        with Session(large.engine) as session:
            for part in (
                lambda: usage.usage(session, config, large.user_id),
                lambda: usage.by_kind(session, large.user_id),
                lambda: usage.by_folder(session, large.user_id),
                lambda: usage.by_folder(session, large.user_id, large.crowded),
            ):
                with asked(large.engine) as questions:
                    part()
                assert len(questions) <= 3
                assert scanned_whole(large.engine, questions) == []
            if is_counted:
                folders = usage.by_folder(session, large.user_id)
                assert len(folders.folders or ()) == usage.FOLDERS_SHOWN
                kinds = usage.by_kind(session, large.user_id)
                assert sum(one.files for one in kinds.kinds or ()) == folders.files > large.crowd
            session.commit()
        usage_counts.count_next(sessionmaker(large.engine), SYSTEM_CLOCK)


def test_a_bounded_search_shows_those_that_begin_with_the_words(large: Large) -> None:
    with Session(large.engine) as session:
        bounded = nodes.search(session, large.user_id, "scan", most=1000)
        whole = nodes.search(session, large.user_id, "scan")

    assert bounded.total == 1000
    assert whole.total == large.crowd
    assert bounded.nodes == whole.nodes
    assert bounded.nodes[0].path == "/Many/Scan 000001.pdf"


@pytest.mark.parametrize("words", ["can 0", "g_", "mg"])
def test_a_bounded_search_shows_as_many_as_are_looked_for_in_the_order_of_names(
    large: Large, words: str
) -> None:
    with Session(large.engine) as session:
        bounded = nodes.search(session, large.user_id, words, per_page=500, most=1000)
        whole = nodes.search(session, large.user_id, words, per_page=1)

    names = [node.name for node in bounded.nodes]
    assert (len(names), bounded.total) == (500, 1000)
    assert whole.total > 1000
    assert all(words in name.lower() for name in names)
    assert names == sorted(names, key=str.lower)


def test_a_bounded_search_that_finds_fewer_finds_all_wherever_the_words_stand(large: Large) -> None:
    with Session(large.engine) as session:
        bounded = nodes.search(session, large.user_id, "00123", most=1000)
        whole = nodes.search(session, large.user_id, "00123")

    assert 1 < whole.total < 1000
    assert (bounded.total, bounded.nodes) == (whole.total, whole.nodes)
