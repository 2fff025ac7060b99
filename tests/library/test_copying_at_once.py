"""Copies while others change the same things: nothing that a copy shows goes, and none waits."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import BalanceCloudError, StateConflict
from balancecloud.library import rearranging, versions
from balancecloud.models.library import Node, Version
from tests.library.test_copying import copy, folder, settle, store
from tests.services.locks import wait_until_somebody_waits
from tests.storage.world import Person, make_tools

pytestmark = pytest.mark.real

# Chance decides who is first: once each way by default, and more often by `make test-long`.
AGAIN = pytest.mark.parametrize("times", [2, pytest.param(8, marks=pytest.mark.long)])


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database), accounts=2)


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Do all of these at the same moment; return what each came to."""
    ready = threading.Barrier(len(acts))

    def act(call: Callable[[], object]) -> str:
        ready.wait(10)
        try:
            call()
        except BalanceCloudError as problem:
            return problem.code
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def check_every_copy_has_its_version(person: Person) -> None:
    with person.tools.sessions() as session:
        shown = session.execute(
            select(Node.file_id, Node.version).where(
                Node.user_id == person.user_id, Node.version.is_not(None)
            )
        ).all()
        known = session.execute(select(Version.file_id, Version.number)).all()
        sizes = session.scalars(select(Version.size).where(Version.user_id == person.user_id)).all()
    assert {tuple(row) for row in shown} <= {tuple(row) for row in known}
    assert person.user().used_bytes == sum(sizes)


@AGAIN
def test_a_copy_and_the_deletion_of_its_original_at_once(person: Person, times: int) -> None:
    for number in range(times):
        top = folder(person, f"{number}")
        file = store(person, b"x", f"{number}.txt", top)
        source = top if number % 2 else file

        ends = at_once(partial(copy, person, source), partial(person.delete_node, top))

        assert set(ends) <= {"done", "not_found", "state_conflict"}
        check_every_copy_has_its_version(person)
    settle(person)


@AGAIN
def test_original_and_copy_deleted_at_once_leave_nothing(person: Person, times: int) -> None:
    for number in range(times):
        original = store(person, b"x", f"{number}.txt")
        twin = copy(person, original).id

        ends = at_once(*(partial(person.delete_node, one) for one in (original, twin)))

        assert ends == ["done", "done"]
    settle(person)
    assert person.user().used_bytes == 0
    assert person.objects() == set()


@AGAIN
def test_a_copy_a_move_and_a_deletion_at_once_never_stop_each_other(
    person: Person, times: int
) -> None:
    for number in range(times):
        top = folder(person, f"{number}")
        target = folder(person, "target", top)
        file = store(person, b"x", f"file {number}.txt")

        ends = at_once(
            partial(copy, person, file, target),
            partial(person.delete_node, top),
            partial(_move, person, file, target),
        )

        assert set(ends) <= {"done", "not_found", "state_conflict", "name_taken"}
        check_every_copy_has_its_version(person)


def _move(person: Person, node: uuid.UUID, parent: uuid.UUID) -> None:
    with person.tools.sessions.begin() as session:
        rearranging.move(session, person.user_id, node, parent)


def test_a_copy_shows_what_its_original_shows_once_it_could_be_locked(person: Person) -> None:
    file = store(person, b"old", "a.txt")
    store(person, b"new", "a.txt")

    with ThreadPoolExecutor(1) as pool, person.tools.sessions.begin() as session:
        versions.restore(session, person.user_id, file, 1)
        copying_now = pool.submit(copy, person, file)
        wait_until_somebody_waits(session)
        session.commit()
        made = copying_now.result(30)

    assert made.version == 1


def test_a_copy_that_would_wait_in_a_ring_gives_up_and_says_so(person: Person) -> None:
    top = folder(person, "top")
    inner = folder(person, "inner", top)

    def lock(session: Session, node: uuid.UUID) -> None:
        session.scalar(select(Node.id).where(Node.id == node).with_for_update())

    with ThreadPoolExecutor(1) as pool, person.tools.sessions.begin() as session:
        session.execute(text("SET LOCAL deadlock_timeout = '1min'"))  # the copy notices first
        lock(session, inner)
        copying_now = pool.submit(copy, person, top)
        wait_until_somebody_waits(session)
        lock(session, top)

        with pytest.raises(StateConflict, match="changing"):
            copying_now.result(30)
