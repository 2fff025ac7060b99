"""From the types of Python to JSON Schema: what is declared once is both checked and described."""

import dataclasses
import enum
import types
import typing
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal, is_typeddict

Schema = dict[str, Any]

# `Annotated[…] | None` is of the second kind, `int | None` of the first.
UNIONS: Final = frozenset({types.UnionType, typing.Union})

PLAIN: Final[dict[object, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time", "pattern": "Z$"},
}


@dataclass(frozen=True, slots=True)
class Between:
    """What a whole number must be, both ends included."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """What a text must be one of."""

    choices: tuple[str, ...]


@dataclass(slots=True)
class Schemas:
    """Schemas of types; those with a name of their own are collected and referred to."""

    named: dict[str, Schema] = field(default_factory=dict)

    def of(self, hint: Any) -> Schema:
        """Return the schema of a type."""
        if hint in PLAIN:
            return dict(PLAIN[hint])
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return {"type": "string", "enum": [one.value for one in hint]}
        if is_typeddict(hint) or dataclasses.is_dataclass(hint):
            return self._refer(hint)
        return self._composed(hint)

    def of_body(self, model: type) -> Schema:
        """Return the schema of a body: what has a default may be left out."""
        return self._refer(model, required_of(model))

    def _composed(self, hint: Any) -> Schema:
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is Annotated:
            return self.of(inner[0]) | _bounds(inner[1:])
        if origin is Literal:
            return {"type": "string", "enum": list(inner)}
        if origin in UNIONS:
            return {"anyOf": [self.of(one) for one in inner]}
        if origin in {tuple, list, Sequence}:
            return {"type": "array", "items": self.of(inner[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        raise TypeError(f"{hint} has no schema.")

    def _refer(self, hint: Any, required: frozenset[str] | None = None) -> Schema:
        name = hint.__name__
        if name not in self.named:
            self.named[name] = {}
            self.named[name] = self._object(hint, required)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, hint: Any, required: frozenset[str] | None) -> Schema:
        hints = typing.get_type_hints(hint, include_extras=True)
        if required is None:  # an answer: every field of a dataclass is written
            required = required_of(hint) if is_typeddict(hint) else frozenset(hints)
        return {
            "type": "object",
            "properties": {name: self.of(_bare(one)) for name, one in hints.items()},
            "required": [name for name in hints if name in required],
            "additionalProperties": False,
        }


def required_of(hint: Any) -> frozenset[str]:
    """Return the fields that are always there."""
    if is_typeddict(hint):
        return typing.cast("frozenset[str]", hint.__required_keys__)
    return frozenset(
        one.name
        for one in dataclasses.fields(hint)
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    )


def _bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.NotRequired else hint


def _bounds(notes: Sequence[object]) -> Schema:
    for note in notes:
        if isinstance(note, Between):
            return {"minimum": note.least, "maximum": note.most}
        if isinstance(note, OneOf):
            return {"enum": list(note.choices)}
    return {}


# --- reading ----------------------------------------------------------------------------------

WORDS: Final = {str: "text", int: "a whole number", bool: "true or false", uuid.UUID: "an id"}
Reading = tuple[Any, str | None]
LONGEST_NUMBER: Final = 18  # digits, within what the database counts with


def read(value: object, hint: Any) -> Reading:
    """Return the value that JSON holds for a type, or what is wrong with it."""
    optional, kind, notes = _taken_apart(hint)
    if optional and value is None:
        return None, None
    if kind is uuid.UUID:
        return _read_id(value)
    # In Python True is an int; in JSON it is not a number.
    is_right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not is_right:
        return None, f"This must be {WORDS[kind]}."
    return _within(value, notes)


def read_text(text: str, hint: Any) -> Reading:
    """Return the value that the text of an address holds for a type, or what is wrong with it."""
    _, kind, _ = _taken_apart(hint)
    parse: Callable[[str], object] = PARSERS.get(kind, str)
    return read(parse(text), hint)


def _whole_number(text: str) -> object:
    is_one = text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
    return int(text) if is_one else text


def _truth(text: str) -> object:
    return {"true": True, "false": False}.get(text, text)


PARSERS: Final[dict[Any, Callable[[str], object]]] = {int: _whole_number, bool: _truth}


def _taken_apart(hint: Any) -> tuple[bool, Any, tuple[object, ...]]:
    is_union = typing.get_origin(hint) in UNIONS
    inner = typing.get_args(hint) if is_union else (hint,)
    kind = next(one for one in inner if one is not type(None))
    notes: tuple[object, ...] = ()
    if typing.get_origin(kind) is Annotated:
        kind, *more = typing.get_args(kind)
        notes = tuple(more)
    return type(None) in inner, kind, notes


def _within(value: Any, notes: Sequence[object]) -> Reading:
    for note in notes:
        if isinstance(note, Between) and not note.least <= value <= note.most:
            return None, f"This must be from {note.least} to {note.most}."
        if isinstance(note, OneOf) and value not in note.choices:
            return None, f"One of: {', '.join(note.choices)}."
    return value, None


def _read_id(value: object) -> Reading:
    try:
        return uuid.UUID(value if isinstance(value, str) else ""), None
    except ValueError:
        return None, f"This must be {WORDS[uuid.UUID]}."
