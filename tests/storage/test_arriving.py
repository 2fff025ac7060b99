"""A file is stored while it arrives, and shown once, whatever ends first, last or never."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import Provider
from balancecloud.config import Config
from balancecloud.errors import (
    AccountFull,
    IntegrityError,
    LeaseLost,
    ObjectMissing,
    StateConflict,
    Throttled,
    Unavailable,
)
from balancecloud.library import downloads
from balancecloud.models.clouds import Chunk
from balancecloud.models.jobs import Work
from balancecloud.models.library import SpoolPart, Version
from balancecloud.models.states import JobState, VersionState
from balancecloud.storage.placement import NoPlace
from balancecloud.storage.tools import Tools
from tests.storage.arriving import (
    CONTENT,
    PART,
    RUN,
    Sender,
    assert_stored_once,
    in_small,
    once,
    shards,
)
from tests.storage.world import CHUNK, NOTHING, Person, make_tools, stop_at

pytestmark = [pytest.mark.real, pytest.mark.whole]

Hands = tuple[Tools, dict[uuid.UUID, Provider]]


@pytest.fixture
def sender(person: Person) -> Sender:
    return Sender(in_small(person), CONTENT)


# --- what is stored when ---------------------------------------------------------------------


def test_runs_that_are_whole_are_rung_for_and_stored_while_the_rest_arrives(
    sender: Sender,
) -> None:
    sender.send(PART - 1)
    assert (sender.runs(), sender.rung) == ([], [])
    sender.send(1)
    assert (sender.runs(), len(sender.rung)) == ([0], 1)
    assert sender.person.work() == []

    assert sender.stages().stored == PART
    version = sender.version()
    assert version is not None
    assert version.state is VersionState.RECEIVING
    assert sender.person.job(sender.job_id).state is JobState.RUNNING
    assert len(shards(sender)) == RUN * 3

    sender.send(PART)
    assert sender.runs() == [0, 1]
    sender.send_rest()
    assert sender.runs() == [0, 1, 2, 3]
    assert len(sender.rung) == len(set(sender.rung)) == 4
    assert_stored_once(sender, sender.person.work())


@pytest.mark.long
def test_a_file_that_is_not_large_waits_for_its_last_byte(person: Person) -> None:
    sender = Sender(in_small(person), CONTENT[:PART])
    sender.send(PART - 1)

    assert (sender.runs(), sender.rung) == ([], [])
    sender.send_rest()
    assert_stored_once(sender, person.work())


@pytest.mark.parametrize(
    ("size", "shared"),
    [
        (2 * PART, CHUNK),
        pytest.param(PART + 1, CHUNK // 2, marks=pytest.mark.long),
        pytest.param(2 * PART, NOTHING, marks=pytest.mark.long),
        pytest.param(2 * PART + CHUNK, CHUNK, marks=pytest.mark.long),
    ],
)
def test_whatever_its_length_something_is_left_for_the_last_byte(
    config: Config, database: sessionmaker[Session], size: int, shared: int
) -> None:
    person = in_small(Person.new(*make_tools(config, database, shared=shared), accounts=2))
    sender = Sender(person, CONTENT[:size])
    while not sender.has_sent_all:
        sender.send(CHUNK)
        assert person.work() == []
        stages = sender.stages()
        assert stages.stored <= stages.received

    assert_stored_once(sender)


@pytest.mark.parametrize(
    ("accounts", "protection"),
    [(2, 0), *(pytest.param(n, m, marks=pytest.mark.long) for n, m in ((1, 1), (4, 2)))],
)
def test_it_is_stored_as_its_protection_asks(hands: Hands, accounts: int, protection: int) -> None:
    person = in_small(Person.new(*hands, accounts=accounts, protection=protection))
    sender = Sender(person, CONTENT)
    sender.send(2 * PART)
    assert person.work() == []
    sender.send_rest()

    assert_stored_once(sender, person.work())


def test_what_arrives_is_not_read_before_all_is_there(sender: Sender) -> None:
    sender.send(2 * PART)
    assert sender.person.work() == []
    tools, user_id = sender.person.tools, sender.person.user_id

    with tools.sessions() as session, pytest.raises(StateConflict):
        downloads.open_download(session, tools, user_id, sender.node_id(), None)


# --- whichever ends last ---------------------------------------------------------------------


def test_a_run_that_ends_after_the_last_byte_does_not_show_what_is_left(sender: Sender) -> None:
    sender.send(PART)
    first = sender.person.claim()
    assert sender.person.carry_out(first, once(sender.send_rest)) is None

    version = sender.version()
    assert version is not None
    assert version.state in {VersionState.QUEUED, VersionState.STORING}
    assert_stored_once(sender, sender.person.work())


def test_an_early_run_may_be_the_last_to_end(sender: Sender) -> None:
    sender.send(PART)
    first = sender.person.claim()

    def meanwhile() -> None:
        sender.send_rest()
        assert sender.person.job(sender.job_id).state is JobState.RUNNING
        assert sender.person.work() == []
        assert sender.ends() == 0

    assert sender.person.carry_out(first, once(meanwhile)) is None
    assert_stored_once(sender)


def test_a_late_worker_of_an_early_run_changes_nothing(sender: Sender) -> None:
    sender.send(PART)
    late = sender.person.claim()

    def meanwhile() -> None:
        sender.person.lose_lease(late)
        sender.send_rest()
        assert sender.person.work() == []
        assert_stored_once(sender)

    # Whichever of the two is met first: the claim that went, or the spool that went with it.
    stopped = sender.person.carry_out(late, once(meanwhile))
    assert isinstance(stopped, LeaseLost | Unavailable), repr(stopped)
    assert_stored_once(sender)


# --- accounts that refuse, and a spool that was changed ---------------------------------------


def test_without_an_account_it_goes_on_to_arrive_and_its_job_says_why(hands: Hands) -> None:
    sender = Sender(in_small(Person.new(*hands)), CONTENT)
    sender.send(PART)
    (problem,) = sender.person.work()
    assert isinstance(problem, NoPlace)
    assert sender.person.job(sender.job_id).state is JobState.NEEDS_YOU
    sender.send(PART)
    sender.person.link()
    assert sender.person.work() == []
    assert sender.person.job(sender.job_id).state is JobState.RUNNING
    assert sender.stages().stored == 2 * PART

    sender.send_rest()
    assert_stored_once(sender, sender.person.work())


@pytest.mark.long
def test_a_throttled_account_keeps_nothing_from_arriving(sender: Sender) -> None:
    sender.send(PART)
    for account in sender.person.memory:
        account.fail_next("put", Throttled(retry_after=70.0), times=1000)
    assert {type(one) for one in sender.person.work()} == {Throttled}
    assert sender.person.job(sender.job_id).state is JobState.RETRYING
    sender.send_rest()
    for account in sender.person.memory:
        account.stop_failing()
    sender.person.make_due()

    assert_stored_once(sender, sender.person.work())


@pytest.mark.long
def test_an_account_that_gets_full_meanwhile_is_left_out(hands: Hands) -> None:
    person = in_small(Person.new(*hands, accounts=3))
    sender = Sender(person, CONTENT)
    sender.send(PART)
    assert person.carry_out(person.claim(), stop_at(4, Unavailable())) is not None
    person.memory[0].fail_next("put", AccountFull(), times=1000)
    sender.send(PART)
    person.make_due()
    assert person.work() == []
    sender.send_rest()

    assert_stored_once(sender, person.work())


def test_what_would_fail_for_good_fails_only_once_all_is_there(sender: Sender) -> None:
    person = sender.person
    sender.send(PART)
    with person.tools.sessions.begin() as session:
        session.execute(update(SpoolPart).values(salt=bytes(32)))
    assert isinstance(person.work()[0], IntegrityError)
    assert sender.stages().received == PART
    sender.send_rest()
    with person.tools.sessions() as session:
        assert session.scalars(select(Version.state)).one() is VersionState.QUEUED
    person.make_due()
    assert [type(one) for one in person.work()].count(IntegrityError) == 1

    assert person.job(sender.job_id).state is JobState.FAILED
    assert sender.ends() == 1
    person.delete_node(sender.node_id())
    assert person.work() == []
    assert person.objects() == set()
    person.check_settled()


@pytest.mark.long
def test_tries_are_not_used_up_while_it_arrives(sender: Sender) -> None:
    person = sender.person
    sender.send(PART)
    for account in person.memory:
        account.fail_next("put", ObjectMissing(), times=10_000)
    with person.tools.sessions.begin() as session:
        session.execute(update(Work).values(attempt=person.tools.config.attempts - 1))
    for _ in range(3):
        assert {type(one) for one in person.work()} == {ObjectMissing}
        person.make_due()
    for account in person.memory:
        account._faults.clear()
    sender.send_rest()

    assert_stored_once(sender, person.work())


def test_a_changed_setting_leaves_no_chunk_out(sender: Sender) -> None:
    sender.send(PART)
    sender.person.tools = make_other(sender.person.tools)
    assert sender.person.work() == []
    sender.send_rest()

    assert_stored_once(sender, sender.person.work())
    with sender.person.tools.sessions() as session:
        indexes = session.scalars(select(Chunk.index).order_by(Chunk.index)).all()
    assert list(indexes) == list(range(-(-len(CONTENT) // CHUNK)))


def make_other(tools: Tools) -> Tools:
    """Another release may call other files large, and put other chunks together."""
    small = replace(tools.config, early_bytes=2 * CHUNK, largest_shared_chunk=CHUNK)
    return replace(tools, config=small)
