"""What is less protected than asked: each plan comes of its own state of rows."""

import uuid

import pytest
from sqlalchemy import insert, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.library import shortfalls as lists
from balancecloud.library.shortfalls import PER_PAGE, Shortfall, shortfalls
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.jobs import Work
from balancecloud.models.states import (
    AccountState,
    ShardState,
    VersionState,
    WorkKind,
    WorkState,
)
from tests.library import libraries
from tests.library.libraries import Library, MadePack

pytestmark = pytest.mark.real

STORED, MISSING = ShardState.STORED, ShardState.MISSING


def make(session: Session, first: ShardState, second: ShardState) -> tuple[Library, MadePack]:
    """Write a degraded file whose chunk lies once on each of two accounts."""
    library = libraries.make_person(session)
    accounts = [libraries.add_account(session, library, name) for name in "ab"]
    pack = libraries.add_pack(
        session, library, 1, dict(zip(accounts, (first, second), strict=True))
    )
    libraries.add_version(session, library, "a.txt", [pack], state=VersionState.DEGRADED)
    return library, pack


def the_one(session: Session, library: Library) -> Shortfall:
    (entry,) = shortfalls(session, library.user_id).entries
    return entry


def work_on(session: Session, library: Library, pack: MadePack, **values: object) -> None:
    session.execute(
        insert(Work).values(
            id=uuid.uuid4(),
            kind=WorkKind.REPAIR,
            key=pack.id,
            user_id=library.user_id,
            priority=5,
            **values,
        )
    )


def test_what_nobody_works_on_yet_is_next_in_line(database: sessionmaker[Session]) -> None:
    with database() as session:
        library, _ = make(session, STORED, MISSING)
        found = the_one(session, library)
    assert (found.plan, found.survives) == ("soon", 0)


@pytest.mark.parametrize("state", [WorkState.DUE, WorkState.LEASED])
def test_what_is_worked_on_is_being_repaired(
    database: sessionmaker[Session], state: WorkState
) -> None:
    with database() as session:
        library, pack = make(session, STORED, MISSING)
        work_on(session, library, pack, state=state)
        assert the_one(session, library).plan == "repairing"


def test_what_was_given_up_says_why(database: sessionmaker[Session]) -> None:
    with database() as session:
        library, pack = make(session, STORED, MISSING)
        work_on(session, library, pack, state=WorkState.DEAD, reason="account_full")
        found = the_one(session, library)
    assert (found.plan, found.reason) == ("given_up", "account_full")


def test_what_lies_on_an_account_that_is_away_waits_for_it_by_name(
    database: sessionmaker[Session],
) -> None:
    with database() as session:
        library, pack = make(session, STORED, STORED)
        away = list(pack.shards)[1]
        session.execute(
            update(CloudAccount)
            .where(CloudAccount.id == away)
            .values(state=AccountState.SIGN_IN_AGAIN)
        )
        found = the_one(session, library)
    assert (found.plan, found.away) == ("away", ("Disk 1",))


def test_what_has_too_few_shards_is_lost(database: sessionmaker[Session]) -> None:
    with database() as session:
        library, _ = make(session, MISSING, MISSING)
        assert the_one(session, library).plan == "lost"


def test_what_one_account_alone_can_hold_needs_another(database: sessionmaker[Session]) -> None:
    with database() as session:
        library = libraries.make_person(session)
        account = libraries.add_account(session, library, "a")
        pack = libraries.add_pack(session, library, 1, {account: STORED})
        libraries.add_version(session, library, "a.txt", [pack])
        found = the_one(session, library)
    assert (found.plan, found.survives) == ("few_accounts", 0)


def test_pages_past_the_first_hold_the_rest_and_past_the_last_the_last(
    database: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PER_PAGE", 3)
    with database() as session:
        library, pack = make(session, STORED, MISSING)
        for number in range(6):
            libraries.add_version(
                session, library, f"{number}", [pack], state=VersionState.DEGRADED
            )
        pages = [shortfalls(session, library.user_id, page) for page in (1, 2, 3, 99)]
    assert PER_PAGE == 50
    assert [(found.page, len(found.entries), found.total) for found in pages] == [
        (1, 3, 7),
        (2, 3, 7),
        (3, 1, 7),
        (3, 1, 7),
    ]
    named = [one.called.path for found in pages[:3] for one in found.entries]
    assert len(set(named)) == 7


def test_a_long_list_is_looked_for_up_to_a_bound_only(
    database: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin() as session:
        library, pack = make(session, ShardState.MISSING, ShardState.STORED)
        for name in ("b.txt", "c.txt", "d.txt"):
            libraries.add_version(session, library, name, [pack], state=VersionState.DEGRADED)
    with database() as session:
        assert lists.count_short(session, library.user_id) == 4
        monkeypatch.setattr(lists, "MOST_LISTED", 2)
        bounded = shortfalls(session, library.user_id)
    assert (bounded.total, bounded.most, len(bounded.entries)) == (2, 2, 2)
