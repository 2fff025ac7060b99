"""Repair: lost shards are built again from k others, byte for byte, where they belong."""

import secrets
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from balancecloud.clouds.provider import Provider
from balancecloud.errors import IntegrityError, Unreachable
from balancecloud.library.uploads import Arrived
from balancecloud.models.clouds import ShardRow
from balancecloud.models.states import AccountState, JobState, ShardState, VersionState, WorkKind
from balancecloud.storage import upkeep
from balancecloud.storage.tools import Tools
from tests.storage import mending
from tests.storage.mending import account_of, gather, packs_of, repair_jobs, rows_of
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]
CONTENT = secrets.token_bytes(CHUNK + 17)
AGES = upkeep.LOST_AFTER + timedelta(hours=1)


@pytest.fixture
def four(hands: Hands) -> Person:
    """A person with four accounts."""
    return Person.new(*hands, accounts=4)


def stored(person: Person, content: bytes = CONTENT) -> Arrived:
    arrived = person.upload(content)
    assert person.work() == []
    return arrived


def assert_as_asked(person: Person, arrived: Arrived, content: bytes = CONTENT) -> None:
    version = person.version(arrived)
    assert version.state is VersionState.STORED
    assert person.read(version.id) == content
    assert gather(person) == []
    person.check_settled()


@pytest.mark.parametrize("harm", [mending.damage, mending.lose], ids=["damaged", "missing"])
def test_a_shard_that_was_marked_is_built_again_where_it_was(
    person: Person, harm: Callable[[Person, ShardRow], None]
) -> None:
    arrived = stored(person)
    before = {row.name: row for row in person.shards(person.version(arrived).id)}
    row = next(iter(before.values()))
    harm(person, row)
    upkeep.sweep_marked(person.tools)
    assert mending.states_of(person) == {"degraded"}

    assert person.work() == []

    assert_as_asked(person, arrived)
    after = {row.name: row for row in person.shards(person.version(arrived).id)}
    assert after.keys() == before.keys()
    assert all(after[n].account_id == before[n].account_id for n in after)
    assert all(after[n].sha256 == before[n].sha256 for n in after)


def test_repair_reads_k_pieces_however_many_shards_are_lost(hands: Hands) -> None:
    person = Person.new(*hands, accounts=5, protection=2)
    arrived = stored(person, CONTENT[:CHUNK])
    (pack,) = packs_of(person)
    rows = rows_of(person, pack.id)
    for row in rows[1:3]:
        mending.damage(person, row)
    for provider in person.memory:
        provider.calls.clear()
    gather(person)
    assert person.work() == []

    assert (pack.k, pack.m) == (3, 2)
    assert sum(provider.calls.count("get") for provider in person.memory) == pack.k
    assert_as_asked(person, arrived, CONTENT[:CHUNK])


def test_a_shard_whose_account_is_full_goes_to_one_outside_the_packs_domains(four: Person) -> None:
    arrived = stored(four)
    spare = four.link()
    (row, *_) = four.shards(four.version(arrived).id)
    mending.damage(four, row)
    mending.set_account(four, row.account_id, AccountState.FULL)
    gather(four)
    assert four.work() == []

    now = rows_of(four, row.pack_id)
    assert next(one for one in now if one.index == row.index).account_id == spare
    assert len({one.account_id for one in now}) == len(now)
    assert_as_asked(four, arrived)


def test_what_a_shard_leaves_behind_is_cleaned_up_and_only_that(four: Person) -> None:
    arrived = stored(four)
    four.link()
    (row, *_) = four.shards(four.version(arrived).id)
    held = len(account_of(four, row.account_id).objects)
    mending.damage(four, row)
    mending.set_account(four, row.account_id, AccountState.FULL)
    gather(four)
    assert four.work() == []

    assert len(account_of(four, row.account_id).objects) == held - 1
    assert row.object_id not in account_of(four, row.account_id).objects
    four.check_settled()


def test_an_account_that_was_unlinked_is_replaced_by_a_new_one(person: Person) -> None:
    arrived = stored(person)
    mending.unlink(person, person.account_ids[0])
    new = person.link()
    gather(person)
    assert person.work() == []

    for pack in packs_of(person):
        assert new in {row.account_id for row in rows_of(person, pack.id)}
    assert_as_asked(person, arrived)


@pytest.mark.parametrize("state", [AccountState.SIGN_IN_AGAIN, AccountState.SILENT])
def test_an_account_that_is_away_for_long_counts_as_lost(
    person: Person, state: AccountState
) -> None:
    arrived = stored(person)
    person.link()
    away = person.account_ids[1]
    mending.set_account(person, away, state, timedelta(days=1))
    assert gather(person) == []

    mending.set_account(person, away, state, AGES)
    assert gather(person) != []
    account_of(person, away).is_down = True
    while any(job.state is not JobState.DONE for job in repair_jobs(person)):
        person.work()

    assert all(
        away not in {row.account_id for row in rows_of(person, pack.id)}
        for pack in packs_of(person)
    )
    account_of(person, away).is_down = False
    mending.set_account(person, away, AccountState.HEALTHY)
    person.make_due()
    assert person.work() == []
    assert_as_asked(person, arrived)


