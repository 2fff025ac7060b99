"""What every call of /api shares: a body as a value, an answer as JSON."""

import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from flask import Response, jsonify, make_response, request

from balancecloud.errors import Invalid, TooLarge
from balancecloud.web.api.schemas import Reading, read, read_text, required_of

Model = TypeVar("Model")

LARGEST_BODY: Final = 256 * 1024


def body(model: type[Model]) -> Model:
    """Return the request's JSON object as this frozen dataclass.

    Its fields are text, whole numbers, booleans or ids, or None where absent. Invalid names each
    field that is missing, unknown, or of another type.
    """
    given = _json_object()
    known = {field.name for field in dataclasses.fields(model)}  # type: ignore[arg-type]
    unknown = {name: ["There is no such field."] for name in given if name not in known}
    return _value(model, given, read, unknown)


def query(model: type[Model]) -> Model:
    """Return the address's parameters as this frozen dataclass; an empty one counts as absent."""
    given = {name: text for name, text in request.args.items() if text}
    return _value(model, given, read_text, {})


def _value(
    model: type[Model],
    given: Mapping[str, Any],
    reader: Callable[[Any, Any], Reading],
    complaints: dict[str, list[str]],
) -> Model:
    values: dict[str, Any] = {}
    needed = required_of(model)
    for name, hint in typing.get_type_hints(model, include_extras=True).items():
        if name in given:
            values[name], complaint = reader(given[name], hint)
            if complaint:
                complaints[name] = [complaint]
        elif name in needed:
            complaints[name] = ["This field is needed."]
    if complaints:
        raise Invalid(complaints)
    return model(**values)


def _json_object() -> dict[str, Any]:
    if (request.content_length or 0) > LARGEST_BODY:
        raise TooLarge
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise Invalid({}, "The body must be a JSON object (Content-Type: application/json).")
    return given


def answer(value: object, status: int = 200) -> Response:
    """Return a value, a dataclass or a dictionary of such, as JSON."""
    return make_response(jsonify(value), status)


def nothing() -> Response:
    """Return 204."""
    return make_response("", 204)
