"""Google's authorize, token and revoke endpoints."""

import re
from dataclasses import dataclass

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
from cloudsim.store.accounts import BadAddress
from cloudsim.store.grants import (
    ACCESS_LIFETIME_S,
    BadCode,
    BadToken,
    BadVerifier,
    Consent,
    Granted,
    OtherRedirect,
    Redemption,
)  # fmt: skip
from cloudsim.wire.messages import BadBody, Params, Response, json_response, redirect_response

_SCOPE_BASE = "https://www.googleapis.com/auth/"
_SENTENCES = {
    "openid": "Know who you are at this simulated Google",
    "email": "See your e-mail address",
    "profile": "See your name",
    _SCOPE_BASE + "userinfo.email": "See your e-mail address",
    _SCOPE_BASE + "userinfo.profile": "See your name",
    _SCOPE_BASE
    + "drive.file": "See, edit, create and delete only the files it makes in your Drive",
    _SCOPE_BASE + "drive.appdata": "Keep its own hidden data in your Drive",
    _SCOPE_BASE + "drive.readonly": "See and download all your files in Drive",
    _SCOPE_BASE + "drive.metadata.readonly": "See the names of all your files in Drive",
    _SCOPE_BASE + "drive": "See, edit, create and delete all of your files in Drive",
}


@dataclass(frozen=True)
class _Asked:
    """An authorize request that may be answered."""

    client: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    challenge: str


def routes() -> list[Route]:
    return [
        Route("google", "oauth.authorize", "GET", re.compile("o/oauth2/v2/auth"), ask),
        Route("google", "oauth.consent", "POST", re.compile("o/oauth2/v2/auth"), decide),
        Route("google", "oauth.token", "POST", re.compile("token"), token),
        Route("google", "oauth.revoke", "POST", re.compile("revoke"), revoke),
    ]


def ask(call: Call) -> Response:
    asked = _read_asked(call)
    if person := call.query.get("sim_person"):
        return _approve(call, asked, person, frozenset(asked.scopes))
    return consent_page(call.services, _question(call, asked, ""))


def decide(call: Call) -> Response:
    asked = _read_asked(call)
    form = call.request.form()
    if form.get("decision") != "approve":
        return _back(asked, {"error": "access_denied", "state": asked.state})
    ticked = frozenset(form.all("scope")) & frozenset(asked.scopes)
    if not ticked:
        return _back(asked, {"error": "access_denied", "state": asked.state})
    return _approve(call, asked, picked_person(form), ticked)


def _read_asked(call: Call) -> _Asked:
    """Read the question; what is wrong is shown on a page at Google and sent nowhere."""
    query = call.query
    client = query.get("client_id")
    if client not in {name for name, _ in call.services.settings.clients}:
        raise _misconfigured("invalid_client", "The OAuth client was not found.")
    redirect_uri = query.get("redirect_uri")
    if not is_redirect_allowed(redirect_uri):
        raise _misconfigured(
            "redirect_uri_mismatch", "This address to come back to is not registered."
        )
    if query.get("response_type") != "code":
        raise _misconfigured("unsupported_response_type", "Only response_type=code is simulated.")
    scopes = tuple(dict.fromkeys(query.get("scope").split()))
    unknown = [scope for scope in scopes if scope not in _SENTENCES]
    if unknown or not scopes:
        raise _misconfigured(
            "invalid_scope", f"Unknown or missing scopes: {' '.join(unknown) or 'none'}."
        )
    challenge = query.get("code_challenge")
    if challenge and query.get("code_challenge_method", "plain") != "S256":
        raise _misconfigured("invalid_request", "Only code_challenge_method=S256 is accepted.")
    return _Asked(client, redirect_uri, scopes, query.get("state"), challenge)


def _misconfigured(code: str, sentence: str) -> Refusal:
    return Refusal(problem_page("google", code, sentence))


