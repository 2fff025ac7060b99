"""The q parameter of files.list, turned into a condition over rows."""

import re
from dataclasses import dataclass
from typing import Any

from cloudsim.clock import utc_seconds
from cloudsim.google.refusals import invalid
from cloudsim.store.objects import name_key

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z][A-Za-z0-9.]*)"
    r"|(?P<mark>!=|<=|>=|[=<>(){}]))"
)
_HAS = "EXISTS (SELECT 1 FROM json_each(details, ?) WHERE key = ? AND value = ?)"
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_TIMES = {"modifiedTime": "modified", "createdTime": "created"}
_FLAGS = {
    "trashed": "trashed",
    "starred": "COALESCE(details ->> '$.starred', 0)",
    "sharedWithMe": "0",
}


@dataclass(frozen=True)
class Condition:
    """A piece of SQL with its values."""

    text: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str


def read_query(text: str, root_id: str) -> Condition:
    """Read the condition a query states; refused as Drive does when there is none."""
    return _Reader(_tokens(text), root_id).whole()


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match or match.lastgroup is None:
            raise _unreadable()
        kind, value = match.lastgroup, match[match.lastgroup]
        if kind == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        tokens.append(_Token(kind, value))
        at = match.end()
    return tokens


def _unreadable() -> Exception:
    return invalid("q", "Invalid Value")


class _Reader:
    """Recursive descent: or, and, not, then one term."""

    def __init__(self, tokens: list[_Token], root_id: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._root_id = root_id

    def whole(self) -> Condition:
        condition = self._either()
        if self._at < len(self._tokens):
            raise _unreadable()
        return condition

    def _either(self) -> Condition:
        condition = self._both()
        while self._accept("or"):
            condition = _joined("OR", condition, self._both())
        return condition

    def _both(self) -> Condition:
        condition = self._negation()
        while self._accept("and"):
            condition = _joined("AND", condition, self._negation())
        return condition

    def _negation(self) -> Condition:
        if self._accept("not"):
            inner = self._negation()
            return Condition(f"NOT ({inner.text})", inner.values)
        if self._accept("("):
            inner = self._either()
            self._expect(")")
            return inner
        return self._term()

    def _term(self) -> Condition:
        first = self._next()
        if first.kind == "text":
            return self._member(first.value)
        if first.kind != "word":
            raise _unreadable()
        if first.value in _FLAGS:
            return self._flag(_FLAGS[first.value])
        if first.value in {"properties", "appProperties"}:
            return self._property(first.value)
        return self._comparison(first.value)

    def _member(self, value: str) -> Condition:
        """'id' in parents, 'me' in owners."""
        self._expect("in")
        collection = self._next().value
        if collection == "parents":
            return Condition("parent = ?", (self._root_id if value == "root" else value,))
        if collection in {"owners", "writers", "readers"}:
            return Condition("1" if value == "me" else "0")
        raise _unreadable()

    def _flag(self, column: str) -> Condition:
        """trashed, trashed=true, starred != false; bare names are true."""
        wanted = True
        for mark in ("=", "!="):
            if self._accept(mark):
                value = self._next().value
                if value not in {"true", "false"}:
                    raise _unreadable()
                wanted = (value == "true") == (mark == "=")
        return Condition(f"{column} = {int(wanted)}")

    def _property(self, name: str) -> Condition:
        """AppProperties has { key='k' and value='v' }."""
        for expected in ("has", "{", "key", "="):
            self._expect(expected)
        key = self._text()
        for expected in ("and", "value", "="):
            self._expect(expected)
        value = self._text()
        self._expect("}")
        return Condition(_HAS, (f"$.{name}", key, value))

    def _comparison(self, name: str) -> Condition:
        operator = self._next().value
        value = self._text()
        if name in _TIMES and operator in _COMPARISONS:
            try:
                return Condition(f"{_TIMES[name]} {operator} ?", (utc_seconds(value),))
            except ValueError as error:
                raise _unreadable() from error
        if name == "mimeType":
            return _text_match("mime", operator, value)
        if name in {"name", "fullText"}:
            return _text_match("name_key", operator, name_key(value))
        raise _unreadable()

    def _text(self) -> str:
        token = self._next()
        if token.kind != "text":
            raise _unreadable()
        return token.value

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise _unreadable()
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, value: str) -> bool:
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind != "text" and token.value == value:
                self._at += 1
                return True
        return False

    def _expect(self, value: str) -> None:
        if not self._accept(value):
            raise _unreadable()


def _joined(operator: str, left: Condition, right: Condition) -> Condition:
    return Condition(f"({left.text} {operator} {right.text})", left.values + right.values)


def _text_match(column: str, operator: str, value: str) -> Condition:
    if operator in {"=", "!="}:
        return Condition(f"{column} {operator} ?", (value,))
    if operator == "contains":
        return Condition(f"instr({column}, ?) > 0", (value,))
    raise _unreadable()
