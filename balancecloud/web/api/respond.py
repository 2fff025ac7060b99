"""What every call of /api shares: a body as a value, an answer as JSON."""

import dataclasses
import types
import typing
import uuid
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from flask import Response, jsonify, make_response, request

from balancecloud.errors import Invalid, TooLarge

Model = TypeVar("Model")

LARGEST_BODY: Final = 256 * 1024
LONGEST_NUMBER: Final = 10
WORDS: Final = {str: "text", int: "a whole number", bool: "true or false", uuid.UUID: "an id"}


def body(model: type[Model]) -> Model:
    """Return the request's JSON object as this frozen dataclass.

    Its fields are text, whole numbers, booleans or ids, or None where absent. Invalid names each
    field that is missing, unknown, or of another type.
    """
    given = _json_object()
    hints = typing.get_type_hints(model)
    fields = {field.name: field for field in dataclasses.fields(model)}  # type: ignore[arg-type]
    complaints: dict[str, list[str]] = {
        name: ["There is no such field."] for name in given if name not in fields
    }
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            value, complaint = _read(given[name], hints[name])
            values[name] = value
            if complaint:
                complaints[name] = [complaint]
        elif field.default is dataclasses.MISSING:
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


def _read(value: object, hint: Any) -> tuple[Any, str | None]:
    is_optional = isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)
    if is_optional and value is None:
        return None, None
    kind = next(kind for kind in (typing.get_args(hint) or (hint,)) if kind is not type(None))
    if kind is uuid.UUID:
        return _read_id(value)
    # In Python True is an int; in JSON it is not a number.
    is_right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return (value, None) if is_right else (None, f"This must be {WORDS[kind]}.")


def _read_id(value: object) -> tuple[uuid.UUID | None, str | None]:
    try:
        return uuid.UUID(value if isinstance(value, str) else ""), None
    except ValueError:
        return None, f"This must be {WORDS[uuid.UUID]}."


def answer(value: object, status: int = 200) -> Response:
    """Return a value, a dataclass or a dictionary of such, as JSON."""
    return make_response(jsonify(value), status)


def nothing() -> Response:
    """Return 204."""
    return make_response("", 204)


def time(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(name: str, default: int) -> int:
    """Return a number of the address; Invalid where it is not a whole one."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < LONGEST_NUMBER):
        sentence = f"{name} is a whole number."
        raise Invalid({name: [sentence]}, sentence)
    return int(text)
