"""The visit in docs/api.md is made as it is written there, and makes every call there is."""

import re

import pytest
from flask import Flask

from balancecloud.config import Config
from balancecloud.web import job_stream
from balancecloud.web.api.openapi import described
from tests.web.clouds.visit import BLOCK, PAGE, Visitor, examples
from tests.web.program import Program

pytestmark = [pytest.mark.real, pytest.mark.sim]

FENCE = re.compile(r"^ *```.+$", re.MULTILINE)


def test_the_visit_goes_as_it_is_written(
    app: Flask, program: Program, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_stream, "LEAST_SECONDS_BETWEEN_LOOKS", 0.01)
    (config.folder_roots[0] / "disk").mkdir()
    visitor = Visitor(app, program, {"path": config.folder_roots[0] / "disk"})
    for example in examples():
        visitor.make(example)


def test_the_visit_makes_every_call(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    made = set()
    for example in examples():
        some_id = "6f3e0f5e-0000-4000-8000-000000000000"
        path = re.sub(r"<\w+>", some_id, example.path.partition("?")[0])
        rule, _ = adapter.match(path, method=example.method, return_rule=True)
        made.add((rule.rule, example.method))
    assert {(rule.rule, method) for rule, method, _ in described(app)} == made


def test_every_example_of_the_page_is_one_that_is_made() -> None:
    page = PAGE.read_text()
    assert len(FENCE.findall(page)) == len(BLOCK.findall(page)) > 50


def test_every_declared_call_is_in_the_tables_of_the_page(app: Flask) -> None:
    text = re.sub(r"\?[^`\s]*", "", BLOCK.sub("", PAGE.read_text()))
    named = {re.sub(r"\{\w+\}", "{}", found) for found in re.findall(r"[A-Z]+ /api/[^`\s]+", text)}
    missing = {
        call
        for rule, method, _ in described(app)
        if (call := f"{method} {re.sub('<[^>]+>', '{}', rule.rule)}") not in named
    }
    assert not missing
