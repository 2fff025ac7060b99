"""Access tokens of an account: shared by processes, renewed by one of them."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.oauth import Grants, TokenSet
from balancecloud.clouds.registry import grants_of
from balancecloud.errors import IntegrityError, SignInAgain, Unreachable
from balancecloud.library.account_tokens import AccountTokens, TokenVault
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.sealed_tokens import TokenPlace, unseal_tokens
from balancecloud.library.unlinking import unlink
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.people import AuditEvent
from balancecloud.models.states import AccountState
from tests.fakes.manual_clock import ManualClock
from tests.library.accounts.world import (
    Sim,
    gateway_of,
    link,
    new_address,
    new_person,
    row_of,
)

pytestmark = [pytest.mark.real, pytest.mark.sim]

PROVIDERS = ("google_drive", "onedrive")


class CountedGrants:
    """The real grants; counts renewals and lets something happen just before or after one."""

    def __init__(self, gateway: Gateway, provider: str) -> None:
        grants = grants_of(provider, gateway.installation)
        assert grants is not None
        self._grants: Grants = grants
        self._lock = threading.Lock()
        self.renewals = 0
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None  # also when the provider refused

    def refresh(self, tokens: TokenSet) -> TokenSet:
        with self._lock:
            self.renewals += 1
        self.before()
        try:
            return self._grants.refresh(tokens)
        finally:
            self.after()


def tokens_of(
    gateway: Gateway, account_id: uuid.UUID, grants: object, clock: object = SYSTEM_CLOCK
) -> AccountTokens:
    """Return the tokens as one process holds them."""
    vault = TokenVault(gateway.sessions, gateway.keys, clock)  # type: ignore[arg-type]
    return AccountTokens(vault, grants, account_id)  # type: ignore[arg-type]


def let_expire(gateway: Gateway) -> None:
    with gateway.sessions.begin() as session:
        session.execute(
            update(CloudAccount).values(token_expires_at=func.now() - timedelta(seconds=1))
        )


def at_once(calls: list[Callable[[], str]]) -> list[str]:
    """Run each in a thread of its own, all of them started together."""
    gate, results = threading.Barrier(len(calls)), [""] * len(calls)

    def run(index: int) -> None:
        gate.wait()
        results[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_fresh_token_is_used_without_asking_anybody(
    gateway: Gateway, person: Linker, provider: str
) -> None:
    account_id = link(gateway, person, provider)
    grants = CountedGrants(gateway, provider)
    tokens = tokens_of(gateway, account_id, grants)
    assert tokens.current() == tokens.current()
    assert grants.renewals == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_expired_token_is_renewed_and_kept_for_the_next_process(
    gateway: Gateway, person: Linker, provider: str
) -> None:
    account_id = link(gateway, person, provider)
    before = row_of(gateway, account_id)
    let_expire(gateway)
    grants = CountedGrants(gateway, provider)
    renewed = tokens_of(gateway, account_id, grants).current()
    assert tokens_of(gateway, account_id, grants).current() == renewed
    after = row_of(gateway, account_id)
    assert grants.renewals == 1
    assert after.token_version == before.token_version + 1
    assert (after.refresh_owner, after.refresh_until) == (None, None)


def test_a_token_counts_as_expired_a_minute_early(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    with gateway.sessions() as session:
        left = session.scalar(select(CloudAccount.token_expires_at - func.now()))
    assert left is not None
    assert timedelta(minutes=58) < left <= timedelta(minutes=59)
    assert row_of(gateway, account_id).state is AccountState.HEALTHY


def test_a_held_token_is_renewed_when_its_time_is_over(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    grants, clock = CountedGrants(gateway, "google_drive"), ManualClock()
    tokens = tokens_of(gateway, account_id, grants, clock)
    tokens.current()
    let_expire(gateway)
    tokens.current()
    assert grants.renewals == 0
    clock.advance(3600)
    tokens.current()
    assert grants.renewals == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_two_processes_that_need_a_token_at_once_renew_it_once(
    gateway: Gateway, person: Linker, provider: str
) -> None:
    account_id = link(gateway, person, provider)
    let_expire(gateway)
    grants = CountedGrants(gateway, provider)
    processes = [tokens_of(gateway, account_id, grants) for _ in range(4)]
    results = at_once([each.current for each in processes] * 2)
    assert len(set(results)) == 1
    assert grants.renewals == 1


def test_two_processes_whose_token_was_refused_at_once_renew_it_once(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "onedrive")
    grants = CountedGrants(gateway, "onedrive")
    processes = [tokens_of(gateway, account_id, grants) for _ in range(3)]
    old = processes[0].current()
    results = at_once([lambda each=each: each.refused(old) for each in processes])  # type: ignore[misc]
    assert len(set(results)) == 1
    assert results[0] != old
    assert grants.renewals == 1


def test_a_refused_token_that_another_process_has_replaced_is_not_renewed_again(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    grants = CountedGrants(gateway, "google_drive")
    one, other = (tokens_of(gateway, account_id, grants) for _ in range(2))
    old = one.current()
    renewed = one.refused(old)
    assert other.refused(old) == renewed
    assert grants.renewals == 1


def test_the_new_token_is_committed_before_it_is_used(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "onedrive")
    let_expire(gateway)
    token = tokens_of(gateway, account_id, CountedGrants(gateway, "onedrive")).current()
    row = row_of(gateway, account_id)
    place = TokenPlace(row.user_id, row.id, row.provider, row.token_version)
    assert unseal_tokens(gateway.keys, place, row.wrapped_token or b"").access_token == token


def test_what_a_late_refresher_brings_is_dropped(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    let_expire(gateway)
    slow, quick = CountedGrants(gateway, "google_drive"), CountedGrants(gateway, "google_drive")
    won: list[str] = []

    def lease_runs_out() -> None:
        with gateway.sessions.begin() as session:
            session.execute(update(CloudAccount).values(refresh_until=None))
        won.append(tokens_of(gateway, account_id, quick).current())

    slow.after = lease_runs_out
    assert tokens_of(gateway, account_id, slow).current() == won[0]
    assert (slow.renewals, quick.renewals) == (1, 1)


def test_a_loser_gives_up_for_now_when_the_winner_does_not_end(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    let_expire(gateway)
    with gateway.sessions.begin() as session:
        held = {"refresh_owner": uuid.uuid4(), "refresh_until": func.now() + timedelta(hours=1)}
        session.execute(update(CloudAccount).values(held))
    grants, clock = CountedGrants(gateway, "google_drive"), ManualClock()
    with pytest.raises(Unreachable):
        tokens_of(gateway, account_id, grants, clock).current()
    assert grants.renewals == 0


def test_a_lease_whose_owner_died_is_taken_over(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    let_expire(gateway)
    with gateway.sessions.begin() as session:
        held = {"refresh_owner": uuid.uuid4(), "refresh_until": func.now() - timedelta(seconds=1)}
        session.execute(update(CloudAccount).values(held))
    grants = CountedGrants(gateway, "google_drive")
    tokens_of(gateway, account_id, grants).current()
    assert grants.renewals == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_revoked_grant_asks_for_the_person_and_is_noted_once(
    gateway: Gateway, person: Linker, sim: Sim, provider: str
) -> None:
    address = new_address()
    account_id = link(gateway, person, provider, address)
    sim.revoke(provider, address)
    account = gateway.open_provider(account_id)
    for _ in range(2):
        with pytest.raises(SignInAgain):
            account.room()
    row = row_of(gateway, account_id)
    assert (row.state, row.state_reason) == (AccountState.SIGN_IN_AGAIN, "sign_in_again")
    with gateway.sessions() as session:
        noted = session.scalars(
            select(AuditEvent.target).where(AuditEvent.action == "account.sign_in_again")
        ).all()
    assert noted == [str(account_id)]


def test_a_dead_grant_is_not_believed_when_the_person_has_linked_anew_meanwhile(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    let_expire(gateway)
    sim.revoke("google_drive", address)
    grants = CountedGrants(gateway, "google_drive")

    def person_links_again() -> None:
        link(gateway, person, "google_drive", address)

    grants.after = person_links_again
    assert tokens_of(gateway, account_id, grants).current()
    assert row_of(gateway, account_id).state is AccountState.HEALTHY


def test_a_token_endpoint_that_is_down_condemns_nobody(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    let_expire(gateway)
    grants = CountedGrants(gateway, "google_drive")

    def is_down() -> None:
        raise Unreachable

    grants.before = is_down
    tokens = tokens_of(gateway, account_id, grants)
    with pytest.raises(Unreachable):
        tokens.current()
    assert row_of(gateway, account_id).state is AccountState.HEALTHY
    grants.before = lambda: None
    tokens.current()
    assert grants.renewals == 2


def test_an_access_token_refused_by_the_service_is_renewed_on_the_way(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    for provider in PROVIDERS:
        address = new_address()
        account_id = link(gateway, person, provider, address)
        account = gateway.open_provider(account_id)
        sim.expire(provider, address)
        account.room()
        assert row_of(gateway, account_id).token_version == 2


def test_wrapped_tokens_of_one_row_do_not_open_in_another(gateway: Gateway, person: Linker) -> None:
    mine = link(gateway, person, "google_drive")
    theirs = link(gateway, new_person(gateway.sessions), "google_drive")
    stolen = row_of(gateway, theirs).wrapped_token
    with gateway.sessions.begin() as session:
        session.execute(
            update(CloudAccount).where(CloudAccount.id == mine).values(wrapped_token=stolen)
        )
    with pytest.raises(IntegrityError):
        gateway.open_provider(mine).room()


def test_an_older_token_set_put_back_into_its_row_does_not_open(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "onedrive")
    old = row_of(gateway, account_id).wrapped_token
    let_expire(gateway)
    gateway.open_provider(account_id).room()
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(wrapped_token=old))
    with pytest.raises(IntegrityError):
        tokens_of(gateway, account_id, CountedGrants(gateway, "onedrive")).current()


def test_one_process_opens_an_account_once(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    assert gateway.open_provider(account_id) is gateway.open_provider(account_id)


def test_an_unlinked_account_does_not_open(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    unlink(gateway, person.user_id, account_id)
    with pytest.raises(SignInAgain):
        gateway_of(gateway.config, gateway.sessions).open_provider(account_id)


def test_a_process_that_holds_an_account_open_learns_that_it_was_unlinked(
    gateway: Gateway, person: Linker
) -> None:
    clock = ManualClock()
    other = gateway_of(gateway.config, gateway.sessions, clock)
    account_id = link(gateway, person, "google_drive")
    other.open_provider(account_id)
    unlink(gateway, person.user_id, account_id)
    clock.advance(10)
    with pytest.raises(SignInAgain):
        other.open_provider(account_id)


def test_tokens_do_not_show_in_a_repr(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    tokens = tokens_of(gateway, account_id, CountedGrants(gateway, "google_drive"))
    token = tokens.current()
    assert token not in repr(tokens)
    assert token not in repr(tokens._read())
    assert "refresh" not in repr(replace(tokens._read(), seconds_left=0.0).tokens)
