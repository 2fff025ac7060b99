"""The pages of cloud accounts: what is linked, linking, unlinking."""

import uuid
from typing import Final

from flask import Blueprint, Response, flash, make_response, redirect, render_template
from flask.typing import ResponseReturnValue

from balancecloud.errors import (
    BalanceCloudError,
    GrantEnded,
    Invalid,
    LinkRefused,
    NotFound,
    ProviderError,
    StillHoldsData,
)
from balancecloud.library import account_care, account_views, linking, unlinking
from balancecloud.library.account_rows import Linked, OtherAccount
from balancecloud.library.folder_linking import link_folder
from balancecloud.library.views import AccountView, ProviderOffer
from balancecloud.web import context, forms, security
from balancecloud.web.link_requests import callback_in_query, linker, look_over, ring

blueprint = Blueprint("clouds", __name__)

HOME: Final = "/clouds"


@blueprint.get("/clouds")
def index() -> ResponseReturnValue:
    config, person = context.config(), context.person()
    accounts = account_views.list_accounts(context.session(), config, person.id)
    return render_template(
        "clouds/list.html", accounts=accounts, offers=account_views.offers(config)
    )


# --- linking ----------------------------------------------------------------------------------


@blueprint.get("/clouds/link/<provider>")
def link(provider: str) -> ResponseReturnValue:
    context.person()
    return _link_page(_offer(provider), {}, 200)


@blueprint.post("/clouds/link/<provider>")
def begin(provider: str) -> ResponseReturnValue:
    who, offer = linker(), _offer(provider)
    try:
        if not offer.uses_oauth:
            return _linked(link_folder(context.gateway(), who.user_id, forms.line("path")))
        begun = linking.begin_link(context.session(), context.gateway(), who, provider)
    except Invalid as refused:
        return _link_page(offer, refused.fields, refused.status)
    except (LinkRefused, ProviderError) as refused:
        return _failed(offer, refused)
    # A link, not a redirect: browsers hold a form's whole chain of redirects to `form-action`.
    return render_template("clouds/continue.html", offer=offer, oauth_url=begun.oauth_url)


@blueprint.get("/clouds/callback/<provider>")
@security.public
def callback(provider: str) -> ResponseReturnValue:
    if context.person_or_none() is None:
        raise LinkRefused  # not by way of the sign-in page: its address would carry the code
    offer = _offer(provider)
    try:
        attempt_id = linking.receive_callback(
            context.gateway(), linker(), callback_in_query(provider)
        )
    except OtherAccount as refused:
        return _other_account(offer, refused)
    except (LinkRefused, ProviderError) as refused:
        return _failed(offer, refused)
    return redirect(f"{HOME}/confirm/{attempt_id}", 303)


@blueprint.get("/clouds/confirm/<uuid:attempt_id>")
def confirm(attempt_id: uuid.UUID) -> ResponseReturnValue:
    proposal = linking.proposal(context.session(), context.gateway(), linker(), attempt_id)
    return render_template("clouds/confirm.html", proposal=proposal)


@blueprint.post("/clouds/confirm/<uuid:attempt_id>")
def confirmed(attempt_id: uuid.UUID) -> ResponseReturnValue:
    who = linker()
    proposal = linking.proposal(context.session(), context.gateway(), who, attempt_id)
    try:
        return _linked(linking.confirm_link(context.gateway(), who, attempt_id))
    except (LinkRefused, ProviderError) as refused:
        return _failed(_offer(proposal.provider), refused)


def _offer(provider: str) -> ProviderOffer:
    return account_views.offer(context.config(), provider)


def _linked(linked: Linked) -> ResponseReturnValue:
    ring(linked.work_ids)
    look_over()
    config, person = context.config(), context.person()
    account = account_views.get_account(context.session(), config, person.id, linked.account_id)
    resumed = f"{account.label} is signed in again. What waited for it goes on by itself."
    flash(f"{account.label} is linked." if linked.is_new else resumed, "success")
    return redirect(HOME, 303)


def _link_page(offer: ProviderOffer, errors: dict[str, list[str]], status: int) -> Response:
    page = render_template(
        "clouds/link.html",
        offer=offer,
        errors=errors,
        values={"path": forms.line("path")},
        folder_roots=[root.name for root in context.config().folder_roots],
    )
    return make_response(page, status)


def _failed(offer: ProviderOffer, refused: BalanceCloudError) -> Response:
    page = render_template("clouds/link_failed.html", offer=offer, reason=refused.sentence)
    return make_response(page, refused.status)


# --- signing in again -------------------------------------------------------------------------


@blueprint.get("/clouds/<uuid:account_id>/sign-in")
def sign_in(account_id: uuid.UUID) -> ResponseReturnValue:
    account = _signable(account_id)
    offer = _offer(account.provider)
    return render_template("clouds/sign_in.html", account=account, offer=offer)


@blueprint.post("/clouds/<uuid:account_id>/sign-in")
def begin_sign_in(account_id: uuid.UUID) -> ResponseReturnValue:
    account = _signable(account_id)
    offer = _offer(account.provider)
    try:
        begun = linking.begin_sign_in(context.session(), context.gateway(), linker(), account_id)
    except LinkRefused as refused:
        return _failed(offer, refused)
    return render_template(
        "clouds/continue.html", offer=offer, account=account, oauth_url=begun.oauth_url
    )


def _signable(account_id: uuid.UUID) -> AccountView:
    config, person = context.config(), context.person()
    account = account_views.get_account(context.session(), config, person.id, account_id)
    if not account.uses_oauth:
        raise NotFound
    return account


def _other_account(offer: ProviderOffer, refused: OtherAccount) -> Response:
    page = render_template("clouds/other_account.html", offer=offer, refused=refused)
    return make_response(page, refused.status)


# --- one account ------------------------------------------------------------------------------


@blueprint.post("/clouds/<uuid:account_id>/refresh")
def refresh(account_id: uuid.UUID) -> ResponseReturnValue:
    try:
        work_ids = account_care.refresh_account(context.gateway(), context.person().id, account_id)
    except (GrantEnded, ProviderError) as refused:
        flash(refused.sentence, "error")
    else:
        ring(work_ids)
        flash("The account answers and its room was read anew.", "success")
    return redirect(HOME, 303)


@blueprint.get("/clouds/<uuid:account_id>/unlink")
def unlink(account_id: uuid.UUID) -> ResponseReturnValue:
    context.require_recent_sign_in()
    return _unlink_page(account_id, {}, 200)


@blueprint.post("/clouds/<uuid:account_id>/unlink")
def unlinked(account_id: uuid.UUID) -> ResponseReturnValue:
    context.require_recent_sign_in()
    gateway, person, typed = context.gateway(), context.person(), forms.line("confirm")
    try:
        if typed:
            unlinking.unlink_by_force(gateway, person.id, account_id, typed)
        else:
            unlinking.unlink(gateway, person.id, account_id)
    except Invalid as refused:
        return _unlink_page(account_id, refused.fields, refused.status)
    except StillHoldsData as refused:
        return _unlink_page(account_id, {"confirm": [refused.sentence]}, refused.status)
    look_over()
    flash("The account is unlinked.", "success")
    return redirect(HOME, 303)


def _unlink_page(account_id: uuid.UUID, errors: dict[str, list[str]], status: int) -> Response:
    config, person = context.config(), context.person()
    effect = unlinking.unlink_effect(context.session(), config, person.id, account_id)
    return make_response(
        render_template("clouds/unlink.html", effect=effect, errors=errors), status
    )
