"""JSON as docs/api.md writes it: ids as text, times in UTC with Z; nothing too deep comes in."""

import dataclasses
import enum
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from flask.json.provider import DefaultJSONProvider

DEEPEST: Final = 32


class ApiJson(DefaultJSONProvider):
    """How the application reads and writes JSON."""

    sort_keys = False
    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return what a body says; ValueError when it is no text, malformed or nested too deep."""
        try:
            value = super().loads(s, **kwargs)
            # Half a surrogate pair is no text: no database and no hash would take it.
            json.dumps(value, ensure_ascii=False).encode()
        except RecursionError as problem:
            raise ValueError("nested too deep") from problem
        if _is_deeper(value, DEEPEST):
            raise ValueError("nested too deep")
        return value

    @staticmethod
    def default(value: Any) -> Any:
        """Return a value of ours in JSON's terms."""
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(value, uuid.UUID):
            return str(value)
        if isinstance(value, enum.Enum):
            return value.value
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = (field.name for field in dataclasses.fields(value))
            return {name: getattr(value, name) for name in names}
        raise TypeError(f"{type(value).__name__} has no form in JSON.")


def _is_deeper(value: object, depth: int) -> bool:
    level: list[object] = [value]
    for _ in range(depth):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return bool(level)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
