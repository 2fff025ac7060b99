"""How an account's state moves, and who may take new shards."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from balancecloud.clouds.provider import Room
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    BadReply,
    DamagedInTransit,
    ObjectMissing,
    ProviderError,
    SignInAgain,
    Throttled,
    Unreachable,
)
from balancecloud.library.account_views import get_account
from balancecloud.library.folder_linking import link_folder
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.views import AccountView
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.library import Version
from balancecloud.models.states import AccountState, VersionState
from balancecloud.storage import health
from tests.library.accounts.world import row_of, store_file, version_state

pytestmark = [pytest.mark.real, pytest.mark.sim]


@pytest.fixture
def account(gateway: Gateway, person: Linker) -> uuid.UUID:
    return link_folder(gateway, person.user_id, str(gateway.config.folder_roots[0])).account_id


def fail(gateway: Gateway, account_id: uuid.UUID, error: ProviderError) -> None:
    with gateway.sessions.begin() as session:
        health.note_failure(session, account_id, error)


def succeed(gateway: Gateway, account_id: uuid.UUID) -> None:
    with gateway.sessions.begin() as session:
        health.note_success(session, account_id)


def change(gateway: Gateway, account_id: uuid.UUID, **values: object) -> None:
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).where(CloudAccount.id == account_id).values(**values))


def usable_ids(gateway: Gateway, who: Linker) -> list[uuid.UUID]:
    with gateway.sessions() as session:
        return [row.id for row in health.usable(session, who.user_id)]


def shown(gateway: Gateway, who: Linker, account_id: uuid.UUID) -> AccountView:
    with gateway.sessions() as session:
        return get_account(session, gateway.config, who.user_id, account_id)


def be_silent(gateway: Gateway, account_id: uuid.UUID) -> None:
    fail(gateway, account_id, Unreachable())
    change(gateway, account_id, state_since=func.now() - timedelta(minutes=5))
    fail(gateway, account_id, Unreachable())


def test_an_account_asked_for_patience_is_slowed_until_then(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    fail(gateway, account, Throttled(retry_after=120))
    view = shown(gateway, person, account)
    assert view.state == "slowed"
    assert view.paused_until is not None
    assert view.health.chip == ("Slowed down until ", view.paused_until)
    assert usable_ids(gateway, person) == []


def test_a_shorter_pause_does_not_shorten_a_longer_one(
    gateway: Gateway, account: uuid.UUID
) -> None:
    fail(gateway, account, Throttled(retry_after=600))
    long = row_of(gateway, account).paused_until
    fail(gateway, account, Throttled(retry_after=5))
    assert row_of(gateway, account).paused_until == long


@pytest.mark.parametrize("asked", [1e9, float("inf")])
def test_no_provider_pauses_an_account_for_more_than_an_hour(
    gateway: Gateway, account: uuid.UUID, asked: float
) -> None:
    fail(gateway, account, Throttled(retry_after=asked))
    with gateway.sessions() as session:
        left = session.scalar(select(CloudAccount.paused_until - func.now()))
    assert left is not None
    assert left <= timedelta(hours=1)


def test_a_pause_that_is_over_needs_nobody(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    fail(gateway, account, Throttled(retry_after=60))
    change(gateway, account, paused_until=func.now() - timedelta(seconds=1))
    assert shown(gateway, person, account).state == "healthy"
    assert usable_ids(gateway, person) == [account]


def test_success_of_another_lane_does_not_end_a_pause(gateway: Gateway, account: uuid.UUID) -> None:
    fail(gateway, account, Throttled(retry_after=60))
    succeed(gateway, account)
    assert row_of(gateway, account).state is AccountState.SLOWED


@pytest.mark.parametrize("error", [Unreachable(), BadReply()])
def test_one_lost_connection_is_no_outage(
    gateway: Gateway, person: Linker, account: uuid.UUID, error: ProviderError
) -> None:
    for _ in range(5):
        fail(gateway, account, error)
    assert row_of(gateway, account).state is AccountState.HEALTHY
    assert usable_ids(gateway, person) == [account]


def test_an_account_that_does_not_answer_for_long_is_silent_since_the_first_time(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    be_silent(gateway, account)
    view = shown(gateway, person, account)
    assert view.state == "silent"
    assert view.health.chip == ("Not answering since ", view.state_since)
    since = view.state_since
    fail(gateway, account, Unreachable())
    assert shown(gateway, person, account).state_since == since


def test_failures_with_a_success_between_are_no_outage(
    gateway: Gateway, account: uuid.UUID
) -> None:
    fail(gateway, account, Unreachable())
    change(gateway, account, state_since=func.now() - timedelta(minutes=5))
    succeed(gateway, account)
    fail(gateway, account, Unreachable())
    assert row_of(gateway, account).state is AccountState.HEALTHY


def test_a_silent_account_that_answers_is_healthy_and_wakes_what_waits(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    waiting = store_file(gateway, person, "a", [account], 1)
    be_silent(gateway, account)
    with gateway.sessions.begin() as session:
        session.execute(update(Version).values(state="waiting"))
    succeed(gateway, account)
    assert row_of(gateway, account).state is AccountState.HEALTHY
    assert version_state(gateway, waiting) is VersionState.QUEUED


def test_a_silent_account_is_offered_last_and_only_once_its_pause_is_over(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    root = gateway.config.folder_roots[0]
    other = link_folder(gateway, person.user_id, str(root / "other")).account_id
    be_silent(gateway, account)
    assert usable_ids(gateway, person) == [other]
    change(gateway, account, paused_until=func.now())
    assert usable_ids(gateway, person) == [other, account]


def test_a_full_account_takes_part_again_once_there_is_room(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    fail(gateway, account, AccountFull())
    succeed(gateway, account)  # reading still works, and says nothing of room
    assert shown(gateway, person, account).health.chip == ("Full",)
    for free, state in ((1 << 20, "full"), (1 << 30, "healthy")):
        with gateway.sessions.begin() as session:
            health.note_room(session, account, Room(used=5, total=5 + free))
        assert shown(gateway, person, account).state == state


@pytest.mark.parametrize("error", [SignInAgain(), AccessRefused()])
def test_a_dead_grant_waits_for_the_person(
    gateway: Gateway, person: Linker, account: uuid.UUID, error: ProviderError
) -> None:
    fail(gateway, account, error)
    succeed(gateway, account)
    fail(gateway, account, Throttled())
    view = shown(gateway, person, account)
    assert (view.state, view.is_connected) == ("sign_in_again", False)
    assert view.health.needs_you
    assert usable_ids(gateway, person) == []


@pytest.mark.parametrize("error", [ObjectMissing(), DamagedInTransit()])
def test_what_concerns_one_object_says_nothing_of_the_account(
    gateway: Gateway, account: uuid.UUID, error: ProviderError
) -> None:
    before = row_of(gateway, account).updated_at
    fail(gateway, account, error)
    assert row_of(gateway, account).updated_at == before


@pytest.mark.parametrize("error", [Throttled(), Unreachable(), AccountFull(), SignInAgain()])
def test_an_unlinked_account_stays_unlinked(
    gateway: Gateway, account: uuid.UUID, error: ProviderError
) -> None:
    change(gateway, account, state="unlinked")
    fail(gateway, account, error)
    succeed(gateway, account)
    with gateway.sessions.begin() as session:
        health.note_room(session, account, Room(0, None))
        assert health.note_restored(session, account) == []
    assert row_of(gateway, account).state is AccountState.UNLINKED


def test_other_peoples_accounts_are_not_offered(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    assert usable_ids(gateway, Linker(uuid.uuid4(), uuid.uuid4())) == []


# --- pauses and what was learned ---------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [Throttled(retry_after=60, is_own=True), Unreachable(is_own=True)]
)
def test_what_our_own_gate_held_back_changes_nothing(
    gateway: Gateway, account: uuid.UUID, error: ProviderError
) -> None:
    before = row_of(gateway, account).updated_at
    fail(gateway, account, error)
    assert row_of(gateway, account).updated_at == before


def test_the_same_pause_told_again_is_written_once(gateway: Gateway, account: uuid.UUID) -> None:
    fail(gateway, account, Throttled(retry_after=60))
    before = row_of(gateway, account).updated_at
    fail(gateway, account, Throttled(retry_after=60))
    assert row_of(gateway, account).updated_at == before


def test_503_with_a_time_lets_the_account_rest_so_long(
    gateway: Gateway, person: Linker, account: uuid.UUID
) -> None:
    fail(gateway, account, Unreachable(retry_after=300))
    assert 290 < rest_of(gateway, account) <= 300
    assert usable_ids(gateway, person) == []
    succeed(gateway, account)  # an answer to what was sent before
    assert row_of(gateway, account).state_reason is None
    assert 290 < rest_of(gateway, account) <= 300


def test_failures_of_a_silent_account_do_not_put_off_when_it_is_asked_again(
    gateway: Gateway, account: uuid.UUID
) -> None:
    be_silent(gateway, account)
    change(gateway, account, paused_until=func.now() + timedelta(seconds=5))
    fail(gateway, account, Unreachable())
    assert rest_of(gateway, account) <= 5
    change(gateway, account, paused_until=func.now())
    fail(gateway, account, Unreachable())
    assert rest_of(gateway, account) > 50


@pytest.mark.parametrize("state", ["full", "draining"])
def test_an_account_that_is_set_apart_stays_so_and_rests_too(
    gateway: Gateway, account: uuid.UUID, state: str
) -> None:
    change(gateway, account, state=state)
    fail(gateway, account, Throttled(retry_after=100))
    assert row_of(gateway, account).state == state
    assert 90 < rest_of(gateway, account) <= 100


def rest_of(gateway: Gateway, account_id: uuid.UUID) -> float:
    with gateway.sessions() as session:
        left = func.extract("epoch", CloudAccount.paused_until - func.now())
        return float(session.scalar(select(left).where(CloudAccount.id == account_id)) or 0)
