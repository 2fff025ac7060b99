"""A person's own settings: looks, password, sessions."""

import uuid
from typing import Final

import flask
from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from balancecloud.errors import Invalid
from balancecloud.identity import audit, sessions, signing_in
from balancecloud.identity.signing_in import PasswordChange
from balancecloud.library import protection
from balancecloud.web import context, forms, link_requests, security

blueprint = Blueprint("settings", __name__, url_prefix="/settings")

THEMES: Final = frozenset({"light", "dark", "system"})
A_YEAR_SECONDS: Final = 365 * 24 * 3600


@blueprint.get("")
def profile() -> ResponseReturnValue:
    return render_template("settings/profile.html")


@blueprint.post("/look")
def look() -> ResponseReturnValue:
    theme = forms.line("theme")
    if theme not in THEMES:
        raise Invalid({"theme": ["Choose light, dark or system."]})
    return _kept_in_this_browser("/settings", "theme", theme)


@blueprint.get("/keys")
def show_keys() -> ResponseReturnValue:
    return render_template("settings/keys.html")


@blueprint.post("/keys")
def set_keys() -> ResponseReturnValue:
    wanted = forms.line("keys")
    if wanted not in {"on", "off"}:
        raise Invalid({"keys": ["Choose on or off."]})
    flash("Single keys are on." if wanted == "on" else "Single keys are off.", "success")
    return _kept_in_this_browser("/settings/keys", "keys", wanted)


def _kept_in_this_browser(path: str, name: str, value: str) -> ResponseReturnValue:
    """Go there with the choice in a cookie: the next page is right from its first paint."""
    response = redirect(path, 303)
    response.set_cookie(
        name,
        value,
        max_age=A_YEAR_SECONDS,
        secure=context.config().is_https,
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.route("/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    present = context.sign_in()
    if request.method == "GET":
        return render_template("settings/password.html", errors={})
    change = PasswordChange(forms.text("current"), forms.text("password"))
    try:
        secret = signing_in.change_password(
            context.session(), context.config(), present, change, context.origin()
        )
    except Invalid as refused:
        context.rollback()
        return make_response(
            render_template("settings/password.html", errors=refused.fields), refused.status
        )
    return _with_new_secret(secret)


@blueprint.get("/protection")
def show_protection() -> ResponseReturnValue:
    return _protection_page({}, 200)


@blueprint.post("/protection")
def set_protection() -> ResponseReturnValue:
    wanted = forms.line("protection")
    try:
        losses = int(wanted) if wanted in {"0", "1", "2"} else -1
        due = protection.set_protection(context.session(), context.person().id, losses)
    except Invalid as refused:
        return _protection_page(refused.fields, refused.status)
    link_requests.ring(due)
    flash(
        "Saved. What is stored already follows in the background." if due else "Saved.", "success"
    )
    return redirect("/settings/protection", 303)


def _protection_page(errors: dict[str, list[str]], status: int) -> ResponseReturnValue:
    found = protection.protection(context.session(), context.person().id)
    page = render_template("settings/protection.html", protection=found, errors=errors)
    return make_response(page, status)


def _with_new_secret(secret: str) -> ResponseReturnValue:
    flask.session.clear()
    flash("Your password is changed. Every other session has ended.", "success")
    return security.set_session_cookie(redirect("/settings/sessions", 303), secret)


@blueprint.get("/sessions")
def list_sessions() -> ResponseReturnValue:
    listed = sessions.list_sessions(context.session(), context.config(), context.sign_in())
    return render_template("settings/sessions.html", sessions=listed)


@blueprint.post("/sessions/<uuid:session_id>/end")
def end_session(session_id: uuid.UUID) -> ResponseReturnValue:
    present = context.sign_in()
    sessions.end(context.session(), present.person.id, session_id)
    audit.record(context.session(), "session.closed", present.person.id, context.origin())
    if session_id == present.session_id:
        flask.session.clear()
        return security.clear_session_cookie(redirect("/sign-in", 303))
    flash("That session has ended.", "success")
    return redirect("/settings/sessions", 303)


@blueprint.post("/sessions/end-others")
def end_other_sessions() -> ResponseReturnValue:
    present = context.sign_in()
    sessions.end_others(context.session(), present)
    audit.record(context.session(), "session.others_closed", present.person.id, context.origin())
    flash("Every other session has ended.", "success")
    return redirect("/settings/sessions", 303)
