"""Looking after accounts: a person's "refresh", and the schedule's reading of rooms."""

from datetime import timedelta

import pytest
from sqlalchemy import func, update

from balancecloud.errors import GrantEnded, NotFound, Unreachable
from balancecloud.library.account_care import (
    RoomReading,
    read_room,
    refresh_account,
    refresh_rooms,
)
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from balancecloud.storage import health
from tests.library.accounts.world import Sim, link, new_address, new_person, row_of

pytestmark = [pytest.mark.real, pytest.mark.sim]


def age_rooms(gateway: Gateway) -> None:
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(room_read_at=func.now() - timedelta(hours=1)))


def test_refresh_gets_a_new_token_and_reads_the_room(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    sim.set_quota("google_drive", address, 5 * 1024**3)
    before = row_of(gateway, account_id)
    refresh_account(gateway, person.user_id, account_id)
    after = row_of(gateway, account_id)
    assert after.token_version == before.token_version + 1
    assert after.total_bytes == 5 * 1024**3


def test_refresh_heals_what_has_come_back(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "onedrive")
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(state="silent"))
    refresh_account(gateway, person.user_id, account_id)
    assert row_of(gateway, account_id).state is AccountState.HEALTHY


def test_refresh_says_that_the_grant_has_ended(gateway: Gateway, person: Linker, sim: Sim) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    sim.revoke("google_drive", address)
    with pytest.raises(GrantEnded):
        refresh_account(gateway, person.user_id, account_id)
    assert row_of(gateway, account_id).state is AccountState.SIGN_IN_AGAIN


def test_refresh_of_an_account_that_is_away_is_noted(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    sim.set_state("google_drive", address, "gone")
    with pytest.raises(Unreachable):
        refresh_account(gateway, person.user_id, account_id)
    assert row_of(gateway, account_id).state_reason == "unreachable"


def test_nobody_refreshes_another_persons_account(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "google_drive")
    with pytest.raises(NotFound):
        refresh_account(gateway, new_person(gateway.sessions).user_id, account_id)


def test_the_schedule_reads_rooms_that_are_old(gateway: Gateway, person: Linker, sim: Sim) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    assert refresh_rooms(gateway) == 0
    age_rooms(gateway)
    sim.set_quota("google_drive", address, 7 * 1024**3)
    assert refresh_rooms(gateway) == 1
    assert row_of(gateway, account_id).total_bytes == 7 * 1024**3
    assert refresh_rooms(gateway) == 0


def test_the_schedule_asks_silent_accounts_after_their_pause(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    with gateway.sessions.begin() as session:
        pause = func.now() + timedelta(seconds=60)
        session.execute(update(CloudAccount).values(state="silent", paused_until=pause))
    assert refresh_rooms(gateway) == 0
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(paused_until=func.now()))
    assert refresh_rooms(gateway) == 1
    assert row_of(gateway, account_id).state is AccountState.HEALTHY


def test_the_schedule_leaves_accounts_alone_that_wait_for_their_person(
    gateway: Gateway, person: Linker
) -> None:
    link(gateway, person, "google_drive")
    age_rooms(gateway)
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(state="sign_in_again"))
    assert refresh_rooms(gateway) == 0


def test_one_account_in_trouble_does_not_stop_the_others(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    sick, well = (link(gateway, person, "google_drive", one) for one in (address, new_address()))
    sim.revoke("google_drive", address)
    age_rooms(gateway)
    assert refresh_rooms(gateway) == 2
    assert row_of(gateway, sick).state is AccountState.SIGN_IN_AGAIN
    assert row_of(gateway, well).state is AccountState.HEALTHY


def test_a_room_that_cannot_be_read_keeps_the_old_figures(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    before = row_of(gateway, account_id)
    sim.set_state("google_drive", address, "gone")
    read_room(gateway, account_id)
    after = row_of(gateway, account_id)
    assert (after.total_bytes, after.room_read_at) == (before.total_bytes, before.room_read_at)
    with gateway.sessions() as session:
        assert [row.id for row in health.usable(session, person.user_id)] == [account_id]


def test_a_round_of_readings_runs_beside_what_started_it(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    age_rooms(gateway)
    sim.set_quota("google_drive", address, 3 * 1024**3)
    reading = RoomReading()
    reading.start(gateway)
    reading.start(gateway)
    reading.wait()
    assert row_of(gateway, account_id).total_bytes == 3 * 1024**3
