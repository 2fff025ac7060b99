"""How the application writes and reads JSON."""

import enum
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask

from balancecloud.web.json_values import DEEPEST, ApiJson


class Colour(enum.Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    at: datetime


@dataclass(frozen=True, slots=True)
class Outer:
    id: uuid.UUID
    inner: tuple[Inner, ...]
    colour: Colour
    nothing: None = None


@pytest.fixture
def provider() -> ApiJson:
    """The provider of a bare application."""
    return ApiJson(Flask(__name__))


def test_values_are_written_as_the_api_says(provider: ApiJson) -> None:
    moment = datetime(2026, 11, 23, 13, tzinfo=timezone(timedelta(hours=1)))
    value = Outer(uuid.UUID(int=7), (Inner(moment),), Colour.RED)
    assert provider.loads(provider.dumps(value)) == {
        "id": "00000000-0000-0000-0000-000000000007",
        "inner": [{"at": "2026-11-23T12:00:00Z"}],
        "colour": "red",
        "nothing": None,
    }


def test_a_moment_keeps_its_fraction(provider: ApiJson) -> None:
    moment = datetime(2026, 11, 23, 12, 0, 0, 5000, tzinfo=UTC)
    assert provider.dumps(moment) == '"2026-11-23T12:00:00.005000Z"'


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, Outer])
def test_what_has_no_form_in_json_is_refused(provider: ApiJson, value: object) -> None:
    with pytest.raises(TypeError, match="has no form in JSON"):
        provider.dumps(value)


def test_depth_has_a_bound(provider: ApiJson) -> None:
    deepest = "[" * (DEEPEST - 1) + "1" + "]" * (DEEPEST - 1)
    assert provider.loads(deepest)
    for depth in (DEEPEST + 1, 100_000):
        with pytest.raises(ValueError, match="too deep"):
            provider.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize("text", ['"\\ud800"', '{"a": ["\\udfff"]}', '{"\\ud800": 1}', "{", ""])
def test_what_is_no_text_is_refused(provider: ApiJson, text: str) -> None:
    with pytest.raises(ValueError, match=r"surrogates|Expecting"):
        provider.loads(text)
