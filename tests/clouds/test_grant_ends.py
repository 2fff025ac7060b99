"""What a token endpoint says of the end of a grant, and which account is asked for."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from balancecloud.clouds.oauth import LONGEST_GRANT_SECONDS, TokenSet
from balancecloud.errors import ClientRefused
from tests.clouds.scripted_server import ScriptedServer
from tests.clouds.simulated import REDIRECT_URI
from tests.clouds.test_token_endpoint import GRANTED, grants_of_server, held, refresh_at, told
from tests.fakes.manual_clock import ManualClock

WEEK = 604_799  # what Google says of an app in "Testing"


def test_the_end_of_a_grant_is_taken_from_the_answer() -> None:
    tokens = refresh_at(told("200 OK", {**GRANTED, "refresh_token_expires_in": WEEK}))
    assert tokens.grant_expires_at == ManualClock().now() + timedelta(seconds=WEEK)


@pytest.mark.parametrize("value", [None, 0, -5, "soon", 1.5, [WEEK], {"a": 1}])
def test_what_is_no_number_of_seconds_sets_no_end(value: object) -> None:
    tokens = refresh_at(told("200 OK", {**GRANTED, "refresh_token_expires_in": value}))
    assert tokens.grant_expires_at is None


def test_an_end_beyond_all_measure_is_cut() -> None:
    tokens = refresh_at(told("200 OK", {**GRANTED, "refresh_token_expires_in": 10**30}))
    assert tokens.grant_expires_at == ManualClock().now() + timedelta(seconds=LONGEST_GRANT_SECONDS)


def test_a_refresh_that_names_no_end_keeps_the_one_that_was_told() -> None:
    clock = ManualClock()
    ends = clock.now() + timedelta(days=7)
    before = TokenSet("CANARY-old", "CANARY-refresh", clock.now(), "a scope", ends)
    with ScriptedServer(told("200 OK", GRANTED)) as server:
        assert grants_of_server(server, clock).refresh(before).grant_expires_at == ends


def test_wrapped_tokens_keep_the_end_and_older_ones_open() -> None:
    clock = ManualClock()
    tokens = TokenSet("a", "r", clock.now(), "s", clock.now() + timedelta(days=7))
    assert TokenSet.from_json(tokens.to_json()) == tokens
    older = b'{"access_token":"a","refresh_token":"r","expires_at":1.0,"scope":"s"}'
    assert TokenSet.from_json(older).grant_expires_at is None


def test_the_account_to_be_chosen_is_hinted_at() -> None:
    clock = ManualClock()
    with ScriptedServer() as server:
        grants = grants_of_server(server, clock)
        hinted, _ = grants.begin(REDIRECT_URI, "state", "anna+x@example.com")
        plain, _ = grants.begin(REDIRECT_URI, "state")
    assert parse_qs(urlsplit(hinted).query)["login_hint"] == ["anna+x@example.com"]
    assert "login_hint" not in plain


def test_a_refused_client_is_told_from_a_refused_permission() -> None:
    answer = told("401 Unauthorized", {"error": "invalid_client"})
    clock = ManualClock()
    with ScriptedServer(answer) as server, pytest.raises(ClientRefused):
        grants_of_server(server, clock).refresh(held(clock))
