"""States, sentences and warnings of accounts, as a program reads them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, update

from balancecloud.library.gateway import Gateway
from balancecloud.models.clouds import CloudAccount
from tests.web.clouds.test_clouds_api import HOME, accounts, link
from tests.web.program import Program

pytestmark = [pytest.mark.real, pytest.mark.sim]


def change(gateway: Gateway, **values: Any) -> None:
    with gateway.sessions.begin() as session:
        session.execute(update(CloudAccount).values(**values))


def test_a_well_account_says_so_and_needs_nobody(program: Program) -> None:
    program.register()
    link(program, "onedrive")
    account = accounts(program)[0]
    assert (account["health"], account["needs_you"]) == ("Healthy", False)
    assert account["sentence"] == "It answers, and takes new chunks."
    assert (account["warning"], account["paused_until"]) == (None, None)
    assert account["room_read_at"].endswith("Z")


def test_a_slowed_account_says_until_when(program: Program, gateway: Gateway) -> None:
    program.register()
    link(program, "onedrive")
    until = func.now() + timedelta(minutes=10)
    change(gateway, state="slowed", state_reason="throttled", paused_until=until)
    account = accounts(program)[0]
    assert account["state"] == "slowed"
    assert account["health"].startswith("Slowed down until ")
    assert account["health"].endswith(" UTC")
    assert account["sentence"].startswith("OneDrive asked us to slow down. We go on by ourselves")
    assert account["paused_until"].endswith("Z")


WHY = {
    "sign_in_again": "it was revoked, or it expired",
    "access_refused": "a permission is missing",
    "client_refused": "refuses this server's own client",
}


def test_who_must_sign_in_again_is_told_why(program: Program, gateway: Gateway) -> None:
    program.register()
    account_id = link(program, "google_drive")
    for reason, told in WHY.items():
        change(gateway, state="sign_in_again", state_reason=reason)
        account = program.call("GET", f"{HOME}/{account_id}/status").get_json()
        assert (account["needs_you"], account["is_connected"]) == (True, False)
        assert told in account["sentence"]
        assert account["last_error"].endswith(".")


def test_a_grant_that_ends_is_warned_of_with_its_time(program: Program, gateway: Gateway) -> None:
    program.register()
    account_id = link(program, "google_drive")
    given = func.now() - timedelta(days=4)
    change(gateway, grant_given_at=given, grant_expires_at=func.now() + timedelta(days=3))
    warning = program.call("GET", f"{HOME}/{account_id}/status").get_json()["warning"]
    assert warning["code"] == "time_limit"
    assert "Sign in again before" in warning["sentence"]
    assert warning["at"].endswith("Z")
