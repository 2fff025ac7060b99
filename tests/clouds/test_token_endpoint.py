"""Tokens from an endpoint that means no good, and tokens in memory."""

import json
import logging
from dataclasses import replace
from datetime import timedelta
from traceback import format_exception
from urllib.parse import parse_qs

import pytest

from balancecloud.clouds.endpoints import GoogleEndpoints
from balancecloud.clouds.http import HostRules, HttpClient
from balancecloud.clouds.oauth import Grants, HeldTokens, OAuthClient, TokenSet
from balancecloud.errors import (
    AccessRefused,
    BadReply,
    BalanceCloudError,
    ClientRefused,
    LinkRefused,
    ProviderError,
    SignInAgain,
    Temporary,
)
from tests.clouds.provider_suite import at_once
from tests.clouds.scripted_server import Script, ScriptedServer, answer
from tests.clouds.simulated import (
    CLIENT,
    REDIRECT_URI,
)
from tests.fakes.manual_clock import ManualClock

GRANTED = {
    "access_token": "CANARY-access",
    "refresh_token": "CANARY-refresh",
    "expires_in": 3600,
    "scope": GoogleEndpoints().site().needed_scope,
    "token_type": "Bearer",
}


def held(clock: ManualClock) -> TokenSet:
    return TokenSet("CANARY-old", "CANARY-refresh", clock.now(), "a scope")


# --- a token endpoint that means no good ---


def grants_of_server(server: ScriptedServer, clock: ManualClock) -> Grants:
    endpoints = GoogleEndpoints(token=f"{server.url}/token", revoke=f"{server.url}/revoke")
    http = HttpClient(HostRules.of((server.url,), ()), clock)
    return Grants(endpoints.site(), CLIENT, http, clock)


def refresh_at(script: Script) -> TokenSet:
    clock = ManualClock()
    with ScriptedServer(script) as server:
        return grants_of_server(server, clock).refresh(held(clock))


def told(status: str, value: object) -> bytes:
    return answer(status, json.dumps(value).encode(), "Content-Type: application/json")


def test_a_refresh_keeps_the_refresh_token_where_none_comes() -> None:
    tokens = refresh_at(told("200 OK", {**GRANTED, "refresh_token": None}))
    assert tokens.refresh_token == "CANARY-refresh"


def test_a_refresh_takes_the_refresh_token_that_comes() -> None:
    tokens = refresh_at(told("200 OK", {**GRANTED, "refresh_token": "the next"}))
    assert tokens.refresh_token == "the next"


def test_the_secret_goes_in_the_body_and_nothing_in_the_address() -> None:
    clock = ManualClock()
    with ScriptedServer(told("200 OK", GRANTED)) as server:
        grants_of_server(server, clock).refresh(held(clock))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /token HTTP/1.1\r\n")
    assert parse_qs(body.decode())["client_secret"] == [CLIENT.client_secret]
    assert b"Authorization" not in head
    assert b"Accept-Encoding: identity" in head


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(3600, 3540), ("1800", 1740), (0, -60), (-5, -60), (10**12, 86_340), (None, 3540)],
)
def test_an_access_token_is_fresh_until_a_minute_before_its_end(
    expires_in: object, seconds: int
) -> None:
    tokens = refresh_at(told("200 OK", {**GRANTED, "expires_in": expires_in}))
    assert tokens.expires_at - ManualClock().now() == timedelta(seconds=seconds)


def described(error: str, number: int) -> dict[str, object]:
    text = f"AADSTS{number}: CANARY-of-the-sentence.\r\nTrace ID: x"
    return {"error": error, "error_description": text, "error_codes": [number]}


@pytest.mark.parametrize(
    ("word", "number", "error"),
    [
        ("invalid_grant", 70000, SignInAgain),
        ("invalid_grant", 70008, SignInAgain),
        ("invalid_grant", 700082, SignInAgain),
        ("invalid_grant", 700084, SignInAgain),
        ("invalid_grant", 50173, SignInAgain),
        ("interaction_required", 50076, SignInAgain),
        ("interaction_required", 50079, SignInAgain),
        ("invalid_grant", 65001, SignInAgain),
        ("consent_required", 90094, SignInAgain),
        ("invalid_grant", 50196, Temporary),
        ("invalid_grant", 90033, Temporary),
        ("server_error", 90033, Temporary),
        ("invalid_client", 7000215, ClientRefused),
        ("invalid_client", 7000222, ClientRefused),
        ("invalid_grant", 7000222, ClientRefused),
    ],
)
def test_microsoft_is_read_by_its_numbers(
    word: str, number: int, error: type[ProviderError]
) -> None:
    with pytest.raises(ProviderError) as caught:
        refresh_at(told("400 Bad Request", described(word, number)))
    assert type(caught.value) is error
    assert "CANARY" not in "".join(format_exception(caught.value))


def test_a_secret_that_has_expired_is_told_from_a_wrong_one() -> None:
    sentences = []
    for number in (7000222, 7000215):
        with pytest.raises(AccessRefused) as caught:
            refresh_at(told("401 Unauthorized", described("invalid_client", number)))
        sentences.append(caught.value.sentence)
    assert "has expired" in sentences[0]
    assert "is wrong" in sentences[1]


