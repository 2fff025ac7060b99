"""Weather in JSON: written from its values, and read back or refused."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from cloudsim.conditions import FAIR, Conditions
from cloudsim.weather.effects import KINDS, NAMES, Effect
from cloudsim.weather.rules import Rule

_Value = TypeVar("_Value")
_LARGEST = 1e15  # bytes, seconds: beyond it a number is a mistake


class BadWeather(ValueError):
    """Not a weather there could be; the text says why."""


def read_conditions(sent: Mapping[str, Any]) -> Conditions:
    """Read conditions; what is not named is fair."""
    return _read(Conditions, sent)


def read_rule(sent: Mapping[str, Any], name: str) -> Rule:
    """Read a rule; one without a name of its own gets this one."""
    effect = sent.get("effect")
    if not isinstance(effect, dict) or effect.get("kind") not in KINDS:
        raise BadWeather(f"effect.kind is one of: {', '.join(KINDS)}.")
    rest = {key: value for key, value in effect.items() if key != "kind"}
    made = _read(KINDS[effect["kind"]], rest)
    return _read(Rule, {"name": name, **sent, "effect": made})


def conditions_json(conditions: Conditions) -> dict[str, Any]:
    """Write what differs from fair weather."""
    fair = asdict(FAIR)
    return {name: value for name, value in asdict(conditions).items() if value != fair[name]}


def rule_json(rule: Rule) -> dict[str, Any]:
    return {**asdict(rule), "effect": effect_json(rule.effect)}


def effect_json(effect: Effect) -> dict[str, Any]:
    return {"kind": NAMES[type(effect)], **asdict(effect)}


def _read(kind: type[_Value], sent: Mapping[str, Any]) -> _Value:
    hints = get_type_hints(kind)
    for name, value in sent.items():
        if name not in hints:
            known = ", ".join(field.name for field in fields(kind))  # type: ignore[arg-type] # a dataclass
            raise BadWeather(f"{name} is unknown; there are: {known}.")
        if not _fits(hints[name], value):
            raise BadWeather(f"{name} cannot have this value.")
    try:
        return kind(**sent)
    except TypeError as error:
        raise BadWeather("Something that must be said is missing.") from error


def _fits(hint: Any, value: Any) -> bool:
    """Whether a value of JSON may stand where this type is asked for; numbers are not negative."""
    origin = get_origin(hint)
    if origin is UnionType:
        return any(_fits(one, value) for one in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if origin is not None:  # headers, the one mapping
        return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    return _is_plain(hint, value)


def _is_plain(hint: Any, value: Any) -> bool:
    if hint is NoneType:
        return value is None
    if hint is float:
        return type(value) in {int, float} and 0 <= value <= _LARGEST
    if hint is int:
        return type(value) is int and abs(value) <= _LARGEST
    return isinstance(value, hint)
