"""The visit in docs/api.md is made as it is written there, and every call is in that page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from balancecloud.web.api.openapi import described
from tests.web.program import Program

pytestmark = pytest.mark.real

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"^```http\n(?P<call>[A-Z]+ \S+)\n(?P<rest>.*?)^```$", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"^(\d{3})$", re.MULTILINE)
STAND_IN = re.compile(r"<(\w+)>")
ANYTHING = "…"


def test_the_visit_goes_as_it_is_written(program: Program) -> None:
    known: dict[str, Any] = {}
    blocks = list(BLOCK.finditer(PAGE.read_text()))
    assert len(blocks) > 10
    for block in blocks:
        body, status, wanted = STATUS.split(block["rest"], maxsplit=1)
        method, path = STAND_IN.sub(lambda found: known[found[1]], block["call"]).split()
        answer = program.call(method, path, json.loads(body) if body.strip() else None)
        assert answer.status_code == int(status), (block["call"], answer.text)
        if wanted.strip():
            compare(json.loads(wanted), answer.get_json(), known)
        program.token = known.get("token", program.token)


def compare(wanted: Any, given: Any, known: dict[str, Any]) -> None:
    """Refuse an answer that is not the written one; learn what its stand-ins stand for."""
    if isinstance(wanted, dict):
        assert list(wanted) == list(given)
        for name, value in wanted.items():
            compare(value, given[name], known)
    elif isinstance(wanted, list):
        assert len(wanted) == len(given)
        for one, other in zip(wanted, given, strict=True):
            compare(one, other, known)
    elif isinstance(wanted, str) and (stand_in := STAND_IN.fullmatch(wanted)):
        assert known.setdefault(stand_in[1], given) == given
    elif wanted != ANYTHING:
        assert wanted == given


def test_every_declared_call_is_in_the_page(app: Flask) -> None:
    text = re.sub(r"\?[^`\s]*", "", PAGE.read_text())
    named = {re.sub(r"\{\w+\}", "{}", found) for found in re.findall(r"[A-Z]+ /api/[^`\s]+", text)}
    assert len(named) > 30
    missing = {
        call
        for rule, method, _ in described(app)
        if (call := f"{method} {re.sub('<[^>]+>', '{}', rule.rule)}") not in named
    }
    assert not missing
