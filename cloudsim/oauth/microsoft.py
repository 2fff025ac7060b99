"""Microsoft's authorize and token endpoints."""

import re
import uuid
from dataclasses import dataclass

from cloudsim.clock import utc_text
from cloudsim.oauth.clients import (
    Credentials,
    is_known,
    is_redirect_allowed,
    sent_credentials,
    sent_params,
    with_query,
)  # fmt: skip
from cloudsim.oauth.consent import AskedScope, Question, consent_page, picked_person, problem_page
from cloudsim.routing import Call, Refusal, Route
from cloudsim.store.accounts import BadAddress, is_work
from cloudsim.store.grants import (
    ACCESS_LIFETIME_S,
    BadCode,
    BadToken,
    BadVerifier,
    Consent,
    Granted,
    OldToken,
    OtherRedirect,
    Redemption,
)  # fmt: skip
from cloudsim.wire.messages import BadBody, Params, Response, json_response, redirect_response

_RESOURCE = "https://graph.microsoft.com/"
_SENTENCES = {
    "openid": "Sign you in",
    "profile": "See your name",
    "email": "See your e-mail address",
    "offline_access": "Keep the access you have given it",
    "User.Read": "See who you are",
    "Files.Read": "Read your files",
    "Files.Read.All": "Read all files you can open",
    "Files.ReadWrite": "Read, create, change and delete your files",
    "Files.ReadWrite.All": "Read, create, change and delete all files you can open",
    "Files.ReadWrite.AppFolder": "Keep files in a folder of its own",
}
_BY_LOWER_NAME = {name.lower(): name for name in _SENTENCES}
_KINDS = {
    "organizations": "work",
    "consumers": "personal",
}  # who a tenant lets in; others let in all


@dataclass(frozen=True)
class _Asked:
    """An authorize request that may be answered."""

    client: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    challenge: str
    kind: str


def routes() -> list[Route]:
    authorize = re.compile("(?P<tenant>[^/]+)/oauth2/v2.0/authorize")
    return [
        Route("microsoft", "oauth.authorize", "GET", authorize, ask),
        Route("microsoft", "oauth.consent", "POST", authorize, decide),
        Route(
            "microsoft",
            "oauth.token",
            "POST",
            re.compile("(?P<tenant>[^/]+)/oauth2/v2.0/token"),
            token,
        ),
    ]


def ask(call: Call) -> Response:
    asked = _read_asked(call)
    if person := call.query.get("sim_person"):
        return _approve(call, asked, person)
    return consent_page(call.services, _question(call, asked, ""))


def decide(call: Call) -> Response:
    asked = _read_asked(call)
    form = call.request.form()
    if form.get("decision") == "approve":
        return _approve(call, asked, picked_person(form))
    sentence = "AADSTS65004: User declined to consent to access the app."
    raise _sent_back(asked, "access_denied", sentence, error_subcode="cancel")


def _read_asked(call: Call) -> _Asked:
    """Client and redirect address are checked on a page; the rest is told to the client."""
    query = call.query
    client = query.get("client_id")
    if client not in {name for name, _ in call.services.settings.clients}:
        sentence = "AADSTS700016: Application was not found in the directory."
        raise Refusal(problem_page("microsoft", "unauthorized_client", sentence))
    redirect_uri = query.get("redirect_uri")
    if not is_redirect_allowed(redirect_uri):
        sentence = "AADSTS50011: The redirect URI does not match the ones of the application."
        raise Refusal(problem_page("microsoft", "invalid_request", sentence))
    kind = _KINDS.get(call.path["tenant"], "any")
    asked = _Asked(
        client, redirect_uri, _read_scopes(query.get("scope")), query.get("state"),
        query.get("code_challenge"), kind,
    )  # fmt: skip
    if query.get("response_type") != "code":
        raise _sent_back(asked, "unsupported_response_type", "AADSTS70005: Only code is supported.")
    if query.get("response_mode", "query") != "query":
        raise _sent_back(
            asked, "invalid_request", "AADSTS90014: Only response_mode=query is supported."
        )
    if asked.challenge and query.get("code_challenge_method", "plain") != "S256":
        raise _sent_back(asked, "invalid_request", "AADSTS501481: Only S256 is accepted.")
    unknown = [scope for scope in asked.scopes if scope not in _SENTENCES]
    if unknown or not asked.scopes:
        sentence = f"AADSTS70011: The provided value for scope {' '.join(unknown)} is not valid."
        raise _sent_back(asked, "invalid_scope", sentence)
    return asked


def _read_scopes(text: str) -> tuple[str, ...]:
    """Scopes in their usual spelling; unknown ones as they came."""
    names = (scope.removeprefix(_RESOURCE) for scope in text.split())
    return tuple(dict.fromkeys(_BY_LOWER_NAME.get(name.lower(), name) for name in names))


def _sent_back(asked: _Asked, error: str, sentence: str, **more: str) -> Refusal:
    answer = {"error": error, "error_description": sentence, **more, "state": asked.state}
    return Refusal(redirect_response(with_query(asked.redirect_uri, answer)))


def _question(call: Call, asked: _Asked, problem: str) -> Question:
    scopes = [AskedScope(scope, _SENTENCES[scope]) for scope in asked.scopes]
    hint = call.query.get("login_hint").lower()
    action = f"?{call.request.query_text}"
    return Question("microsoft", asked.client, action, scopes, False, hint, asked.kind, problem)


