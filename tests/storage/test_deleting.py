"""Deleting: everything goes, and one account that is away holds up only its own shards."""

import secrets
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from balancecloud.clouds.provider import Provider
from balancecloud.errors import Unreachable
from balancecloud.models.clouds import CloudAccount, ShardRow, UploadSession
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Node
from balancecloud.models.states import AccountState, JobKind, JobState, WorkState
from balancecloud.storage.tools import Tools
from tests.storage.crashing import Gate
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]


def test_a_folder_is_deleted_with_all_below_and_the_quota_comes_back(person: Person) -> None:
    intake = person.intake()
    for path in (["a", "b", "one"], ["a", "two"]):
        intake.start_file(path, None)
        intake.write(secrets.token_bytes(CHUNK))
        intake.end_file()
    intake.finish()
    assert person.work() == []
    with person.tools.sessions() as session:
        top = session.scalars(select(Node.id).where(Node.name == "a")).one()
    assert person.user().used_bytes == 2 * CHUNK
    person.delete_node(top)
    assert person.user().used_bytes == 0
    assert person.work() == []

    assert person.objects() == set()
    person.check_settled()


def test_an_account_that_is_away_holds_up_only_its_own_shards(person: Person) -> None:
    arrived = person.upload(secrets.token_bytes(3 * CHUNK))
    assert person.work() == []
    person.memory[0].is_down = True
    person.delete(arrived)
    problems = person.work()

    assert {type(problem) for problem in problems} == {Unreachable}
    person.memory[0].is_down = False
    assert {account for account, _ in person.objects()} == {person.account_ids[0]}
    with person.tools.sessions() as session:
        job = session.scalars(select(Job).where(Job.kind == JobKind.DELETE)).one()
    assert (job.state, job.shards_total, job.shards_done) == (JobState.RETRYING, 9, 6)

    person.make_due()
    assert person.work() == []
    assert person.objects() == set()
    person.check_settled()


def test_an_upload_that_was_to_be_continued_goes_with_its_shard(person: Person) -> None:
    arrived = person.upload(secrets.token_bytes(CHUNK))
    assert person.work() == []
    with person.tools.sessions.begin() as session:
        for shard in session.scalars(select(ShardRow)):
            session.add(UploadSession(account_id=shard.account_id, name=shard.name))
        session.add(UploadSession(account_id=person.account_ids[0], name="of another"))
    person.delete(arrived)
    assert person.work() == []
    with person.tools.sessions() as session:
        assert list(session.scalars(select(UploadSession.name))) == ["of another"]


def test_more_shards_than_a_batch_are_deleted(person: Person) -> None:
    arrived = person.upload(secrets.token_bytes(25 * CHUNK))
    assert person.work() == []
    person.delete(arrived)
    assert person.work() == []

    assert person.objects() == set()
    with person.tools.sessions() as session:
        job = session.scalars(select(Job).where(Job.kind == JobKind.DELETE)).one()
        states = set(session.scalars(select(Work.state)))
    assert (job.state, job.shards_total, job.shards_done) == (JobState.DONE, 75, 75)
    assert states == {WorkState.DONE}


def test_objects_whose_answer_was_lost_are_found_and_deleted(person: Person) -> None:
    person.upload(secrets.token_bytes(CHUNK))
    for account in person.memory:
        account.lose_next_answer("put")
    person.work()
    with person.tools.sessions.begin() as session:
        session.execute(update(CloudAccount).values(state=AccountState.HEALTHY))
    person.make_due()
    assert person.work() == []

    person.check_settled()


@pytest.mark.parametrize(
    "cut",
    [
        lambda gate: gate.fail_next("delete", Unreachable()),
        lambda gate: gate.lose_next_answer("put"),
    ],
    ids=["its removal failed", "its answer was lost"],
)
def test_a_shard_that_arrived_after_its_file_was_deleted_is_removed_later(
    hands: Hands, cut: Callable[[Gate], None]
) -> None:
    person = Person.new(*hands, accounts=2)
    gate = Gate(subject=uuid.uuid4().hex)
    person.memory.append(gate)
    person.link(gate)
    arrived = person.upload(secrets.token_bytes(CHUNK))
    gate.shut(waits_after=False)
    with ThreadPoolExecutor(1) as pool:
        storing = pool.submit(person.carry_out, person.claim())
        assert gate.arrived.wait(20)
        person.delete(arrived)
        assert person.work() == []
        cut(gate)
        gate.opened.set()
    assert storing.result() is not None
    assert len(person.objects()) == 1

    person.make_due()
    assert person.work() == []
    assert person.objects() == set()
    person.check_settled()
