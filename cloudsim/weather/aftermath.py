"""What the weather changes in an answer that is ready."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cloudsim.conditions import Conditions
from cloudsim.google.resource import new_id
from cloudsim.routing import Call, Route
from cloudsim.store.objects import Object, Selection
from cloudsim.weather import acts, lies, sessions
from cloudsim.weather.effects import (
    Answer,
    Damage,
    Drop,
    Effect,
    Garble,
    KeepLess,
    Lie,
    Pages,
    Redirect,
    Repeat,
    Twin,
)
from cloudsim.weather.errors import error_response, read_object
from cloudsim.weather.routes import creates
from cloudsim.wire.messages import Hangup, Response

_GARBAGE = {
    "garbage": b"\x00\xff<<<not what was asked for>>>\x1b",
    "empty": b"",
    "array": b"[]",
    "deep": b"[" * 100_000 + b"]" * 100_000,
}


def after_effect(route: Route, call: Call, effect: Effect, response: Response) -> Response:
    """Let the rule's effect change an answer after its handler; Hangup drops it."""
    if isinstance(effect, Drop) and effect.when == "after":
        response.leave()
        raise Hangup("The answer was lost.")
    if isinstance(effect, Answer) and effect.when == "after":
        response.leave()
        return error_response(route, call, effect)
    if isinstance(effect, Garble):
        return _garbled(effect, response)
    if isinstance(effect, KeepLess):
        return sessions.keep_less(route, call, effect, response)
    if isinstance(effect, Redirect):
        return lies.redirected(effect, response)
    if response.status >= 300:
        return response
    return _told_otherwise(route, call, effect, response)


def _told_otherwise(route: Route, call: Call, effect: Effect, response: Response) -> Response:
    """Change what a success says, or what stands behind it."""
    if isinstance(effect, Pages):
        return lies.with_pages(effect, call, response)
    if isinstance(effect, Lie):
        return lies.told_falsely(effect, response)
    if isinstance(effect, Repeat):
        return lies.repeated(response)
    if isinstance(effect, Damage):
        _damage(call, response, effect)
    if isinstance(effect, Twin) and route.provider == "google" and creates(route):
        _twin(call, response)
    return response


def _garbled(effect: Garble, response: Response) -> Response:
    if effect.form == "huge":
        return response  # its filler comes with the delivery
    response.leave()
    if effect.form == "nulls":
        found = read_object(response) or {}
        body = json.dumps(dict.fromkeys(found)).encode()
    else:
        body = _GARBAGE[effect.form]
    return replace(response, body=body, file=None)


def _damage(call: Call, response: Response, effect: Damage) -> None:
    made = _made(call, response)
    if made is not None and made.blob is not None and made.size:
        call.services.blobs.flip_bit(made.blob, effect.at % made.size)


def _twin(call: Call, response: Response) -> None:
    made = _made(call, response)
    if made is not None:
        secret = call.services.database.secret
        acts.make_twin(call.services, call.known_caller.account, made, new_id(secret))


def _made(call: Call, response: Response) -> Object | None:
    """Find the object an answer tells of; if it tells no id, the newest of the account."""
    if call.caller is None:
        return None
    objects = call.services.objects
    told = (read_object(response) or {}).get("id")
    if isinstance(told, str):
        return objects.find(told)
    newest = Selection("account = ?", (call.caller.account.id,), "seq DESC")
    return next(iter(objects.select(newest, 1)), None)


def after_conditions(
    route: Route, call: Call, conditions: Conditions, number: int, response: Response
) -> Response:
    """Let what stands over the account show in a success."""
    if response.status >= 300 or call.caller is None:
        return response
    if conditions.hashes_missing_s:
        response = _without_young_hashes(call, conditions, response)
    if conditions.drive_ids != "plain" and not call.caller.account.is_work:
        spell = _SPELLINGS[conditions.drive_ids, number % 2]
        response = lies.with_drive_ids(route, spell, response)
    return response


_SPELLINGS: Mapping[tuple[str, int], Callable[[str], str]] = {
    ("upper", 0): str.upper,
    ("upper", 1): str.upper,
    ("changing", 0): str.upper,
    ("changing", 1): str.lower,
    ("short", 0): lambda text: text.lstrip("0"),
    ("short", 1): lambda text: text.lstrip("0"),
}


def _without_young_hashes(call: Call, conditions: Conditions, response: Response) -> Response:
    objects, account = call.services.objects, call.known_caller.account.id
    moment = call.services.clock.now() - conditions.hashes_missing_s
    first = objects.first_made_after(account, moment)
    if first is None:
        return response

    def hide(one: dict[str, Any]) -> None:
        if not lies.has_hashes(one):
            return
        found = objects.find(str(one.get("id") or acts.object_id(call)))
        if found is None or found.seq >= first:
            lies.take_hashes(one)

    return lies.edited(response, hide)
