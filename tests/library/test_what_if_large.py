"""What if, in a library of many packs: exact, within a bounded time."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import CompoundSelect, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.library.what_if import SECONDS, Question, _asked, what_if
from tests.library import libraries

pytestmark = pytest.mark.real

SMALL, LARGE = 200, 20_000
SHARED = 20  # small files in the last of the packs
# Each pack has three shards, two of which rebuild it; each is the chunk of a file of its own.
FILL = """
WITH made AS (
  INSERT INTO packs (id, user_id, epoch, length, digest, k, m)
  SELECT gen_random_uuid(), :user, 1, 1000, decode(repeat('64', 32), 'hex'), 2, 1
  FROM generate_series(1, :packs) RETURNING id
), numbered AS (SELECT id, row_number() OVER () AS n FROM made
), lain AS (
  INSERT INTO shards (pack_id, index, account_id, name, length, sha256, state, stored_at)
  SELECT id, i - 1, (cast(:accounts AS uuid[]))[1 + (n + i) % 4], id || '-' || i, 500,
    decode(repeat('68', 32), 'hex'), 'stored', now()
  FROM numbered CROSS JOIN generate_series(1, 3) AS i
), files AS (
  SELECT gen_random_uuid() AS id, pack.id AS pack, pack.n, i
  FROM numbered AS pack
  CROSS JOIN LATERAL generate_series(1, CASE WHEN pack.n = :packs THEN :shared ELSE 1 END) AS i
), nodes_made AS (
  INSERT INTO nodes (id, user_id, kind, name, file_id, version)
  SELECT id, :user, 'file', n || '-' || i, id, 1 FROM files
), versions_made AS (
  INSERT INTO versions (id, user_id, file_id, number, state, size, chunk_size, frame_log2, pad,
    epoch, file_key, protection, mime_type)
  SELECT id, :user, id, 1, 'stored', 1000, 1000, 16, false, 1, decode('6b', 'hex'), 1, 'text/plain'
  FROM files
)
INSERT INTO chunks (version_id, index, pack_id, "offset", salt)
SELECT id, 0, pack, 0, decode(repeat('73', 32), 'hex') FROM files
"""


class Many:
    """A person with so many packs over four accounts, beside a stranger with as many."""

    def __init__(self, session: Session, packs: int) -> None:
        self.packs = packs
        session.execute(text("SET LOCAL session_replication_role = replica"))  # the rows fit
        stranger, own = (libraries.make_person(session) for _ in range(2))
        self.user_id = own.user_id
        for library in (stranger, own):
            self.accounts = [libraries.add_account(session, library, name) for name in "abcd"]
            values = {"user": library.user_id, "packs": packs, "shared": SHARED}
            session.execute(text(FILL), {**values, "accounts": self.accounts})
        session.execute(text("ANALYZE"))
        session.commit()


@pytest.fixture(params=[SMALL, pytest.param(LARGE, marks=pytest.mark.long)], ids=["200", "20k"])
def many(request: pytest.FixtureRequest, database: sessionmaker[Session]) -> Many:
    with database() as session:
        return Many(session, request.param)


def test_two_accounts_of_four_are_answered_exactly_and_in_time(
    many: Many, database: sessionmaker[Session], config: Config
) -> None:
    files = many.packs - 1 + SHARED
    with database() as session:
        began = time.monotonic()
        found = what_if(session, config, many.user_id, Question(tuple(many.accounts[:2])))
        took = time.monotonic() - began
        read = most_rows(session, _asked(many.user_id, many.accounts[:2], 1))
    assert not found.is_too_large
    assert took < SECONDS * 1.5 + 1  # what is counted, what is listed, and the rest
    # Of three shards on four accounts each pack has two or one on the first two: one left, or two.
    assert found.files.lost.count + found.files.less.count == found.files.now.count == files
    assert abs(found.files.lost.count - files / 2) <= SHARED
    assert (len(found.harmed), found.harmed_count) == (50, found.files.lost.count)
    # No step meets a pack or its shards again for each of its files; the half is a stranger's.
    assert read <= 2 * 3 * many.packs


def test_packs_are_gone_through_once_for_tallies_and_list(
    many: Many, database: sessionmaker[Session], config: Config
) -> None:
    asked: list[str] = []

    def note(*call: Any) -> None:
        asked.append(call[2])

    with database() as session:
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        try:
            what_if(session, config, many.user_id, Question(tuple(many.accounts[:2]), "less", 2))
        finally:
            event.remove(engine, "before_cursor_execute", note)

    assert len([one for one in asked if "chunks" in one]) == 1


def most_rows(session: Session, question: CompoundSelect[Any]) -> float:
    """Return how many rows the step yields that yields the most."""
    compiled = question.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    asked = text("EXPLAIN (ANALYZE, FORMAT JSON) " + str(compiled).replace(":", r"\:"))
    return max(rows(node) for node in walk(session.execute(asked).scalar_one()[0]["Plan"]))


def rows(node: dict[str, float]) -> float:
    return node["Actual Rows"] * node["Actual Loops"]


def walk(node: dict[str, object]) -> Iterator[dict[str, float]]:
    yield node  # type: ignore[misc]
    for child in node.get("Plans", ()):  # type: ignore[attr-defined]
        yield from walk(child)
