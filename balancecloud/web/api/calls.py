"""What a call of /api takes and answers, declared on its view.

The declaration reads the query and the body (`respond.query`, `respond.body`) and describes the
call in /api/openapi.json; the tests hold every answer against it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NotRequired, TypedDict, TypeVar

from balancecloud.errors import BalanceCloudError

View = TypeVar("View", bound=Callable[..., Any])
DECLARED: Final = "call"


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
class Call:
    """A call: its answers by status, a type of JSON each, `Content`, or None for no body."""

    answers: Mapping[int, Any]
    query: type | None = None
    body: Any = None
    is_body_needed: bool = True
    refusals: tuple[type[BalanceCloudError], ...] = ()
    headers: tuple[str, ...] = ()  # of a good answer, beside those that every answer has


def answers(status_and_types: Mapping[int, Any], **more: Any) -> Callable[[View], View]:
    """Declare what a view answers and takes; `more` are the fields of `Call`."""

    def declare(view: View) -> View:
        view.__dict__[DECLARED] = Call(answers=status_and_types, **more)
        return view

    return declare


def call_of(view: object) -> Call | None:
    """Return what is declared on a view."""
    return getattr(view, DECLARED, None)
