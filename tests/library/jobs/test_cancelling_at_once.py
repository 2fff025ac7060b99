"""A job is cancelled while its files go to the trash: neither waits for the other in a ring."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Select, func, select, text, update
from sqlalchemy.orm import Session

from balancecloud.library import jobs, resumables, trash
from balancecloud.library.batches import Group
from balancecloud.library.resumables import Sent
from balancecloud.library.uploads import Wanted
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node, Version
from balancecloud.models.states import JobState
from tests.services.locks import WAITING
from tests.storage.world import Person

pytestmark = pytest.mark.real

# Each one folder deeper than the one before.
PLACES = ("Travel", "Travel/Porto", "Travel/Porto/May")


def begin_in_every_place(person: Person) -> uuid.UUID:
    """Begin three files of one job, where the deepest has the lowest id; return the job's."""
    batch = Group(uuid.uuid4(), uuid.uuid4())
    wanted = Wanted(person.user_id, None, "version", "api", 10)
    for place in PLACES:
        path = (*place.split("/"), f"in {place.replace('/', ' ')}.txt")
        resumables.begin(person.tools, Sent(wanted, path, batch, ""))
    with person.tools.sessions.begin() as session:
        files = session.scalars(files_by_id()).all()
        folders = sorted((one.parent_id for one in files), key=lambda one: depth(session, one))
        for node_id, folder in zip([one.id for one in files], reversed(folders), strict=True):
            session.execute(update(Node).where(Node.id == node_id).values(parent_id=folder))
        return session.scalars(select(Job.id)).one()


def files_by_id() -> Select[Node]:
    return select(Node).where(Node.file_id.is_not(None)).order_by(Node.id)


def depth(session: Session, folder_id: uuid.UUID | None) -> int:
    count = 0
    while folder_id is not None:
        count += 1
        folder_id = session.scalar(select(Node.parent_id).where(Node.id == folder_id))
    return count


def wait_until_two_wait(session: Session) -> None:
    for _ in range(1000):
        if (session.scalar(text(WAITING)) or 0) >= 2:
            return
        session.execute(text("SELECT pg_sleep(0.01)"))
    raise AssertionError("nobody waits")


def test_a_job_is_cancelled_while_its_folder_goes_to_the_trash(person: Person) -> None:
    job_id = begin_in_every_place(person)
    with person.tools.sessions() as session:
        travel = session.scalars(select(Node.id).where(Node.name == "Travel")).one()
        middle = session.scalars(files_by_id()).all()[1].id

    def cancel() -> None:
        with person.tools.sessions.begin() as own:
            jobs.cancel(own, person.user_id, job_id)

    def put_into_trash() -> None:
        with person.tools.sessions.begin() as own:
            trash.put(own, person.user_id, travel)

    with ThreadPoolExecutor(2) as pool, person.tools.sessions() as session:
        # Both get as far as the file between the other two, and then go on at once.
        session.execute(select(Node.id).where(Node.id == middle).with_for_update())
        ends = [pool.submit(cancel), pool.submit(put_into_trash)]
        wait_until_two_wait(session)
        session.rollback()
        for end in ends:
            end.result(20)

    assert person.job(job_id).state is JobState.CANCELLED
    with person.tools.sessions() as session:
        assert session.scalars(select(Node.name).where(Node.trashed_with == Node.id)).all() == [
            "Travel"
        ]
        assert session.scalars(files_by_id()).all() == []
        assert session.scalar(select(func.count()).select_from(Version)) == 3
    assert person.user().reserved_bytes == 0
