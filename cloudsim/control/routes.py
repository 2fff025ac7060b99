"""JSON under /_sim/, on only when the server was started with it."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from cloudsim.clock import utc_text
from cloudsim.control import acts as control_acts
from cloudsim.control import weather as control_weather
from cloudsim.control.finding import ACCOUNT as _ACCOUNT
from cloudsim.control.finding import OBJECT as _OBJECT
from cloudsim.control.finding import account_of as _account
from cloudsim.control.finding import object_of as _object
from cloudsim.control.refusals import refused
from cloudsim.door import Door, Turned
from cloudsim.requestlog import RequestLog
from cloudsim.routing import Call, Handler, Route
from cloudsim.settings import Services
from cloudsim.store.accounts import Account, BadAddress
from cloudsim.store.objects import Object, Selection
from cloudsim.weather.sky import Weather
from cloudsim.wire.messages import FileSlice, Params, Request, Response, json_response

_EVERYTHING = 10_000_000


def routes(log: RequestLog, weather: Weather, door: Door) -> list[Route]:
    """All calls; each only for who comes in by this door."""
    table: list[tuple[str, str, Handler]] = [
        ("GET", "people", list_people),
        ("POST", "people", add_person),
        ("GET", "accounts", list_accounts),
        ("GET", _ACCOUNT, get_account),
        ("PUT", _ACCOUNT + "/quota", set_quota),
        ("PUT", _ACCOUNT + "/state", set_state),
        ("POST", _ACCOUNT + "/revoke", revoke),
        ("POST", _ACCOUNT + "/expire", expire),
        ("GET", _ACCOUNT + "/objects", list_objects),
        ("GET", _OBJECT + "/content", get_content),
        ("POST", _OBJECT + "/corrupt", corrupt),
        ("POST", _OBJECT + "/infect", infect),
        ("DELETE", _OBJECT, delete_object),
        ("POST", "clock", advance_clock),
        ("POST", "reset", _reset_with(log, weather)),
        ("GET", "log", _reading(log)),
        ("DELETE", "log", _clearing(log)),
        *control_acts.table(),
        *control_weather.table(weather),
    ]

    def guard(services: Services, request: Request, query: Params) -> None:
        del services, query
        try:
            door.check(request)
        except Turned as turned:
            raise refused(turned.status, str(turned)) from turned

    return [
        Route("_sim", f"control {method} {path}", method, re.compile(path), handler, guard)
        for method, path, handler in table
    ]


def list_people(call: Call) -> Response:
    people = [{"address": one.address, "name": one.name} for one in call.services.accounts.people()]
    return json_response({"people": people})


def add_person(call: Call) -> Response:
    try:
        person = call.services.accounts.person(str(call.request.json().get("address", "")))
    except BadAddress as error:
        raise refused(400, str(error)) from error
    return json_response({"address": person.address, "name": person.name}, 201)


def list_accounts(call: Call) -> Response:
    accounts = call.services.accounts.all()
    return json_response({"accounts": [_account_json(account) for account in accounts]})


def get_account(call: Call) -> Response:
    return json_response(_account_json(_account(call)))


def _account_json(account: Account) -> dict[str, Any]:
    return {
        "provider": account.provider,
        "address": account.person.address,
        "name": account.person.name,
        "drive_id": account.drive_id,
        "root_id": account.root_id,
        "permission_id": account.permission_id,
        "work": account.is_work,
        "quota": account.quota,
        "used": account.used,
        "binned": account.binned,
        "state": account.state,
    }


def set_quota(call: Call) -> Response:
    """{"total": bytes}, or null for no limit."""
    account = _account(call)
    total = call.request.json().get("total", 0)
    if total is not None and (not isinstance(total, int) or total < 0):
        raise refused(400, "total is a number of bytes, or null.")
    call.services.accounts.set_quota(account.id, total)
    return json_response(_account_json(_account(call)))


def set_state(call: Call) -> Response:
    """{"state": "on"} or {"state": "gone"}: then every call for the account answers 503."""
    account = _account(call)
    state = call.request.json().get("state")
    if state not in {"on", "gone"}:
        raise refused(400, "state is on or gone.")
    call.services.accounts.set_state(account.id, state)
    return json_response(_account_json(_account(call)))


def revoke(call: Call) -> Response:
    """Take every grant back, as the owner can at the provider."""
    call.services.grants.revoke_all(_account(call).id)
    return json_response({})


def expire(call: Call) -> Response:
    """Every access token of the account runs out now."""
    call.services.grants.expire_access(_account(call).id)
    return json_response({})


def list_objects(call: Call) -> Response:
    """Every object, with the SHA-256 of the bytes as they lie there when ?sha256=1."""
    selection = Selection("account = ?", (_account(call).id,))
    objects = call.services.objects.select(selection, _EVERYTHING)
    with_hash = call.query.get("sha256") == "1"
    shown = [_object_json(call, one, with_hash=with_hash) for one in objects]
    return json_response({"objects": shown})


def _object_json(call: Call, one: Object, *, with_hash: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "id": one.id,
        "parent": one.parent,
        "name": one.name,
        "folder": one.is_folder,
        "size": one.size,
        "mime": one.mime,
        "trashed": one.trashed,
        "client": one.maker,
        "modified": utc_text(one.modified),
        "md5": one.digests.md5,
        "quick_xor": one.digests.quick_xor,
    }
    if with_hash and one.blob:
        digest = hashlib.sha256()
        for piece in call.services.blobs.pieces(one.blob):
            digest.update(piece)
        answer["sha256"] = digest.hexdigest()
    return answer


def get_content(call: Call) -> Response:
    found = _object(call)
    if found.blob is None:
        raise refused(404, "It has no content.")
    kind = (("Content-Type", "application/octet-stream"),)
    return Response(200, b"", kind, FileSlice(call.services.blobs.open(found.blob), 0, found.size))


def corrupt(call: Call) -> Response:
    """{"offset": n}: one bit flips there, and the reported hashes stay as they were."""
    found = _object(call)
    offset = call.request.json().get("offset", 0)
    if found.blob is None or not isinstance(offset, int) or not 0 <= offset < found.size:
        raise refused(400, "There is no such byte.")
    call.services.blobs.flip_bit(found.blob, offset)
    return json_response({})


def infect(call: Call) -> Response:
    """Let the provider's scanner take the object for harmful: downloads are refused."""
    call.services.objects.flag_infected(_object(call).id)
    return json_response({})


