"""Random walks: whatever people and accounts do, the books balance after every step."""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import (
    BalanceCloudError,
    DamagedInTransit,
    NameTaken,
    ObjectDiffers,
    StateConflict,
    Throttled,
    Unreachable,
)
from balancecloud.library import abandoned, jobs, protection
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node, Upload, Version
from balancecloud.models.states import AccountState, VersionState
from balancecloud.storage import standing, upkeep
from tests.storage import mending
from tests.storage.world import CHUNK, Person, make_tools, stop_at

pytestmark = pytest.mark.real

ERRORS = [Unreachable(), Throttled(retry_after=5), ObjectDiffers(), DamagedInTransit()]
number = st.integers(0, 3)
size = st.sampled_from([0, 1, CHUNK, 2 * CHUNK + 9])


@dataclass(frozen=True)
class Send:
    name: int
    size: int
    conflict: str

    def take(self, person: Person) -> None:
        content = bytes([self.name]) * self.size
        try:
            person.upload(content, name=f"file {self.name}", conflict=self.conflict)
        except NameTaken:
            assert self.conflict == "fail"


@dataclass(frozen=True)
class GiveUp:
    name: int
    is_swept: bool

    def take(self, person: Person) -> None:
        intake = person.intake()
        intake.start_file(["folder", f"file {self.name}"], None)
        intake.write(b"x" * 1000)
        if not self.is_swept:
            intake.abort("broken_upload")
            return
        with person.tools.sessions.begin() as session:
            session.execute(update(Upload).values(lease_until=func.to_timestamp(0)))
        abandoned.sweep(person.tools)


@dataclass(frozen=True)
class Work:
    steps: int

    def take(self, person: Person) -> None:
        claim = person.try_claim()
        if claim is not None:
            person.carry_out(claim, stop_at(self.steps, BalanceCloudError()))


@dataclass(frozen=True)
class Trouble:
    account: int
    method: str
    error: BalanceCloudError | None

    def take(self, person: Person) -> None:
        account = person.memory[self.account % len(person.memory)]
        if self.error is None:
            account.lose_next_answer(self.method)
        else:
            account.fail_next(self.method, self.error)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Remove:
    which: int

    def take(self, person: Person) -> None:
        with person.tools.sessions() as session:
            found = session.scalars(
                select(Node.id).where(Node.user_id == person.user_id).order_by(Node.name)
            ).all()
        if found:
            person.delete_node(found[self.which % len(found)])


@dataclass(frozen=True)
class Cancel:
    which: int

    def take(self, person: Person) -> None:
        with person.tools.sessions.begin() as session:
            found = session.scalars(
                select(Job.id).where(Job.user_id == person.user_id).order_by(Job.created_at)
            ).all()
            if not found:
                return
            try:
                jobs.cancel(session, person.user_id, found[self.which % len(found)])
            except StateConflict:
                return
        claim = person.try_claim()
        if claim is not None:
            person.carry_out(claim, person.obey)


@dataclass(frozen=True)
class Link:
    def take(self, person: Person) -> None:
        if len(person.memory) < 5:
            person.link()


@dataclass(frozen=True)
class Ask:
    losses: int

    def take(self, person: Person) -> None:
        with person.tools.sessions.begin() as session:
            protection.set_protection(session, person.user_id, self.losses)


@dataclass(frozen=True)
class Harm:
    which: int
    is_gone: bool

    def take(self, person: Person) -> None:
        """Harm a shard of a pack that can bear it, and look for what is to be mended."""
        for pack in mending.packs_of(person):
            rows = mending.rows_of(person, pack.id)
            if pack.m and all(row.state in standing.HELD for row in rows):
                harm = mending.lose if self.is_gone else mending.damage
                harm(person, rows[self.which % len(rows)])
                break
        upkeep.sweep_marked(person.tools)


@dataclass(frozen=True)
class LetTimePass:
    def take(self, person: Person) -> None:
        person.make_due()


Step = Send | GiveUp | Work | Trouble | Remove | Cancel | Link | Ask | Harm | LetTimePass

steps = st.lists(
    st.one_of(
        st.builds(Send, number, size, st.sampled_from(["version", "keep_both", "fail"])),
        st.builds(GiveUp, number, st.booleans()),
        st.builds(Work, st.integers(0, 6)),
        st.builds(
            Trouble,
            number,
            st.sampled_from(["put", "reserve", "delete"]),
            st.one_of(st.none(), st.sampled_from(ERRORS)),
        ),
        st.builds(Remove, number),
        st.builds(Cancel, number),
        st.just(Link()),
        st.builds(Ask, st.integers(0, 2)),
        st.builds(Harm, number, st.booleans()),
        st.just(LetTimePass()),
    ),
    min_size=4,
    max_size=14,
)


@pytest.mark.timeout(300)  # 12 s where nobody else is at work
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(walk=steps)
def test_the_books_balance_after_every_step(
    config: Config, database: sessionmaker[Session], walk: list[Step]
) -> None:
    person = Person.new(*make_tools(config, database, shared=CHUNK // 2), accounts=2)
    for step in walk:
        step.take(person)
        person.check_books()

    settle(person)

    person.check_settled()
    with person.tools.sessions() as session:
        versions = session.scalars(select(Version).where(Version.user_id == person.user_id)).all()
    assert mending.gather(person) == []
    for version in versions:
        if version.state is VersionState.STORED:
            assert len(person.read(version.id)) == version.size
        else:
            assert version.state is VersionState.CANCELLED


def settle(person: Person) -> None:
    """End all trouble and do what is left."""
    for account in person.memory:
        account._faults.clear()
    with person.tools.sessions.begin() as session:
        session.execute(
            update(CloudAccount)
            .where(CloudAccount.user_id == person.user_id)
            .values(state=AccountState.HEALTHY, paused_until=None)
        )
    for _ in range(3):
        person.make_due()
        person.work()
        with person.tools.sessions.begin() as session:
            protection.look_over(session, person.user_id)
    person.work()
    abandoned.sweep(person.tools)