@pytest.mark.parametrize(
    "description", ["AADSTS", " AADSTS50196", "AADSTS" + "9" * 5000, "x", 7, [], {}]
)
def test_a_description_without_a_number_changes_nothing(description: object) -> None:
    told_so = {"error": "invalid_grant", "error_description": description}
    with pytest.raises(SignInAgain):
        refresh_at(told("400 Bad Request", told_so))


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (told("400 Bad Request", {"error": "invalid_grant"}), SignInAgain),
        (
            told("400 Bad Request", {"error": "invalid_grant", "error_subtype": "invalid_rapt"}),
            SignInAgain,
        ),
        (told("400 Bad Request", {"error": "interaction_required"}), SignInAgain),
        (told("400 Bad Request", {"error": "unauthorized_client"}), AccessRefused),
        (told("401 Unauthorized", {"error": "invalid_client"}), AccessRefused),
        (told("400 Bad Request", {"error": "temporarily_unavailable"}), Temporary),
        (told("400 Bad Request", {"error": {"nested": 1}}), ProviderError),
        (answer("503 Busy", b"<html>"), Temporary),
        (answer("429 Slow", b"", "Retry-After: 9"), Temporary),
        (answer("500 Oops", json.dumps({"error": "invalid_grant"}).encode()), Temporary),
        (answer("200 OK", b"<html>CANARY-x</html>"), BadReply),
        (answer("200 OK", b""), BadReply),
        (answer("200 OK", b"[]"), BadReply),
        (answer("200 OK", b"null"), BadReply),
        (answer("200 OK", b"\xff\xfe"), BadReply),
        (answer("200 OK", b"[" * 60_000), BadReply),
        (answer("200 OK", b"{}"), BadReply),
        (answer("400 Bad", b"<html>"), BadReply),
        (answer("302 Found", b"", "Location: https://evil.example/"), BadReply),
        (told("200 OK", {**GRANTED, "access_token": 7}), BadReply),
        (told("200 OK", {**GRANTED, "refresh_token": ["x"]}), BadReply),
        (told("200 OK", {**GRANTED, "expires_in": "soon"}), BadReply),
        (told("200 OK", {**GRANTED, "expires_in": "9" * 5000}), BadReply),
        (told("200 OK", {**GRANTED, "scope": 1}), BadReply),
    ],
)
def test_each_answer_of_a_token_endpoint_has_its_error(
    script: bytes, error: type[ProviderError]
) -> None:
    with pytest.raises(error) as caught:
        refresh_at(script)
    assert "CANARY" not in "".join(format_exception(caught.value))


def test_a_grant_without_lasting_access_is_refused() -> None:
    clock = ManualClock()
    script = told("200 OK", {**GRANTED, "refresh_token": None})
    with ScriptedServer(script) as server, pytest.raises(LinkRefused):
        grants_of_server(server, clock).finish(REDIRECT_URI, "code", "verifier")


@pytest.mark.parametrize("scope", ["", "openid", "https://www.googleapis.com/auth/drive.file2"])
def test_a_grant_without_the_needed_scope_is_refused(scope: str) -> None:
    clock = ManualClock()
    script = told("200 OK", {**GRANTED, "scope": scope})
    with ScriptedServer(script) as server, pytest.raises(AccessRefused):
        grants_of_server(server, clock).finish(REDIRECT_URI, "code", "verifier")


def test_an_unconfirmed_revocation_is_told() -> None:
    clock = ManualClock()
    with ScriptedServer(answer("503 Busy")) as server, pytest.raises(Temporary):
        grants_of_server(server, clock).revoke(held(clock))


# --- tokens in memory ---


def test_refreshes_at_once_become_one() -> None:
    clock = ManualClock()
    with ScriptedServer(told("200 OK", GRANTED)) as server:
        tokens = HeldTokens(held(clock), grants_of_server(server, clock), clock)
        assert set(at_once(8, tokens.current)) == {"CANARY-access"}
    assert len(server.requests) == 1


def test_refusals_of_one_token_become_one_refresh() -> None:
    clock = ManualClock()
    fresh = replace(held(clock), expires_at=clock.now() + timedelta(hours=1))
    with ScriptedServer(told("200 OK", GRANTED)) as server:
        tokens = HeldTokens(fresh, grants_of_server(server, clock), clock)
        assert set(at_once(8, lambda: tokens.refused("CANARY-old"))) == {"CANARY-access"}
    assert len(server.requests) == 1


def test_a_token_set_survives_its_json() -> None:
    tokens = held(ManualClock())
    assert TokenSet.from_json(tokens.to_json()) == tokens


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"CANARY",
        b"[]",
        b"null",
        b"{}",
        b'{"access_token":1,"refresh_token":"r","expires_at":1,"scope":"s"}',
        b'{"access_token":"CANARY","refresh_token":"r","expires_at":1e400,"scope":"s"}',
        b'{"access_token":"CANARY","refresh_token":"r","expires_at":"x","scope":"s"}',
        b"\xff",
    ],
)
def test_other_bytes_are_no_token_set_and_do_not_show(text: bytes) -> None:
    with pytest.raises(ValueError, match="token set") as caught:
        TokenSet.from_json(text)
    assert "CANARY" not in "".join(format_exception(caught.value))


def test_l01_no_secret_shows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = ManualClock()
    with ScriptedServer(told("200 OK", GRANTED)) as server:
        grants = grants_of_server(server, clock)
        tokens = HeldTokens(held(clock), grants, clock)
        tokens.current()
        grants.finish(REDIRECT_URI, "CANARY-code", "CANARY-verifier")
        grants.revoke(tokens.tokens)
    shown = [repr(tokens), repr(tokens.tokens), repr(grants), str(OAuthClient("a", "CANARY"))]
    assert "CANARY" not in caplog.text + "".join(shown)


def test_every_error_has_a_sentence_without_provider_text() -> None:
    body = {"error": "invalid_client", "error_description": "CANARY <script>"}
    with pytest.raises(BalanceCloudError) as caught:
        refresh_at(told("401 Unauthorized", body))
    assert "CANARY" not in caught.value.sentence