def delete_object(call: Call) -> Response:
    """Let the object vanish, past every bin."""
    call.services.blobs.discard(call.services.objects.remove(_object(call).id))
    return Response(204)


def advance_clock(call: Call) -> Response:
    """{"seconds": n}: so much time passes at once."""
    seconds = call.request.json().get("seconds", 0)
    if not isinstance(seconds, int | float) or seconds < 0:
        raise refused(400, "seconds is a number, and time does not run backwards.")
    call.services.clock.advance(seconds)
    return json_response({"now": utc_text(call.services.clock.now())})


def _reset_with(log: RequestLog, weather: Weather) -> Callable[[Call], Response]:
    def reset(call: Call) -> Response:
        """Make the world as at its first start, with fair weather."""
        services = call.services
        weather.reset()
        services.accounts.remove_everybody()
        services.blobs.sweep(services.objects.blobs_in_use(), services.uploads.unfinished())
        services.accounts.settle_first_people()
        log.clear()
        return json_response({})

    return reset


def _reading(log: RequestLog) -> Callable[[Call], Response]:
    def read_log(call: Call) -> Response:
        text = call.query.get("since", "0")
        if not (text.isascii() and text.isdigit()):
            raise refused(400, "since is a number.")
        return json_response({"requests": log.since(int(text))})

    return read_log


def _clearing(log: RequestLog) -> Callable[[Call], Response]:
    def clear_log(call: Call) -> Response:
        del call
        log.clear()
        return Response(204)

    return clear_log
