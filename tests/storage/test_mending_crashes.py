"""Repairs and moves killed at any step and repeated: every shard once, no orphan, as asked."""

import secrets
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clouds.provider import Provider, Traits
from balancecloud.config import Config
from balancecloud.errors import LeaseLost
from balancecloud.models.states import AccountState, JobState, VersionState, WorkKind
from balancecloud.storage.tools import Tools
from tests.fakes.memory_provider import TRAITS
from tests.storage import mending
from tests.storage.crashing import Doom, DoomedProvider, Killed
from tests.storage.mending import gather, packs_of, protect, repair_jobs, rows_of
from tests.storage.world import CHUNK, Person, make_tools

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]
Harm = Callable[[Person], None]
WITHOUT_IDS = replace(TRAITS, reserves_ids=False)
TURNS = 80
CONTENT = secrets.token_bytes(CHUNK - 1)


class Mortal:
    """People whose worker can be killed."""

    def __init__(self, config: Config, sessions: sessionmaker[Session]) -> None:
        self.hands = make_tools(config, sessions)
        self.doom = Doom()
        self.doom.watch(sessions)

    def person(self, traits: Traits) -> Person:
        person = Person.new(*self.hands)
        for _ in range(4):
            account = DoomedProvider(subject=uuid.uuid4().hex, traits=traits)
            account.doom = self.doom
            person.memory.append(account)
            person.link(account)
        return person

    def is_killed_at(self, person: Person, step: int) -> bool:
        """Mend, killed at this step; return False when it ended before that."""
        claim = person.claim()
        assert claim.kind in {WorkKind.REPAIR, WorkKind.MOVE}
        self.doom.kill_at(step)
        with suppress(Killed, LeaseLost):
            person.carry_out(claim)
        was_killed = self.doom.revive()
        if was_killed:
            person.lose_lease(claim)
        return was_killed


@pytest.fixture
def mortal(config: Config, database: sessionmaker[Session]) -> Mortal:
    return Mortal(config, database)


def lose_one(person: Person) -> None:
    (pack,) = packs_of(person)
    mending.lose(person, rows_of(person, pack.id)[1])


def damage_where_it_is_full(person: Person) -> None:
    (pack,) = packs_of(person)
    row = rows_of(person, pack.id)[0]
    spare = DoomedProvider(subject=uuid.uuid4().hex, traits=person.memory[0].traits)
    first = person.memory[0]
    assert isinstance(first, DoomedProvider)
    spare.doom = first.doom
    person.memory.append(spare)
    person.link(spare)
    mending.damage(person, row)
    mending.set_account(person, row.account_id, AccountState.FULL)


def ask_for_more(person: Person) -> None:
    protect(person, 2)


HARMS = pytest.mark.parametrize("harm", [lose_one, damage_where_it_is_full, ask_for_more])
EVERY = pytest.mark.parametrize(
    ("traits", "first"), [(TRAITS, 0), (WITHOUT_IDS, 1)], ids=["ids", "names"]
)


def kill_at_each(mortal: Mortal, harm: Harm, traits: Traits, steps: range) -> None:
    for step in steps:
        person = mortal.person(traits)
        arrived = person.upload(CONTENT)
        assert person.work() == []
        harm(person)
        gather(person)
        was_killed = mortal.is_killed_at(person, step)
        person.check_books()
        assert person.read(person.version(arrived).id) == CONTENT
        assert person.work() == []
        assert person.version(arrived).state is VersionState.STORED
        assert person.read(person.version(arrived).id) == CONTENT
        assert gather(person) == []
        assert {job.state for job in repair_jobs(person)} == {JobState.DONE}
        person.check_settled()
        if not was_killed:
            return
    raise AssertionError("mending takes more steps than were tried")


@pytest.mark.long
@HARMS
@EVERY
def test_mending_killed_now_and_then_ends_as_asked_with_one_copy(
    mortal: Mortal, harm: Harm, traits: Traits, first: int
) -> None:
    kill_at_each(mortal, harm, traits, range(2 + 5 * first, TURNS, 11))


@pytest.mark.long
@pytest.mark.timeout(600)
@HARMS
@EVERY
def test_mending_killed_at_each_step_ends_as_asked_with_one_copy(
    mortal: Mortal, harm: Harm, traits: Traits, first: int
) -> None:
    kill_at_each(mortal, harm, traits, range(TURNS))
