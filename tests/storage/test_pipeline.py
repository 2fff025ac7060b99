"""The pipeline: bounded memory, and an account in trouble keeps only what must be on it."""

import secrets
import threading
import uuid
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import select

from balancecloud.clouds.provider import ObjectId, Provider, Shard, ShardName, StoredObject
from balancecloud.models.clouds import ShardRow
from balancecloud.models.states import VersionState
from balancecloud.storage.budget import Budget
from balancecloud.storage.tools import Tools
from tests.fakes.memory_provider import MemoryProvider
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]


@dataclass
class Tally:
    """How many bytes are on their way to all accounts together."""

    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size: int) -> None:
        with self.lock:
            self.now += size
            self.most = max(self.most, self.now)


@dataclass
class Watched(MemoryProvider):
    """An account whose puts are counted while they last, and wait where it is shut."""

    tally: Tally = field(default_factory=Tally)
    opened: threading.Event = field(default_factory=threading.Event)

    def put(self, name: ShardName, shard: Shard, object_id: ObjectId | None) -> StoredObject:
        self.tally.add(shard.length)
        assert self.opened.wait(20)
        stored = super().put(name, shard, object_id)
        self.tally.add(-shard.length)
        return stored


def watched(person: Person, count: int, tally: Tally) -> list[Watched]:
    accounts = [Watched(subject=uuid.uuid4().hex, tally=tally) for _ in range(count)]
    for account in accounts:
        account.opened.set()
        person.memory.append(account)
        person.link(account)
    return accounts


def with_budget(hands: Hands, size: int) -> Person:
    tools, providers = hands
    small = replace(tools.config, store_budget_bytes=size)
    return Person.new(replace(tools, config=small, budgets=[]), providers)


def test_what_is_under_way_never_exceeds_the_budget(hands: Hands) -> None:
    budget = 20 * CHUNK
    person = with_budget(hands, budget)
    tally = Tally()
    watched(person, 4, tally)
    content = secrets.token_bytes(16 * CHUNK)
    arrived = person.upload(content)
    assert person.work() == []

    assert 0 < tally.most <= budget
    assert person.tools.budget().most <= budget
    assert person.read(person.version(arrived).id) == content


def test_what_is_larger_than_the_budget_goes_alone(hands: Hands) -> None:
    person = with_budget(hands, 1)
    watched(person, 3, Tally())
    content = secrets.token_bytes(3 * CHUNK)
    arrived = person.upload(content)
    assert person.work() == []

    assert person.read(person.version(arrived).id) == content


def test_a_slow_account_delays_only_what_must_be_on_it(hands: Hands) -> None:
    person = with_budget(hands, 24 * CHUNK)
    tally = Tally()
    slow, *quick = watched(person, 4, tally)
    slow.opened.clear()
    content = secrets.token_bytes(16 * CHUNK)
    arrived = person.upload(content)

    def is_done_elsewhere() -> bool:
        return sum(len(account.objects) for account in quick) >= 3 * 16 - slow_share(person)

    claim = person.claim()
    worker = threading.Thread(target=person.carry_out, args=(claim,))
    worker.start()
    for _ in range(400):
        if is_done_elsewhere():
            break
        threading.Event().wait(0.02)
    went_on = is_done_elsewhere()
    waiting = slow_share(person)
    slow.opened.set()
    worker.join(30)

    assert went_on
    assert 0 < waiting < 16
    assert person.version(arrived).state is VersionState.STORED
    assert person.read(person.version(arrived).id) == content
    person.check_settled()


def slow_share(person: Person) -> int:
    """Return how many shards were planned for the first account."""
    with person.tools.sessions() as session:
        rows = select(ShardRow).where(ShardRow.account_id == person.account_ids[0])
        return len(session.scalars(rows).all())


def test_a_dead_account_is_left_out_of_new_packs(hands: Hands) -> None:
    person = with_budget(hands, 40 * CHUNK)
    dead, *_ = watched(person, 4, Tally())
    dead.is_down = True
    content = secrets.token_bytes(8 * CHUNK)
    arrived = person.upload(content)
    assert person.work() == []

    assert person.version(arrived).state is VersionState.STORED
    assert person.read(person.version(arrived).id) == content
    assert dead.objects == {}


def test_an_account_with_more_than_its_share_waiting_is_behind() -> None:
    budget = Budget(400)
    slow, quick = uuid.uuid4(), uuid.uuid4()
    accounts = [slow, quick, uuid.uuid4(), uuid.uuid4()]
    budget.queue(slow, 126)
    budget.queue(quick, 125)
    assert budget.behind(accounts) == {slow}

    budget.queue(slow, -1)

    assert budget.behind(accounts) == set()


def test_giving_up_ends_the_wait_for_the_budget() -> None:
    budget = Budget(10)
    given_up = threading.Event()
    assert budget.take(10, given_up)
    given_up.set()

    assert not budget.take(1, given_up)