def test_a_rebuilt_shard_that_is_not_the_indexed_one_is_never_put(person: Person) -> None:
    arrived = stored(person, CONTENT[:CHUNK])
    (pack,) = packs_of(person)
    row = rows_of(person, pack.id)[0]
    mending.lose(person, row)
    with person.tools.sessions.begin() as session:
        from_row = session.get_one(type(row), (row.pack_id, row.index))
        from_row.sha256 = bytes(32)
    gather(person)
    (problem,) = person.work()

    assert isinstance(problem, IntegrityError)
    assert account_of(person, row.account_id).objects == {}
    (job,) = repair_jobs(person)
    assert (job.state, job.error_code) == (JobState.FAILED, "integrity_error")
    assert person.version(arrived).state is VersionState.DEGRADED
    assert gather(person) == [], "what was given up is not tried again by itself"


def test_a_pack_with_fewer_than_k_whole_shards_is_given_up(person: Person) -> None:
    stored(person, CONTENT[:CHUNK])
    (pack,) = packs_of(person)
    first, second, _ = rows_of(person, pack.id)
    mending.damage(person, first)
    mending.damage(person, second)
    mending.mark(person, second, ShardState.STORED)
    gather(person)
    (problem,) = person.work()

    assert isinstance(problem, IntegrityError)
    assert mending.states_of(person) == {"lost"}


def test_a_shard_that_was_wrongly_marked_is_trusted_again(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    arrived = stored(person, CONTENT[:CHUNK])
    (pack,) = packs_of(person)
    first, second = rows_of(person, pack.id)
    mending.mark(person, first, ShardState.MISSING)
    mending.lose(person, second)
    mending.mark(person, second, ShardState.STORED)
    gather(person)
    problems = person.work()
    gather(person)
    problems += person.work()

    assert problems == []
    assert_as_asked(person, arrived, CONTENT[:CHUNK])


def test_an_account_that_rests_is_waited_for_not_replaced(person: Person) -> None:
    arrived = stored(person)
    (row, *_) = person.shards(person.version(arrived).id)
    mending.damage(person, row)
    account_of(person, row.account_id).fail_next("delete", Unreachable(retry_after=40))
    gather(person)
    packs_before = {pack.id for pack in packs_of(person)}
    problems = person.work()
    assert [type(problem).__name__ for problem in problems] == ["Unreachable"]
    (job,) = repair_jobs(person)
    assert job.state is JobState.RETRYING

    person.make_due()
    assert person.work() == []
    assert {pack.id for pack in packs_of(person)} == packs_before
    assert_as_asked(person, arrived)


def test_two_shards_in_one_domain_are_parted(four: Person) -> None:
    arrived = stored(four)
    mending.with_domain(four, four.account_ids[1], str(four.account_ids[0]))
    four.link()
    gather(four)
    assert four.work() == []

    assert_as_asked(four, arrived)


def test_a_repair_job_counts_its_shards_and_says_what_happened(person: Person) -> None:
    arrived = stored(person)
    for row in person.shards(person.version(arrived).id)[::3]:
        mending.damage(person, row)
    gather(person)
    (job,) = repair_jobs(person)
    assert (job.state, job.shards_total, job.shards_done) == (JobState.QUEUED, 2, 0)

    assert person.work() == []
    (job,) = repair_jobs(person)
    assert (job.state, job.shards_total, job.shards_done) == (JobState.DONE, 2, 2)


def test_looking_twice_writes_the_work_down_once(person: Person) -> None:
    arrived = stored(person)
    mending.damage(person, person.shards(person.version(arrived).id)[0])

    assert len(gather(person)) == 1
    assert gather(person) == []
    assert len(repair_jobs(person)) == 1


def test_storing_comes_before_mending(person: Person) -> None:
    arrived = stored(person)
    mending.damage(person, person.shards(person.version(arrived).id)[0])
    gather(person)
    person.upload(b"new")

    claim = person.claim()
    assert claim.kind is WorkKind.STORE
    person.carry_out(claim)
    assert person.claim().kind is WorkKind.REPAIR


def test_a_shard_that_proves_itself_while_it_is_read_is_never_cleared_away(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    arrived = stored(person, CONTENT[:CHUNK])
    (pack,) = packs_of(person)
    first, second = rows_of(person, pack.id)
    mending.mark(person, first, ShardState.DAMAGED)
    account_of(person, second.account_id).fail_next("get", Unreachable())
    for provider in person.memory:
        provider.calls.clear()
    gather(person)
    person.work()

    assert [provider.calls.count("delete") for provider in person.memory] == [0, 0]
    person.make_due()
    assert person.work() == []
    assert_as_asked(person, arrived, CONTENT[:CHUNK])
