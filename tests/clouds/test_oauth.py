"""Grants and tokens: at the simulator, and against a token endpoint that means no good."""

import json
import logging
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from traceback import format_exception
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds import registry
from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints, OAuthSite
from balancecloud.clouds.http import HostRules, HttpClient
from balancecloud.clouds.oauth import Grants, HeldTokens, OAuthClient, TokenSet
from balancecloud.clouds.registry import Account, Installation
from balancecloud.errors import (
    AccessRefused,
    BadReply,
    BalanceCloudError,
    LinkRefused,
    ProviderError,
    SignInAgain,
    Temporary,
)
from cloudsim.app import Running
from tests.clouds.provider_suite import at_once
from tests.clouds.scripted_server import Script, ScriptedServer, answer
from tests.clouds.simulated import (
    CLIENT,
    REDIRECT_URI,
    consent,
    grant,
    grants_at,
    linked,
    new_person,
    simulated_installation,
)
from tests.fakes.manual_clock import ManualClock

OAUTH = ["google_drive", "onedrive"]
GRANTED = {
    "access_token": "CANARY-access",
    "refresh_token": "CANARY-refresh",
    "expires_in": 3600,
    "scope": GoogleEndpoints().site().needed_scope,
    "token_type": "Bearer",
}


def held(clock: ManualClock) -> TokenSet:
    return TokenSet("CANARY-old", "CANARY-refresh", clock.now(), "a scope")


# --- the authorize address ---


@pytest.mark.parametrize("site", [GoogleEndpoints().site(), MicrosoftEndpoints().site()])
def test_the_authorize_address_carries_state_and_a_challenge_but_no_secret(
    site: OAuthSite,
) -> None:
    http = HttpClient(HostRules.of((site.token,), ()), SYSTEM_CLOCK)
    client = OAuthClient("the client", "CANARY-secret")
    url, verifier = Grants(site, client, http, SYSTEM_CLOCK).begin(REDIRECT_URI, "the state")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert url.startswith(site.authorize + "?")
    assert query["code_challenge"] == challenge
    assert query["code_challenge_method"] == "S256"
    assert (query["state"], query["redirect_uri"]) == ("the state", REDIRECT_URI)
    assert (query["client_id"], query["response_type"]) == ("the client", "code")
    assert query["scope"].split() == list(site.scopes)
    assert "CANARY" not in url
    assert verifier not in url


def test_google_is_asked_for_lasting_access_and_anew() -> None:
    extra = GoogleEndpoints().site().extra
    assert (extra["access_type"], extra["prompt"]) == ("offline", "consent")


def test_scopes_are_the_least_that_does() -> None:
    assert GoogleEndpoints().site().scopes == ("https://www.googleapis.com/auth/drive.file",)
    assert MicrosoftEndpoints().site().scopes == ("Files.ReadWrite", "offline_access", "User.Read")


def test_the_tenant_is_part_of_microsofts_addresses() -> None:
    site = MicrosoftEndpoints(tenant="consumers").site()
    assert site.token == "https://login.microsoftonline.com/consumers/oauth2/v2.0/token"
    assert "/consumers/" in site.authorize


# --- the journey, at the simulator ---


@pytest.mark.sim
@pytest.mark.parametrize("name", OAUTH)
def test_a_grant_is_finished_refreshed_and_used(name: str, shared: Installation) -> None:
    grants = grants_at(name, shared)
    first = grant(grants, new_person())
    second = grants.refresh(first)
    tokens = HeldTokens(second, grants, SYSTEM_CLOCK)
    provider = registry.open_account(name, shared, Account(tokens, None))
    assert second.access_token != first.access_token
    assert provider.identity().subject


@pytest.mark.sim
@pytest.mark.parametrize("name", OAUTH)
def test_t_a_code_is_of_use_once(name: str, shared: Installation) -> None:
    grants = grants_at(name, shared)
    code, verifier, _ = consent(grants, new_person())
    grants.finish(REDIRECT_URI, code, verifier)
    with pytest.raises(LinkRefused):
        grants.finish(REDIRECT_URI, code, verifier)


@pytest.mark.sim
@pytest.mark.parametrize("name", OAUTH)
def test_a_code_without_its_verifier_is_refused(name: str, shared: Installation) -> None:
    grants = grants_at(name, shared)
    code, _, _ = consent(grants, new_person())
    with pytest.raises(LinkRefused):
        grants.finish(REDIRECT_URI, code, "x" * 64)


