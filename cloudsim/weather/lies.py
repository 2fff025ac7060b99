"""Answers edited on their way out: hashes, sizes, pages and addresses that are not true."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from cloudsim.routing import Call, Route
from cloudsim.weather.effects import Lie, Pages, Redirect
from cloudsim.weather.errors import read_object
from cloudsim.wire.messages import Params, Response

LOOP = "the-same-again"  # the token of a page that leads to the first one
_GOOGLE_HASHES = ("md5Checksum", "sha1Checksum", "sha256Checksum")
_NEXT_LINK = "@odata.nextLink"
_ADDRESSES = ("uploadUrl", "@microsoft.graph.downloadUrl", _NEXT_LINK)


def edited(response: Response, edit: Callable[[dict[str, Any]], None]) -> Response:
    """Let edit change every object within a JSON answer; others stay as they are."""
    value = read_object(response)
    if value is None:
        return response
    for one in list(_objects(value)):
        edit(one)
    return replace(response, body=json.dumps(value, separators=(",", ":")).encode())


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from _objects(one)
    elif isinstance(value, list):
        for one in value:
            yield from _objects(one)


def has_hashes(one: dict[str, Any]) -> bool:
    return any(name in one for name in _GOOGLE_HASHES) or "hashes" in _file_of(one)


def _file_of(one: dict[str, Any]) -> dict[str, Any]:
    found = one.get("file")
    return found if isinstance(found, dict) else {}


def take_hashes(one: dict[str, Any]) -> None:
    for name in _GOOGLE_HASHES:
        one.pop(name, None)
    _file_of(one).pop("hashes", None)


def told_falsely(lie: Lie, response: Response) -> Response:
    """Say another hash or size than the object has, or no hash at all."""
    return edited(
        response, {"hash": _turn_hashes, "no_hash": take_hashes, "size": _grow}[lie.about]
    )


def _turn_hashes(one: dict[str, Any]) -> None:
    for name in _GOOGLE_HASHES:
        if isinstance(one.get(name), str):
            one[name] = _turned(one[name])
    hashes = _file_of(one).get("hashes")
    if isinstance(hashes, dict):
        hashes.update({name: _turned(value) for name, value in hashes.items()})


def _turned(text: str) -> str:
    """Another hash of the same form."""
    return ("0" if text[:1] != "0" else "1") + text[1:]


def _grow(one: dict[str, Any]) -> None:
    size = one.get("size")
    if isinstance(size, str):  # Google's
        one["size"] = str(int(size) + 1)
    elif isinstance(size, int):
        one["size"] = size + 1


def repeated(response: Response) -> Response:
    """Let every entry of a list come twice."""

    def double(one: dict[str, Any]) -> None:
        for name in ("files", "value"):
            if isinstance(one.get(name), list):
                one[name] = [entry for entry in one[name] for _ in range(2)]

    return edited(response, double)


def with_pages(effect: Pages, call: Call, response: Response) -> Response:
    """Say of a list that it goes on, where nothing sensible can be had."""
    value = read_object(response)
    if value is None or not ("files" in value or "value" in value):
        return response
    address = f"{call.services.base_url}{call.request.path}?$skiptoken={LOOP}"
    link = {"malformed": "not an address", "loop": address, "elsewhere": effect.to}[effect.form]
    token: object = {"malformed": {"token": 7}, "loop": LOOP, "elsewhere": effect.to}[effect.form]
    told = {"nextPageToken": token} if "files" in value else {_NEXT_LINK: link}
    return replace(response, body=json.dumps({**value, **told}).encode())


def without_loop(call: Call) -> Call:
    """Read a token that loops as a wish for the first page."""
    names = ("pageToken", "$skiptoken")
    if not any(call.query.get(name) == LOOP for name in names):
        return call
    kept = {name: values for name, values in call.query.values.items() if name not in names}
    return replace(call, query=Params(kept))


def redirected(effect: Redirect, response: Response) -> Response:
    """Let the addresses of an answer lead elsewhere; one without any becomes a redirect."""
    if any(name == "Location" for name, _ in response.headers):
        headers = [
            (name, effect.to if name == "Location" else value) for name, value in response.headers
        ]
        return replace(response, headers=tuple(headers))
    value = read_object(response)
    if value is not None and any(name in value for name in _ADDRESSES):
        return edited(response, lambda one: _readdress(one, effect.to))
    response.leave()
    return Response(effect.status, headers=(("Location", effect.to),))


def _readdress(one: dict[str, Any], to: str) -> None:
    one.update({name: to for name in _ADDRESSES if name in one})


def with_drive_ids(route: Route, spell: Callable[[str], str], response: Response) -> Response:
    """Write the drive's id in another spelling, wherever it stands."""

    def respell(one: dict[str, Any]) -> None:
        if "driveId" in one:
            one["driveId"] = spell(str(one["driveId"]))
        elif "driveType" in one and "id" in one:
            one["id"] = spell(str(one["id"]))

    if route.name == "drive.get":
        value = read_object(response) or {}
        if "driveType" not in value and "id" in value:
            told = {**value, "id": spell(str(value["id"]))}
            return replace(response, body=json.dumps(told).encode())
    return edited(response, respell)
