"""Accounts at the simulator, linked the way a person links them."""

import secrets
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import requests

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.clouds import registry
from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints
from balancecloud.clouds.http import Answer, HostRules, HttpClient, Request
from balancecloud.clouds.oauth import Grants, HeldTokens, OAuthClient, TokenSet
from balancecloud.clouds.registry import Account, Installation, OAuthClients, PlacedProvider
from balancecloud.errors import Unreachable

CLIENT = OAuthClient("balancecloud-demo", "simulated-not-secret")
REDIRECT_URI = "http://localhost:8080/clouds/callback"


def simulated_installation(base_url: str, clock: Clock = SYSTEM_CLOCK) -> Installation:
    return registry.installation(
        GoogleEndpoints.simulated(base_url),
        MicrosoftEndpoints.simulated(base_url),
        OAuthClients(CLIENT, CLIENT),
        (),
        clock,
    )


def grants_at(name: str, shared: Installation) -> Grants:
    grants = registry.grants_of(name, shared)
    assert grants is not None
    return grants


def new_person(kind: str = "person") -> str:
    return f"{kind}.{secrets.token_hex(6)}@example.com"


def consent(grants: Grants, person: str) -> tuple[str, str, str | None]:
    """Consent as that person; return the code, the verifier and the issuer."""
    url, verifier = grants.begin(REDIRECT_URI, "the-state")
    answer = requests.get(f"{url}&sim_person={person}", allow_redirects=False, timeout=10)
    assert answer.status_code in {302, 303}, answer.text
    location = answer.headers["Location"]
    assert location.startswith(REDIRECT_URI)
    values = parse_qs(urlsplit(location).query)
    assert values["state"] == ["the-state"]
    return values["code"][0], verifier, values.get("iss", [None])[0]


def grant(grants: Grants, person: str) -> TokenSet:
    code, verifier, issuer = consent(grants, person)
    grants.check_issuer(issuer)
    return grants.finish(REDIRECT_URI, code, verifier)


def linked(name: str, shared: Installation, person: str | None = None) -> PlacedProvider:
    """Return a new person's account, with its folder made."""
    grants = grants_at(name, shared)
    tokens = HeldTokens(grant(grants, person or new_person()), grants, shared.clock)
    unplaced = registry.open_account(name, shared, Account(tokens, None))
    return registry.open_account(name, shared, Account(tokens, unplaced.ensure_place()))


class FaultyWay(HttpClient):
    """The product's client on a way that can be made to fail; the far end is real."""

    def __init__(self, rules: HostRules, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(rules, clock)
        self.planned: list[str | Answer] = []
        self.sent: list[Request] = []

    def send(self, request: Request) -> Answer:
        """Do what is planned first for a request that stores; an answer is for any request."""
        self.sent.append(request)
        if not self.planned:
            return super().send(request)
        plan = self.planned[0]
        if isinstance(plan, str) and not _carries_content(request):
            return super().send(request)
        self.planned.pop(0)
        match plan:
            case "cut":
                raise Unreachable
            case "lose":
                super().send(request)
                raise Unreachable
            case "damage":
                return super().send(replace(request, parts=_damaged(request)))
            case str():
                raise AssertionError(plan)
            case answer:
                return answer


def with_faulty_way(shared: Installation) -> tuple[Installation, FaultyWay]:
    """Return the installation with one client, for both providers, that can be made to fail."""
    way = FaultyWay(HostRules.of((shared.google.api, shared.microsoft.graph), ()), shared.clock)
    return replace(shared, google_http=way, microsoft_http=way), way


def _carries_content(request: Request) -> bool:
    return any(len(part) >= 900 for part in request.parts)


def _damaged(request: Request) -> list[bytes]:
    largest = max(request.parts, key=len)
    return [
        bytes([part[0] ^ 1]) + bytes(part[1:]) if part is largest else bytes(part)
        for part in request.parts
    ]