@pytest.mark.sim
@pytest.mark.parametrize("name", OAUTH)
def test_f28_a_grant_that_was_taken_back_asks_for_the_person(
    name: str, sim: Running, shared: Installation
) -> None:
    grants, person = grants_at(name, shared), new_person()
    tokens = grant(grants, person)
    kind = "google" if name == "google_drive" else "microsoft"
    requests.post(f"{sim.url}/_sim/accounts/{kind}/{person}/revoke", json={}, timeout=10)
    with pytest.raises(SignInAgain):
        grants.refresh(tokens)
    provider = registry.open_account(
        name, shared, Account(HeldTokens(tokens, grants, SYSTEM_CLOCK), None)
    )
    with pytest.raises(SignInAgain):
        provider.room()


@pytest.mark.sim
@pytest.mark.parametrize("name", OAUTH)
def test_a_401_is_answered_with_one_refresh(name: str, sim: Running, shared: Installation) -> None:
    person = new_person()
    provider = linked(name, shared, person)
    kind = "google" if name == "google_drive" else "microsoft"
    requests.post(f"{sim.url}/_sim/accounts/{kind}/{person}/expire", json={}, timeout=10)
    assert provider.room().total


@pytest.mark.sim
@pytest.mark.parametrize("name", OAUTH)
def test_a_wrong_client_secret_is_the_operators_to_mend(name: str, sim: Running) -> None:
    shared = simulated_installation(sim.url)
    wrong = OAuthClient(CLIENT.client_id, "wrong")
    grants = grants_at(name, shared)
    tokens = grant(grants, new_person())
    site = (shared.google if name == "google_drive" else shared.microsoft).site()
    http = shared.google_http if name == "google_drive" else shared.microsoft_http
    with pytest.raises(AccessRefused):
        Grants(site, wrong, http, SYSTEM_CLOCK).refresh(tokens)


@pytest.mark.sim
def test_unlinking_ends_the_grant_at_google(shared: Installation) -> None:
    grants = grants_at("google_drive", shared)
    tokens = grant(grants, new_person())
    assert grants.revoke(tokens)
    with pytest.raises(SignInAgain):
        grants.refresh(tokens)
    assert grants.revoke(tokens)  # a dead one is fine


@pytest.mark.sim
def test_microsoft_has_no_way_to_end_a_grant(shared: Installation) -> None:
    grants = grants_at("onedrive", shared)
    assert not grants.revoke(grant(grants, new_person()))


@pytest.mark.sim
def test_a_scope_that_was_unticked_is_noticed(sim: Running, shared: Installation) -> None:
    other = "https://www.googleapis.com/auth/drive.appdata"
    site = replace(shared.google.site(), scopes=(other,))
    grants = Grants(site, CLIENT, shared.google_http, SYSTEM_CLOCK)
    with pytest.raises(AccessRefused):
        grant(grants, new_person())


# --- the issuer (RFC 9207) ---


@pytest.mark.parametrize(
    ("site", "issuer"),
    [
        (GoogleEndpoints().site(), None),
        (GoogleEndpoints().site(), "https://accounts.google.com"),
        (
            MicrosoftEndpoints().site(),
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        ),
    ],
)
def test_the_right_issuer_or_none_is_taken(site: OAuthSite, issuer: str | None) -> None:
    http = HttpClient(HostRules.of((site.token,), ()), SYSTEM_CLOCK)
    Grants(site, CLIENT, http, SYSTEM_CLOCK).check_issuer(issuer)


@pytest.mark.parametrize("site", [GoogleEndpoints().site(), MicrosoftEndpoints().site()])
@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "https://evil.example",
        "https://accounts.google.com.evil.example",
        "https://accounts.google.com/",
        "https://login.microsoftonline.com/a/b/v2.0",
        "https://login.microsoftonline.com/a/v2.0\n",
        "https://login-microsoftonline.com/a/v2.0",
    ],
)
def test_another_issuer_is_refused(site: OAuthSite, issuer: str) -> None:
    http = HttpClient(HostRules.of((site.token,), ()), SYSTEM_CLOCK)
    with pytest.raises(LinkRefused):
        Grants(site, CLIENT, http, SYSTEM_CLOCK).check_issuer(issuer)


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
