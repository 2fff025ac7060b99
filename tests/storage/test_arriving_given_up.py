"""A file that is given up while it arrives leaves nothing, neither rows nor objects nor quota."""

import secrets
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from balancecloud.clouds.provider import Provider
from balancecloud.errors import BrokenUpload, Cancelled, LeaseLost, Unavailable
from balancecloud.library import abandoned, early, giving_up, jobs
from balancecloud.library.arrivals import Arrival
from balancecloud.library.upload_errors import UploadGone
from balancecloud.models.clouds import Chunk, Pack, ShardRow
from balancecloud.models.library import Node, SpoolPart, Upload, Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import JobState, VersionState
from balancecloud.storage.tools import Tools
from tests.storage.arriving import PART, Sender, in_small
from tests.storage.crashing import Gate
from tests.storage.world import CHUNK, Person, stop_at

pytestmark = [pytest.mark.real, pytest.mark.whole]

Hands = tuple[Tools, dict[uuid.UUID, Provider]]
CONTENT = secrets.token_bytes(2 * PART + CHUNK)


# --- how it is given up -----------------------------------------------------------------------


def by_its_sender(sender: Sender) -> None:
    giving_up.give_up(sender.person.tools, sender.person.user_id, sender.id)


def by_time(sender: Sender) -> None:
    with sender.person.tools.sessions.begin() as session:
        session.execute(update(Resumable).values(expires_at=func.now() - timedelta(seconds=1)))
    assert giving_up.sweep(sender.person.tools) == 1


def by_deleting_it(sender: Sender) -> None:
    sender.person.delete_node(sender.node_id())


def by_cancelling_its_job(sender: Sender) -> None:
    with sender.person.tools.sessions.begin() as session:
        jobs.cancel(session, sender.person.user_id, sender.job_id)
    sender.person.work()
    giving_up.sweep(sender.person.tools)


WAYS = (by_its_sender, by_time, by_deleting_it, by_cancelling_its_job)


# --- at which stage ----------------------------------------------------------------------------


def nothing_is_whole(sender: Sender) -> None:
    sender.send(CHUNK)


def nobody_came_yet(sender: Sender) -> None:
    sender.send(PART)


def a_worker_died_at_it(sender: Sender) -> None:
    sender.send(PART)
    claim = sender.person.claim()
    assert sender.person.carry_out(claim, stop_at(3, Unavailable())) is not None


def a_run_is_stored_and_another_due(sender: Sender) -> None:
    sender.send(PART)
    assert sender.person.work() == []
    sender.send(PART)


STAGES = (nothing_is_whole, nobody_came_yet, a_worker_died_at_it, a_run_is_stored_and_another_due)
CASES = [
    pytest.param(reach, give_up, marks=() if reach is STAGES[-1] else pytest.mark.long)
    for reach in STAGES
    for give_up in WAYS
]


def assert_nothing_is_left(sender: Sender) -> None:
    person = sender.person
    abandoned.sweep(person.tools)
    assert person.work() == []
    assert person.objects() == set()
    assert (person.user().reserved_bytes, person.user().used_bytes) == (0, 0)
    with person.tools.sessions() as session:
        for table in (Node, Upload, SpoolPart, Chunk, Pack, ShardRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0, table
        states = set(session.scalars(select(Version.state)))
    assert states <= {VersionState.CANCELLED}
    assert list(person.tools.spool.uploads()) == []
    assert person.job(sender.job_id).state in {JobState.CANCELLED, JobState.FAILED, JobState.DONE}
    person.check_settled()


@pytest.mark.parametrize(("reach", "give_up"), CASES)
def test_given_up_at_any_stage_nothing_of_it_is_left(
    person: Person, reach: Callable[[Sender], None], give_up: Callable[[Sender], None]
) -> None:
    sender = Sender(in_small(person), CONTENT)
    reach(sender)
    give_up(sender)

    assert_nothing_is_left(sender)


@pytest.fixture
def gated(hands: Hands) -> tuple[Sender, Gate]:
    """A sender, and an account whose puts wait at a gate once they took effect."""
    person = in_small(Person.new(*hands, accounts=1))
    gate = Gate(subject=uuid.uuid4().hex)
    person.memory.append(gate)
    person.link(gate)
    gate.shut(waits_after=True)
    return Sender(person, CONTENT), gate


@pytest.mark.parametrize(
    "give_up", [by_its_sender, *(pytest.param(way, marks=pytest.mark.long) for way in WAYS[1:3])]
)
def test_given_up_while_a_shard_is_on_its_way_nothing_of_it_is_left(
    gated: tuple[Sender, Gate], give_up: Callable[[Sender], None]
) -> None:
    sender, gate = gated
    sender.send(PART)
    claim = sender.person.claim()
    with ThreadPoolExecutor(1) as pool:
        storing = pool.submit(sender.person.carry_out, claim)
        try:
            assert gate.arrived.wait(20)
            give_up(sender)
        finally:
            gate.opened.set()
        # Whichever of the two is met first: the claim that went, or the spool that went with it.
        assert isinstance(storing.result(), LeaseLost | Unavailable)

    assert_nothing_is_left(sender)


def test_cancelled_while_bytes_arrive_and_a_shard_is_on_its_way_nothing_is_left(
    gated: tuple[Sender, Gate],
) -> None:
    sender, gate = gated
    sender.send(PART)
    tools = sender.person.tools
    arrival = Arrival(tools, sender.claim())
    arrival.write(sender.content[PART : PART + CHUNK])
    claim = sender.person.claim()
    with ThreadPoolExecutor(1) as pool:
        storing = pool.submit(sender.person.carry_out, claim, sender.person.obey)
        assert gate.arrived.wait(20)
        with tools.sessions.begin() as session:
            jobs.cancel(session, sender.person.user_id, sender.job_id)
        gate.opened.set()
        assert isinstance(storing.result(), Cancelled)
    with pytest.raises((Cancelled, UploadGone, BrokenUpload)):
        arrival.finish()
    arrival.drop()

    assert_nothing_is_left(sender)


def test_another_file_of_the_job_goes_on(person: Person) -> None:
    batch = uuid.uuid4()
    given_up, kept = (Sender(in_small(person), CONTENT, name, batch) for name in ("one", "two"))
    assert given_up.job_id == kept.job_id
    for sender in (given_up, kept):
        sender.send(PART)
    assert person.work() == []
    by_its_sender(given_up)
    kept.send_rest()
    assert person.work() == []

    assert person.read(kept.version_id) == CONTENT
    assert person.job(kept.job_id).files_stored == 1
    assert person.user().used_bytes == len(CONTENT)
    person.check_settled()


def test_nothing_is_queued_of_what_was_given_up_or_cancelled(person: Person) -> None:
    sender = Sender(in_small(person), CONTENT)
    sender.send(PART)
    with person.tools.sessions() as session:
        upload_id = session.scalars(select(Upload.id)).one()
    assert person.work() == []
    by_cancelling_its_job(sender)

    assert early.note_durable(person.tools, upload_id) == ()
    assert_nothing_is_left(sender)
