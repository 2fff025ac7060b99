"""What a call of /api takes and answers, declared on its view.

The declaration reads the query and the body (`respond.query`, `respond.body`) and describes the
call in /api/openapi.json; the tests hold every answer against it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NotRequired, TypedDict, TypeVar

from balancecloud.errors import BalanceCloudError

View = TypeVar("View", bound=Callable[..., Any])
DECLARED: Final = "calls"
OWN_METHODS: Final = frozenset({"HEAD", "OPTIONS"})  # the framework answers them by itself


class Error(TypedDict):
    """What every refusal says."""

    detail: str
    code: str
    fields: NotRequired[dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Content:
    """An answer or a body that is not JSON."""

    mime_type: str
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Header:
    """A header that a call takes, of its own beside those of all."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call: its answers by status, a type of JSON each, `Content`, or None for no body."""

    answers: Mapping[int, Any]
    query: type | None = None
    body: Any = None
    is_body_needed: bool = True
    refusals: tuple[type[BalanceCloudError], ...] = ()
    takes: tuple[Header, ...] = ()
    headers: tuple[str, ...] = ()  # of a good answer, beside those that every answer has
    method: str | None = None  # the one this is of; none: all but HEAD and OPTIONS


def answers(status_and_types: Mapping[int, Any], **more: Any) -> Callable[[View], View]:
    """Declare what a view answers and takes; `more` are the fields of `Call`.

    A view of several methods is declared once for each.
    """

    def declare(view: View) -> View:
        said = view.__dict__.setdefault(DECLARED, {})
        call = Call(answers=status_and_types, **more)
        said[call.method] = call
        return view

    return declare


def call_of(view: object, method: str) -> Call | None:
    """Return what is declared on a view of this method."""
    said: Mapping[str | None, Call] = getattr(view, DECLARED, {})
    implied = None if method in OWN_METHODS else said.get(None)
    return said.get(method, implied)
