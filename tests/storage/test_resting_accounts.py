"""Accounts that fail in the middle, rest, or come and go: others are used, nothing is lost."""

import secrets
import uuid

import pytest
from sqlalchemy import func, select

from balancecloud.clouds.provider import Provider
from balancecloud.errors import (
    AccountFull,
    ProviderError,
    SignInAgain,
    Throttled,
    Unreachable,
)
from balancecloud.models.clouds import CloudAccount, Pack
from balancecloud.models.jobs import Job
from balancecloud.models.states import AccountState, JobState, VersionState
from balancecloud.storage import cleaner
from balancecloud.storage.tools import Tools
from tests.storage.resting import due_in, rest
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]


# --- in the middle of a pack ------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [Unreachable(), Throttled(retry_after=60), AccountFull(), SignInAgain()]
)
def test_f20_an_account_that_fails_in_mid_pack_is_left_out_where_others_are_free(
    hands: Hands, error: ProviderError
) -> None:
    person = Person.new(*hands, accounts=4)
    person.memory[2].fail_next("put", error, times=100)
    content = secrets.token_bytes(3 * CHUNK)
    arrived = person.upload(content)

    assert person.work() == []
    assert person.read(person.version(arrived).id) == content
    assert person.memory[2].objects == {}
    person.check_settled()


def test_f20_a_pack_that_waited_goes_on_with_what_is_missing(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    person.memory[0].fail_next("put", Throttled(retry_after=60))
    person.upload(secrets.token_bytes(CHUNK))
    person.work()
    person.make_due()
    assert person.work() == []

    assert [account.calls.count("put") for account in person.memory] == [2, 1]
    with person.tools.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Pack)) == 1


def test_what_our_own_gate_holds_back_says_nothing_of_the_account(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    person.memory[0].fail_next("put", Throttled(retry_after=20, is_own=True))
    arrived = person.upload(b"x")
    (problem,) = person.work()

    assert isinstance(problem, Throttled)
    assert person.job(arrived.job_id).state is JobState.RETRYING
    with person.tools.sessions() as session:
        states = session.scalars(select(CloudAccount.state)).all()
    assert set(states) == {AccountState.HEALTHY}


# --- an account that comes and goes -----------------------------------------------------------


def test_an_account_that_flaps_loses_nothing_and_is_not_hammered(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    contents = [secrets.token_bytes(CHUNK) for _ in range(4)]
    arrived = person.upload(*contents)
    for _ in range(6):
        person.memory[0].is_down = True
        person.work()
        person.memory[0].is_down = False
        claim = person.try_claim()
        if claim is not None:
            person.carry_out(claim)
        person.make_due()
    person.make_due()
    assert person.work() == []
    for number, content in enumerate(contents):
        assert person.read(person.version(arrived, number).id) == content
    person.check_settled()


# --- cleaning and reading ---------------------------------------------------------------------


def test_a_clean_up_leaves_an_account_alone_that_refuses_and_goes_on_with_the_others(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaner, "BATCH", 4)
    person = Person.new(*hands, accounts=2)
    arrived = person.upload(secrets.token_bytes(8 * CHUNK))
    assert person.work() == []
    person.delete(arrived)
    for account in person.memory:
        account.calls.clear()
    person.memory[0].fail_next("delete", Throttled(retry_after=77), times=1000)

    (problem,) = person.work()

    assert isinstance(problem, Throttled)
    assert person.memory[1].objects == {}
    assert person.memory[0].calls.count("delete") <= 4
    assert 70 < due_in(person)[0] <= 77
    person.memory[0]._faults.clear()
    person.make_due()
    assert person.work() == []
    person.check_settled()


def test_a_clean_up_waits_for_what_passes_before_it_asks_a_person(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    arrived = person.upload(secrets.token_bytes(CHUNK))
    assert person.work() == []
    person.delete(arrived)
    person.memory[0].fail_next("delete", SignInAgain())
    person.memory[1].fail_next("delete", Throttled(retry_after=50))
    person.work()
    with person.tools.sessions() as session:
        job = session.scalars(select(Job).where(Job.kind == "delete")).one()
    assert (job.state, job.error_code) == (JobState.RETRYING, "throttled")


def test_readers_turn_to_an_account_that_does_not_rest(person: Person) -> None:
    content = secrets.token_bytes(CHUNK)
    arrived = person.upload(content)
    assert person.work() == []
    version = person.version(arrived)
    resting = person.shards(version.id)[0].account_id
    rest(person, person.account_ids.index(resting), 100)
    for account in person.memory:
        account.calls.clear()

    assert person.read(version.id) == content
    assert person.memory[person.account_ids.index(resting)].calls == []


def test_a_read_that_a_silent_account_answers_wakes_what_waits_for_it(hands: Hands) -> None:
    person = Person.new(*hands, accounts=1)
    content = secrets.token_bytes(CHUNK)
    version = person.version(person.upload(content))
    assert person.work() == []
    rest(person, 0, 600, "silent")
    waiting = person.upload(b"x", name="waiting")
    person.work()

    assert person.read(version.id) == content

    assert person.work() == []
    assert person.version(waiting).state is VersionState.STORED
