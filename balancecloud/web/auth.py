"""Register, sign in, sign out, confirm one's password."""

from typing import Final

import flask
from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import BadCredentials, EmailTaken, Invalid, RegistrationClosed
from balancecloud.identity import sessions, signing_in, users
from balancecloud.identity.signing_in import Attempt
from balancecloud.web import context, forms, security
from balancecloud.web.known_browsers import account_of

blueprint = Blueprint("auth", __name__)

INSIDE: Final = "/files"


@blueprint.get("/")
@security.public
def home() -> ResponseReturnValue:
    if context.person_or_none():
        return redirect(INSIDE, 303)
    page = "/sign-in" if users.anyone(context.session()) else "/register"
    return redirect(page, 303)


# --- register ---------------------------------------------------------------------------------


@blueprint.route("/register", methods=["GET", "POST"])
@security.public
def register() -> ResponseReturnValue:
    if request.method == "GET":
        return _register_page({}, 200)
    try:
        person = users.register(
            context.session(),
            context.config(),
            context.gateway().keys,
            forms.text("email"),
            forms.text("password"),
            forms.text("setup_code"),
        )
    except (Invalid, EmailTaken, RegistrationClosed) as refused:
        context.rollback()
        return _register_page(_complaints(refused), refused.status)
    opened = signing_in.welcome(
        context.session(), context.config(), person, context.origin(), "browser"
    )
    return _enter(opened.secret, INSIDE, person.email)


def _complaints(refused: Invalid | EmailTaken | RegistrationClosed) -> dict[str, list[str]]:
    if isinstance(refused, Invalid):
        return refused.fields
    field = "email" if isinstance(refused, EmailTaken) else "setup_code"
    return {field: [refused.sentence]}


def _register_page(errors: dict[str, list[str]], status: int) -> Response:
    session, config = context.session(), context.config()
    page = render_template(
        "auth/register.html",
        values={"email": forms.line("email")},
        errors=errors,
        first=not users.anyone(session),
        setup_code_needed=users.needs_setup_code(session, config),
        closed=users.is_closed(session, config),
    )
    return make_response(page, status)


# --- sign in and out --------------------------------------------------------------------------


@blueprint.route("/sign-in", methods=["GET", "POST"])
@security.public
def sign_in() -> ResponseReturnValue:
    onward = security.safe_next(request.values.get("next"))
    if request.method == "GET":
        return redirect(onward, 303) if context.person_or_none() else _sign_in_page(None, 200)
    attempt = Attempt(forms.text("email"), forms.text("password"), context.origin())
    try:
        opened = signing_in.sign_in(context.session(), context.config(), attempt, "browser")
    except BadCredentials as refused:
        context.commit()  # the audit row outlives the refusal
        return _sign_in_page(refused.sentence, refused.status)
    _end_present()
    return _enter(opened.secret, onward, attempt.email)


def _sign_in_page(error: str | None, status: int) -> Response:
    onward = security.safe_next(request.values.get("next"))
    page = render_template(
        "auth/sign_in.html", values={"email": forms.line("email")}, error=error, next=onward
    )
    return make_response(page, status)


def _end_present() -> None:
    present = context.sign_in_or_none()
    if present:
        sessions.end(context.session(), present.person.id, present.session_id)


def _enter(secret: str, onward: str, email: str) -> ResponseReturnValue:
    flask.session.clear()  # nothing chosen before the sign-in is known after it
    response = security.set_session_cookie(redirect(onward, 303), secret)
    context.parts().limits.known.remember(response, account_of(email))
    return response


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    signing_in.sign_out(context.session(), context.sign_in(), context.origin())
    flask.session.clear()
    return security.clear_session_cookie(redirect("/sign-in", 303))


# --- the password again -----------------------------------------------------------------------


@blueprint.route("/confirm-password", methods=["GET", "POST"])
def confirm_password() -> ResponseReturnValue:
    present = context.sign_in()
    onward = security.safe_next(request.values.get("next"))
    if request.method == "GET":
        return render_template("auth/confirm_password.html", error=None, next=onward)
    attempt = Attempt(present.person.email, forms.text("password"), context.origin())
    try:
        secret = signing_in.confirm(context.session(), context.config(), present, attempt)
    except BadCredentials as refused:
        context.commit()  # the audit row outlives the refusal
        sentence = "That is not your password."
        page = render_template("auth/confirm_password.html", error=sentence, next=onward)
        return make_response(page, refused.status)
    return security.set_session_cookie(redirect(onward, 303), secret)
