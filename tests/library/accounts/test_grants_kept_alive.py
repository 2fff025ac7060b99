"""Grants are used by the schedule, in every state that lets them be."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, update

from balancecloud.library import account_care
from balancecloud.library.account_care import refresh_account, refresh_rooms
from balancecloud.library.account_views import get_account
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.views import AccountView
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState
from tests.library.accounts.world import Sim, link, new_address, row_of

pytestmark = [pytest.mark.real, pytest.mark.sim]

WEEK = timedelta(days=7)


def change(gateway: Gateway, account_id: uuid.UUID, **values: object) -> None:
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).where(CloudAccount.id == account_id).values(**values))


def leave_alone(gateway: Gateway, account_id: uuid.UUID, **values: object) -> None:
    """Let an account lie for a week and a minute: its access token has run out long ago."""
    past = func.now() - WEEK - timedelta(minutes=1)
    aged = {"grant_used_at": past, "token_expires_at": past, "room_read_at": past}
    change(gateway, account_id, **aged, **values)


def used_lately(gateway: Gateway, account_id: uuid.UUID) -> bool:
    row = row_of(gateway, account_id)
    assert row.grant_used_at is not None
    return row.grant_used_at > row.created_at


def shown(gateway: Gateway, who: Linker, account_id: uuid.UUID) -> AccountView:
    with gateway.sessions() as session:
        return get_account(session, gateway.config, who.user_id, account_id)


ASKED = ("healthy", "slowed", "full", "silent", "draining")


def test_an_account_not_used_for_a_week_has_its_grant_used_in_every_state_that_can(
    gateway: Gateway, person: Linker
) -> None:
    accounts = {state: link(gateway, person, "onedrive") for state in ASKED}
    for state, account_id in accounts.items():
        over = func.now() - timedelta(seconds=1)
        leave_alone(gateway, account_id, state=state, paused_until=over)
    assert refresh_rooms(gateway) == len(ASKED)
    assert [state for state, one in accounts.items() if not used_lately(gateway, one)] == []


def test_a_provider_that_only_renews_tokens_keeps_the_grant_alive(
    gateway: Gateway, person: Linker, sim: Sim
) -> None:
    address = new_address()
    account_id = link(gateway, person, "google_drive", address)
    sim.set_state("google_drive", address, "gone")  # its files do not answer, its tokens do
    leave_alone(gateway, account_id)
    refresh_rooms(gateway)
    assert used_lately(gateway, account_id)
    assert row_of(gateway, account_id).state_reason == "unreachable"


def test_many_silent_accounts_do_not_crowd_out_the_others(
    gateway: Gateway, person: Linker, sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_care, "AT_ONCE", 1)
    address = new_address()
    silent = link(gateway, person, "google_drive", address)
    well = link(gateway, person, "google_drive")
    sim.set_state("google_drive", address, "gone")
    just_now = func.now() - timedelta(seconds=1)
    leave_alone(gateway, silent, state="silent", state_reason="unreachable", paused_until=just_now)
    leave_alone(gateway, well)
    refresh_rooms(gateway)
    assert used_lately(gateway, well)
    assert row_of(gateway, silent).state is AccountState.SILENT


def test_linking_and_each_renewal_note_that_the_grant_was_used(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "google_drive")
    given = row_of(gateway, account_id)
    assert given.grant_given_at == given.grant_used_at
    assert given.grant_given_at is not None
    assert given.grant_expires_at is None
    leave_alone(gateway, account_id)
    refresh_account(gateway, person.user_id, account_id)
    assert used_lately(gateway, account_id)
    assert row_of(gateway, account_id).grant_given_at == given.grant_given_at


def test_a_grant_about_to_die_of_disuse_is_warned_of_until_it_is_used(
    gateway: Gateway, person: Linker
) -> None:
    account_id = link(gateway, person, "onedrive")
    assert shown(gateway, person, account_id).warning is None
    change(gateway, account_id, grant_used_at=func.now() - timedelta(days=80))
    warning = shown(gateway, person, account_id).warning
    assert warning is not None
    assert warning.code == "disuse"
    refresh_account(gateway, person.user_id, account_id)
    assert shown(gateway, person, account_id).warning is None


def test_who_must_sign_in_again_is_not_warned_besides(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "onedrive")
    past = func.now() - timedelta(days=89)
    change(gateway, account_id, grant_used_at=past, state="sign_in_again")
    assert shown(gateway, person, account_id).warning is None


def test_a_room_read_more_than_an_hour_ago_is_old(gateway: Gateway, person: Linker) -> None:
    account_id = link(gateway, person, "onedrive")
    for minutes, is_old in ((50, False), (61, True)):
        change(gateway, account_id, room_read_at=func.now() - timedelta(minutes=minutes))
        assert shown(gateway, person, account_id).room_is_old is is_old