def _approve(call: Call, asked: _Asked, person: str) -> Response:
    if asked.kind != "any" and (asked.kind == "work") != is_work(person.lower()):
        problem = "This kind of account cannot sign in here."
        return consent_page(call.services, _question(call, asked, problem))
    try:
        account = call.services.accounts.open("microsoft", person)
    except BadAddress as error:
        return consent_page(call.services, _question(call, asked, str(error)))
    scopes = frozenset(asked.scopes)
    code = call.services.grants.consent(
        Consent(
            account.id, asked.client, scopes, asked.redirect_uri, asked.challenge,
            wants_refresh="offline_access" in scopes, asks_again=True, keeps_earlier=True,
        )
    )  # fmt: skip
    return redirect_response(with_query(asked.redirect_uri, {"code": code, "state": asked.state}))


def token(call: Call) -> Response:
    try:
        params = sent_params(call.request, call.query)
    except BadBody as error:
        raise _refusal(
            call, 400, "invalid_request", "AADSTS900144: The body could not be read."
        ) from error
    client = sent_credentials(call.request, params)
    if client.id not in {name for name, _ in call.services.settings.clients}:
        raise _refusal(call, 400, "unauthorized_client", "AADSTS700016: Application was not found.")
    if not client.secret:
        sentence = "AADSTS7000218: The request body must contain client_assertion or client_secret."
        raise _refusal(call, 401, "invalid_client", sentence)
    if not is_known(call.services.settings.clients, client):
        raise _refusal(
            call, 401, "invalid_client", "AADSTS7000215: Invalid client secret provided."
        )
    kind = params.get("grant_type")
    if kind == "authorization_code":
        return _redeem(call, params, client)
    if kind == "refresh_token":
        return _refresh(call, params, client)
    raise _refusal(
        call, 400, "unsupported_grant_type", "AADSTS70003: The grant type is not supported."
    )


def _redeem(call: Call, params: Params, client: Credentials) -> Response:
    brought = Redemption(
        client.id, params.get("code"), params.get("redirect_uri"), params.get("code_verifier")
    )
    try:
        granted = call.services.grants.redeem(brought)
    except BadCode as error:
        sentence = "AADSTS54005: OAuth2 Authorization code was already redeemed, or is not valid."
        raise _refusal(call, 400, "invalid_grant", sentence) from error
    except OtherRedirect as error:
        sentence = (
            "AADSTS500112: The reply address does not match the one of the authorization code."
        )
        raise _refusal(call, 400, "invalid_grant", sentence) from error
    except BadVerifier as error:
        sentence = "AADSTS501481: The Code_Verifier does not match the code_challenge."
        raise _refusal(call, 400, "invalid_grant", sentence) from error
    return _tokens(call, granted, with_refresh=granted.refreshable)


def _refresh(call: Call, params: Params, client: Credentials) -> Response:
    grants = call.services.grants
    brought = params.get("refresh_token")
    try:
        granted = grants.by_token(brought, refresh=True)
    except OldToken as error:
        sentence = "AADSTS700082: The refresh token has expired due to inactivity."
        raise _refusal(call, 400, "invalid_grant", sentence, suberror="token_expired") from error
    except BadToken as error:
        raise _bad_token(call) from error
    if granted.client != client.id:
        raise _bad_token(call)
    wished = frozenset(_read_scopes(params.get("scope")))
    if not wished <= granted.scopes:
        sentence = (
            "AADSTS65001: The user has not consented to use the application with these scopes."
        )
        raise _refusal(call, 400, "invalid_grant", sentence, suberror="consent_required")
    return _tokens(
        call, granted, with_refresh=True
    )  # the one brought stays alive: it is not revoked


def _bad_token(call: Call) -> Refusal:
    """Unknown, revoked or another client's: one answer for all."""
    sentence = "AADSTS70000: The provided value for refresh_token is not valid, or was revoked."
    return _refusal(call, 400, "invalid_grant", sentence, suberror="bad_token")


def _tokens(call: Call, granted: Granted, *, with_refresh: bool) -> Response:
    grants = call.services.grants
    shown = sorted(granted.scopes - {"offline_access"})
    answer: dict[str, object] = {
        "token_type": "Bearer",
        "scope": " ".join(shown),
        "expires_in": ACCESS_LIFETIME_S,
        "ext_expires_in": ACCESS_LIFETIME_S,
        "access_token": grants.issue("microsoft", granted, refresh=False),
    }
    if with_refresh:
        answer["refresh_token"] = grants.issue("microsoft", granted, refresh=True)
    return json_response(answer, headers=(("Cache-Control", "no-store"),))


def _refusal(call: Call, status: int, error: str, sentence: str, **more: str) -> Refusal:
    number = int(sentence.removeprefix("AADSTS").partition(":")[0])
    when = utc_text(call.services.clock.now())[:19].replace("T", " ") + "Z"
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    body = {
        "error": error,
        "error_description": f"{sentence}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}"
        f"\r\nTimestamp: {when}",
        "error_codes": [number],
        "timestamp": when,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        **more,
    }
    return Refusal(json_response(body, status))
