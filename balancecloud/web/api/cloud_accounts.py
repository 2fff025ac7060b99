"""/api/cloud-accounts: linking, looking after and unlinking accounts for programs."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response

from balancecloud.errors import (
    GrantEnded,
    LinkRefused,
    NotFound,
    ProviderError,
    SignInAgainFirst,
    StateConflict,
    StillHoldsData,
    Unavailable,
)
from balancecloud.library import account_care, account_views, linking, unlinking
from balancecloud.library.folder_linking import link_folder
from balancecloud.library.job_sentences import error
from balancecloud.library.linking import Linker
from balancecloud.library.views import AccountView, ProviderOffer
from balancecloud.library.wording import plain
from balancecloud.web import context
from balancecloud.web.api import respond
from balancecloud.web.api.calls import answers
from balancecloud.web.api.shapes import (
    AccountStatus,
    CloudAccount,
    CloudAccounts,
    LinkBegun,
    Linked,
    StillHolds,
    Warned,
)
from balancecloud.web.link_requests import callback_in_query, linker, look_over, ring

blueprint = Blueprint("api_cloud_accounts", __name__, url_prefix="/api/cloud-accounts")


@dataclass(frozen=True, slots=True)
class FolderPath:
    """A folder of this server, below an allowed one."""

    path: str


@dataclass(frozen=True, slots=True)
class Onward:
    """Where the provider sends the person afterwards; absent: to our own page."""

    redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Redirected:
    """What a provider's redirect carries."""

    state: str = ""
    code: str = ""
    iss: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Force:
    """Whether to unlink an account that holds data, and the label that confirms it."""

    force: bool = False
    confirm: str = ""


# What a provider may answer, or this server while it asks one.
PROVIDERS_SAY = (ProviderError, Unavailable, LinkRefused)


@blueprint.get("")
@answers({200: CloudAccounts})
def index() -> Response:
    config, person = context.config(), context.person()
    accounts = account_views.list_accounts(context.session(), config, person.id)
    shown = [as_json(account) for account in accounts]
    return respond.answer(CloudAccounts(accounts=shown, total=len(shown)))


@blueprint.post("/connect/<provider>")
@answers(
    {200: LinkBegun, 201: CloudAccount},
    query=Onward,
    body=FolderPath,
    is_body_needed=False,
    refusals=PROVIDERS_SAY,
)
def connect(provider: str) -> Response:
    who = linker()
    if not _offer(provider).uses_oauth:
        return _connect_folder(who)
    begun = linking.begin_link(
        context.session(), context.gateway(), who, provider, respond.query(Onward).redirect_uri
    )
    return respond.answer(LinkBegun(oauth_url=begun.oauth_url, state=begun.state))


def _connect_folder(who: Linker) -> Response:
    linked = link_folder(context.gateway(), who.user_id, respond.body(FolderPath).path)
    ring(linked.work_ids)
    look_over()
    return respond.answer(as_json(_account(linked.account_id)), 201)


@blueprint.get("/callback/<provider>")
@answers({200: Linked}, query=Redirected, refusals=PROVIDERS_SAY)
def callback(provider: str) -> Response:
    context.claims()  # a GET that changes something: never by a browser's cookie
    respond.query(Redirected)
    linked = linking.link_by_callback(context.gateway(), linker(), callback_in_query(provider))
    ring(linked.work_ids)
    look_over()
    account = _account(linked.account_id)
    return respond.answer(
        Linked(
            account_id=account.id,
            provider=account.provider,
            provider_account_id=account.provider_account_id,
            is_connected=account.is_connected,
            message=f"{account.label} is linked.",
        )
    )


@blueprint.get("/<uuid:account_id>/status")
@answers({200: AccountStatus})
def status(account_id: uuid.UUID) -> Response:
    account = _account(account_id)
    reason = error(account.state_reason)
    shown = AccountStatus(
        **as_json(account),
        last_error=reason.detail if reason else None,
        shards=account_views.count_shards(context.session(), account.id),
        simulated=account.simulated,
    )
    return respond.answer(shown)


@blueprint.post("/<uuid:account_id>/refresh")
@answers({200: CloudAccount}, refusals=(*PROVIDERS_SAY, GrantEnded, StateConflict))
def refresh(account_id: uuid.UUID) -> Response:
    ring(account_care.refresh_account(context.gateway(), context.person().id, account_id))
    return respond.answer(as_json(_account(account_id)))


@blueprint.delete("/<uuid:account_id>")
@answers({204: None, 409: StillHolds}, query=Force, refusals=(SignInAgainFirst, *PROVIDERS_SAY))
def unlink(account_id: uuid.UUID) -> Response:
    if not context.carries_bearer():
        context.require_recent_sign_in()  # as the page does: an open browser is not enough
    gateway, person = context.gateway(), context.person()
    wanted = respond.query(Force)
    try:
        if wanted.force:
            unlinking.unlink_by_force(gateway, person.id, account_id, wanted.confirm)
        else:
            unlinking.unlink(gateway, person.id, account_id)
    except StillHoldsData as refused:
        return _still_holds(account_id, refused)
    look_over()
    return respond.nothing()


def as_json(account: AccountView) -> CloudAccount:
    """Return an account as `CloudAccount` of docs/api.md."""
    now = context.gateway().clock.now()
    return {
        "id": account.id,
        "provider": account.provider,
        "provider_account_id": account.provider_account_id,
        "label": account.label,
        "is_connected": account.is_connected,
        "state": account.state,
        "state_reason": account.state_reason,
        "state_since": account.state_since,
        "paused_until": account.paused_until,
        "health": plain(account.health.chip, now),
        "sentence": plain(account.health.sentence, now),
        "needs_you": account.health.needs_you,
        "warning": _warning_json(account, now),
        "token_expires_at": account.token_expires_at,
        "total_bytes": account.total_bytes,
        "used_bytes": account.used_bytes,
        "stored_bytes": account.stored_bytes,
        "room_read_at": account.room_read_at,
        "created_at": account.created_at,
        "updated_at": account.updated_at,
    }


def _warning_json(account: AccountView, now: datetime) -> Warned | None:
    warning = account.warning
    if warning is None:
        return None
    return {"code": warning.code, "sentence": plain(warning.sentence, now), "at": warning.at}


def _offer(provider: str) -> ProviderOffer:
    try:
        return account_views.offer(context.config(), provider)
    except NotFound as error:
        raise LinkRefused("This server cannot link accounts of that provider.") from error


def _account(account_id: uuid.UUID) -> AccountView:
    config, person = context.config(), context.person()
    return account_views.get_account(context.session(), config, person.id, account_id)


def _still_holds(account_id: uuid.UUID, refused: StillHoldsData) -> Response:
    person = context.person()
    effect = unlinking.unlink_effect(context.session(), context.config(), person.id, account_id)
    return respond.answer(
        StillHolds(
            detail=refused.sentence,
            code="still_holds_data",
            shards=effect.shards,
            lost_count=effect.lost_count,
            lost_files=list(effect.lost_files),
            less_protected_count=effect.less_protected_count,
        ),
        refused.status,
    )
