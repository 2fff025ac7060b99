"""/api/cloud-accounts: linking, looking after and unlinking accounts for programs."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from balancecloud.errors import Invalid, LinkRefused, NotFound, StillHoldsData
from balancecloud.library import account_care, account_views, linking, unlinking
from balancecloud.library.folder_linking import link_folder
from balancecloud.library.job_sentences import error
from balancecloud.library.linking import Linker
from balancecloud.library.views import AccountView, ProviderOffer
from balancecloud.library.wording import plain
from balancecloud.web import context
from balancecloud.web.api import respond
from balancecloud.web.link_requests import callback_in_query, linker, look_over, ring

blueprint = Blueprint("api_cloud_accounts", __name__, url_prefix="/api/cloud-accounts")


@dataclass(frozen=True, slots=True)
class FolderPath:
    """A folder of this server, below an allowed one."""

    path: str


@blueprint.get("")
def index() -> Response:
    config, person = context.config(), context.person()
    accounts = account_views.list_accounts(context.session(), config, person.id)
    shown = [as_json(account) for account in accounts]
    return respond.answer({"accounts": shown, "total": len(shown)})


@blueprint.post("/connect/<provider>")
def connect(provider: str) -> Response:
    who = linker()
    if not _offer(provider).uses_oauth:
        return _connect_folder(who)
    begun = linking.begin_link(
        context.session(), context.gateway(), who, provider, request.args.get("redirect_uri")
    )
    return respond.answer({"oauth_url": begun.oauth_url, "state": begun.state})


def _connect_folder(who: Linker) -> Response:
    linked = link_folder(context.gateway(), who.user_id, respond.body(FolderPath).path)
    ring(linked.work_ids)
    look_over()
    return respond.answer(as_json(_account(linked.account_id)), 201)


@blueprint.get("/callback/<provider>")
def callback(provider: str) -> Response:
    context.claims()  # a GET that changes something: never by a browser's cookie
    linked = linking.link_by_callback(context.gateway(), linker(), callback_in_query(provider))
    ring(linked.work_ids)
    look_over()
    account = _account(linked.account_id)
    return respond.answer(
        {
            "account_id": account.id,
            "provider": account.provider,
            "provider_account_id": account.provider_account_id,
            "is_connected": account.is_connected,
            "message": f"{account.label} is linked.",
        }
    )


@blueprint.get("/<uuid:account_id>/status")
def status(account_id: uuid.UUID) -> Response:
    account = _account(account_id)
    reason = error(account.state_reason)
    more = {
        "last_error": reason.detail if reason else None,
        "shards": account.shards,
        "simulated": account.simulated,
    }
    return respond.answer(as_json(account) | more)


@blueprint.post("/<uuid:account_id>/refresh")
def refresh(account_id: uuid.UUID) -> Response:
    ring(account_care.refresh_account(context.gateway(), context.person().id, account_id))
    return respond.answer(as_json(_account(account_id)))


@blueprint.delete("/<uuid:account_id>")
def unlink(account_id: uuid.UUID) -> Response:
    if not context.carries_bearer():
        context.require_recent_sign_in()  # as the page does: an open browser is not enough
    gateway, person = context.gateway(), context.person()
    try:
        if _is_forced():
            typed = request.args.get("confirm", "")
            unlinking.unlink_by_force(gateway, person.id, account_id, typed)
        else:
            unlinking.unlink(gateway, person.id, account_id)
    except StillHoldsData as refused:
        return _still_holds(account_id, refused)
    look_over()
    return respond.nothing()


def as_json(account: AccountView) -> dict[str, Any]:
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


def _warning_json(account: AccountView, now: datetime) -> dict[str, Any] | None:
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


def _is_forced() -> bool:
    value = request.args.get("force", "false")
    if value not in {"true", "false"}:
        raise Invalid({"force": ["This must be true or false."]})
    return value == "true"


def _still_holds(account_id: uuid.UUID, refused: StillHoldsData) -> Response:
    person = context.person()
    effect = unlinking.unlink_effect(context.session(), context.config(), person.id, account_id)
    return respond.answer(
        {
            "detail": refused.sentence,
            "code": refused.code,
            "shards": effect.shards,
            "lost_count": effect.lost_count,
            "lost_files": effect.lost_files,
            "less_protected_count": effect.less_protected_count,
        },
        refused.status,
    )