def _question(call: Call, asked: _Asked, problem: str) -> Question:
    scopes = [AskedScope(scope, _SENTENCES[scope]) for scope in asked.scopes]
    hint = call.query.get("login_hint").lower()
    action = f"?{call.request.query_text}"
    return Question("google", asked.client, action, scopes, True, hint, problem=problem)


def _approve(call: Call, asked: _Asked, person: str, scopes: frozenset[str]) -> Response:
    try:
        account = call.services.accounts.open("google", person)
    except BadAddress as error:
        return consent_page(call.services, _question(call, asked, str(error)))
    code = call.services.grants.consent(
        Consent(
            account.id, asked.client, scopes, asked.redirect_uri, asked.challenge,
            wants_refresh=call.query.get("access_type") == "offline",
            asks_again="consent" in call.query.get("prompt").split(),
            keeps_earlier=call.query.get("include_granted_scopes") == "true",
        )
    )  # fmt: skip
    return _back(asked, {"state": asked.state, "code": code, "scope": " ".join(sorted(scopes))})


def _back(asked: _Asked, answer: dict[str, str]) -> Response:
    return redirect_response(with_query(asked.redirect_uri, answer))


def token(call: Call) -> Response:
    params = _params(call)
    client = sent_credentials(call.request, params)
    if not is_known(call.services.settings.clients, client):
        raise _refusal(401, "invalid_client", "The provided client secret is invalid.")
    kind = params.get("grant_type")
    if kind == "authorization_code":
        return _redeem(call, params, client)
    if kind == "refresh_token":
        return _refresh(call, params, client)
    if not kind:
        raise _refusal(400, "invalid_request", "Missing required parameter: grant_type")
    raise _refusal(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")


def _params(call: Call) -> Params:
    try:
        return sent_params(call.request, call.query)
    except BadBody as error:
        raise _refusal(400, "invalid_request", "Bad Request") from error


def _redeem(call: Call, params: Params, client: Credentials) -> Response:
    grants = call.services.grants
    verifier = params.get("code_verifier")
    brought = Redemption(client.id, params.get("code"), params.get("redirect_uri"), verifier)
    try:
        granted = grants.redeem(brought)
    except BadCode as error:
        is_code = brought.code.startswith("4/")
        what = "Bad Request" if is_code else "Malformed auth code."
        raise _refusal(400, "invalid_grant", what) from error
    except OtherRedirect as error:
        raise _refusal(400, "redirect_uri_mismatch", "Bad Request") from error
    except BadVerifier as error:
        what = "Invalid code verifier." if verifier else "Missing code verifier."
        raise _refusal(400, "invalid_grant", what) from error
    more = {}
    if granted.refreshable:
        more = {"refresh_token": grants.issue("google", granted, refresh=True)}
    return _tokens(call, granted, more)


def _refresh(call: Call, params: Params, client: Credentials) -> Response:
    grants = call.services.grants
    brought = params.get("refresh_token")
    try:
        granted = grants.by_token(brought, refresh=True)
    except BadToken as error:
        raise _refusal(400, "invalid_grant", "Token has been expired or revoked.") from error
    if granted.client != client.id:
        raise _refusal(400, "invalid_grant", "Bad Request")
    grants.note_refresh(brought, "google")
    return _tokens(call, granted, {})


def _tokens(call: Call, granted: Granted, more: dict[str, str]) -> Response:
    answer = {
        "access_token": call.services.grants.issue("google", granted, refresh=False),
        "expires_in": ACCESS_LIFETIME_S,
        **more,
        "scope": " ".join(sorted(granted.scopes)),
        "token_type": "Bearer",
    }
    return json_response(answer, headers=(("Cache-Control", "no-store"),))


def revoke(call: Call) -> Response:
    brought = _params(call).get("token")
    try:
        call.services.grants.revoke(brought)
    except BadToken as error:
        raise _refusal(400, "invalid_token", "Token expired or revoked") from error
    return json_response({})


def _refusal(status: int, code: str, sentence: str) -> Refusal:
    return Refusal(json_response({"error": code, "error_description": sentence}, status))
