"""Grants and tokens: at the simulator, and against a token endpoint that means no good."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds import registry
from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints, OAuthSite
from balancecloud.clouds.http import HostRules, HttpClient
from balancecloud.clouds.oauth import Grants, HeldTokens, OAuthClient
from balancecloud.clouds.registry import Account, Installation
from balancecloud.errors import (
    AccessRefused,
    LinkRefused,
    SignInAgain,
)
from cloudsim.app import Running
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

OAUTH = ["google_drive", "onedrive"]


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
