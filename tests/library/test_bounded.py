"""Questions that take too long are given up in time, and what was asked before stays good."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.library import storage_map, what_if
from balancecloud.library.bounded import ask_within
from balancecloud.library.what_if import Question
from balancecloud.models.states import ShardState
from tests.library import libraries

pytestmark = pytest.mark.real


def settings(session: Session) -> tuple[str, str]:
    names = ("statement_timeout", "work_mem")
    first, second = (session.scalars(text(f"SHOW {name}")).one() for name in names)
    return first, second


def test_a_question_that_is_too_large_is_given_up_and_the_next_is_answered(
    database: sessionmaker[Session],
) -> None:
    with database() as session:
        before = settings(session)
        began = time.monotonic()
        assert ask_within(session, 0.1, text("SELECT pg_sleep(30)")) is None
        assert time.monotonic() - began < 5
        assert settings(session) == before
        assert ask_within(session, 5, text("SELECT 1 AS one")) == [(1,)]
        assert settings(session) == before


def test_another_problem_is_no_lack_of_time(database: sessionmaker[Session]) -> None:
    with database() as session, pytest.raises(DataError):
        ask_within(session, 5, text("SELECT 1 / 0"))


def test_pages_say_so_when_the_database_takes_too_long(
    database: sessionmaker[Session], config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if, "SECONDS", 0.2)
    monkeypatch.setattr(storage_map, "SECONDS", 0.2)
    with database.begin() as session:
        library = libraries.make_person(session)
        account = libraries.add_account(session, library, "disk")
        pack = libraries.add_pack(session, library, 1, {account: ShardState.STORED})
        libraries.add_version(session, library, "a.txt", [pack])
    with database() as busy, database() as session:
        busy.execute(text("LOCK TABLE packs IN ACCESS EXCLUSIVE MODE"))
        answer = what_if.what_if(session, config, library.user_id, Question((account,)))
        (row,) = storage_map.storage_map(session, config, library.user_id, None).rows
        assert answer.is_too_large
        assert not row.is_counted
        busy.rollback()
        answer = what_if.what_if(session, config, library.user_id, Question((account,)))
        (row,) = storage_map.storage_map(session, config, library.user_id, None).rows
    assert (answer.is_too_large, answer.files.lost.count) == (False, 1)
    assert (row.is_counted, row.files) == (True, 1)
