"""Killed at any step while a file arrives, web or worker: it is shown once, and no byte is lost."""

import itertools
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import pytest
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.library import abandoned
from balancecloud.library.views import Stages
from tests.storage.arriving import CONTENT, PART, Sender, assert_stored_once, in_small, once
from tests.storage.crashing import Doom, DoomedProvider, Killed
from tests.storage.world import CHUNK, Person, go_on, make_tools

pytestmark = [pytest.mark.real, pytest.mark.whole]


class Mortal:
    """A person whose web and worker can be killed at any commit or request."""

    def __init__(self, config: Config, sessions: sessionmaker[Session]) -> None:
        self.hands = make_tools(config, sessions)
        self.doom = Doom()
        self.doom.watch(sessions)

    def sender(self) -> Sender:
        person = in_small(Person.new(*self.hands))
        for _ in range(2):
            account = DoomedProvider(subject=uuid.uuid4().hex)
            account.doom = self.doom
            person.memory.append(account)
            person.link(account)
        return Sender(person, CONTENT)

    def kill(self, step: int, deed: Callable[[], object]) -> bool:
        """Do something, killed at a step; return whether it was."""
        self.doom.kill_at(step)
        with suppress(Killed):
            deed()
        return self.doom.revive()


@pytest.fixture
def mortal(config: Config, database: sessionmaker[Session]) -> Mortal:
    return Mortal(config, database)


@pytest.mark.long
def test_a_web_that_is_killed_at_any_step_of_a_piece_loses_nothing(mortal: Mortal) -> None:
    for step in range(40):
        sender = mortal.sender()
        sender.send(PART - 5)
        was_killed = mortal.kill(step, partial(sender.send, CHUNK))
        sender.lose_lease()
        assert sender.person.work() == []
        sender.send(CHUNK)
        assert sender.runs() == [0]
        killed_last = mortal.kill(step, sender.send_rest)
        sender.lose_lease()
        assert sender.person.work() == []
        if not sender.has_sent_all:
            sender.send_rest()
        assert_stored_once(sender, sender.person.work())
        sender.person.delete_node(sender.node_id())
        assert sender.person.work() == []
        if not was_killed and not killed_last:
            break
    else:
        raise AssertionError("a piece takes more steps than were tried")
    assert step > 5


@pytest.mark.parametrize("step", [9, *(pytest.param(n, marks=pytest.mark.long) for n in (3, 16))])
def test_a_worker_that_is_killed_before_the_last_byte_loses_nothing(
    mortal: Mortal, step: int
) -> None:
    sender = mortal.sender()
    sender.send(PART)
    claim = sender.person.claim()
    assert mortal.kill(step, lambda: sender.person.store(claim))
    sender.person.lose_lease(claim)
    sender.send_rest()

    assert_stored_once(sender, sender.person.work())


@dataclass
class Chance:
    """Pieces, runs and deaths in an order that a seed decides."""

    mortal: Mortal
    sender: Sender
    random: random.Random
    seen: list[Stages] = field(default_factory=list)

    def take_turn(self) -> None:
        self.look(self.random.choice([self.send, self.store, self.die_storing, self.die_sending]))
        self.sender.person.check_books()

    def look(self, deed: Callable[[], None]) -> None:
        deed()
        self.seen.append(self.sender.stages())

    def send(self) -> None:
        if not self.sender.has_sent_all:
            self.sender.send(self.random.randrange(1, PART))

    def store(self) -> None:
        """Store a run; in the middle of it a piece may arrive."""
        claim = self.sender.person.try_claim()
        meanwhile = self.random.choice([self.send, go_on])
        if claim is not None:
            assert self.sender.person.carry_out(claim, once(lambda: self.look(meanwhile))) is None

    def die_storing(self) -> None:
        person = self.sender.person
        claim = person.try_claim()
        if claim is not None and self.mortal.kill(
            self.random.randrange(20), lambda: person.store(claim)
        ):
            person.lose_lease(claim)

    def die_sending(self) -> None:
        self.mortal.kill(self.random.randrange(8), self.send)
        self.sender.lose_lease()


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 12))]
)
def test_any_order_of_pieces_runs_and_deaths_ends_with_the_file_shown_once(
    mortal: Mortal, seed: int
) -> None:
    chance = Chance(mortal, mortal.sender(), random.Random(seed))
    for _ in range(30):
        chance.take_turn()
    if not chance.sender.has_sent_all:
        chance.sender.send_rest()
    assert chance.sender.person.work() == []

    for before, after in itertools.pairwise(chance.seen):
        assert after.stored <= after.sealed <= after.received <= after.total
        assert before.received <= after.received
        assert before.sealed <= after.sealed
        assert before.stored <= after.stored
    abandoned.sweep(chance.sender.person.tools)  # a death may have left the spool behind
    assert_stored_once(chance.sender)
