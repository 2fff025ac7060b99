"""/api/auth: accounts and bearer tokens for programs."""

from dataclasses import dataclass

from flask import Blueprint, Response

from balancecloud.errors import BadCredentials, EmailTaken, RegistrationClosed
from balancecloud.identity import sessions, signing_in, tokens, users
from balancecloud.identity.people import Person
from balancecloud.identity.signing_in import Attempt
from balancecloud.web import context, security
from balancecloud.web.api import respond
from balancecloud.web.api.calls import answers
from balancecloud.web.api.shapes import Token

blueprint = Blueprint("api_auth", __name__, url_prefix="/api/auth")


@dataclass(frozen=True, slots=True, repr=False)
class Registration:
    """Who wants an account."""

    email: str
    password: str
    setup_code: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Who says they have one."""

    email: str
    password: str


@blueprint.post("/register")
@security.public
@security.checks_itself  # takes no session and sets no cookie
@answers({201: Token}, body=Registration, refusals=(EmailTaken, RegistrationClosed))
def register() -> Response:
    wanted = respond.body(Registration)
    person = users.register(
        context.session(),
        context.config(),
        context.gateway().keys,
        wanted.email,
        wanted.password,
        wanted.setup_code,
    )
    opened = signing_in.welcome(
        context.session(), context.config(), person, context.origin(), "bearer"
    )
    return _token(opened, 201)


@blueprint.post("/login")
@security.public
@security.checks_itself  # takes no session and sets no cookie
@answers({200: Token}, body=Login, refusals=(BadCredentials,))
def login() -> Response:
    given = respond.body(Login)
    attempt = Attempt(given.email, given.password, context.origin())
    try:
        opened = signing_in.sign_in(context.session(), context.config(), attempt, "bearer")
    except BadCredentials:
        context.commit()  # the audit row outlives the refusal
        raise
    return _token(opened, 200)


@blueprint.post("/refresh")
@answers({200: Token}, refusals=(BadCredentials,))
def refresh() -> Response:
    tokens.revoke(context.session(), context.claims())
    return _token_for(context.sign_in(), 200)


@blueprint.post("/logout")
@answers({204: None})
def logout() -> Response:
    tokens.revoke(context.session(), context.claims())
    signing_in.sign_out(context.session(), context.sign_in(), context.origin())
    return respond.nothing()


@blueprint.get("/me")
@answers({200: Person})
def me() -> Response:
    return respond.answer(context.person())


def _token(opened: sessions.Opened, status: int) -> Response:
    present = sessions.by_id(context.session(), context.config(), opened.session_id)
    if present is None:
        raise BadCredentials
    return _token_for(present, status)


def _token_for(present: sessions.SignIn, status: int) -> Response:
    config = context.config()
    token, seconds = tokens.issue(config, present, context.gateway().clock.now())
    body: Token = {"access_token": token, "token_type": "bearer", "expires_in": seconds}
    return respond.answer(body, status)
