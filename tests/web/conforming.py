"""A client that holds every answer of /api against what the application declares."""

import functools
from typing import Any

import jsonschema_rs
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from balancecloud.web.api.openapi import VARIABLE, describe

FAULTS_OF_OURS = {405, 500}  # nothing is declared for a method that a path does not have


class ConformingClient(FlaskClient):
    """Fails where status, type or body of an answer are not those of the declaration."""

    def open(self, *arguments: Any, **named: Any) -> TestResponse:
        """Make the request and judge its answer."""
        answer = super().open(*arguments, **named)
        if answer.request.path.startswith("/api/"):
            judge(self.application, answer)
        return answer


@functools.lru_cache(maxsize=8)
def document_of(app: Flask) -> dict[str, Any]:
    return describe(app)


def judge(app: Flask, answer: TestResponse) -> None:
    """Refuse an answer that its call does not declare."""
    operation = _operation(app, answer)
    if operation is None or answer.status_code in FAULTS_OF_OURS:
        return
    call = f"{answer.request.method} {answer.request.path}"
    assert str(answer.status_code) in operation["responses"], (call, answer.status_code)
    content = operation["responses"][str(answer.status_code)].get("content")
    if content is None or answer.request.method == "HEAD":
        return
    if "application/json" in content:
        assert answer.mimetype == "application/json", (call, answer.mimetype)
        schema = content["application/json"]["schema"]
        problems = problems_of(document_of(app), schema, answer.get_json())
        assert not problems, (call, answer.status_code, problems)


def problems_of(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """Return what is wrong with a value."""
    whole = {**schema, "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{list(one.instance_path)}: {one.message}" for one in validator.iter_errors(value)]


def _operation(app: Flask, answer: TestResponse) -> dict[str, Any] | None:
    adapter = app.url_map.bind("localhost")
    method = answer.request.method
    try:
        rule, _ = adapter.match(answer.request.path, method=method, return_rule=True)
    except HTTPException:
        return None
    path = VARIABLE.sub(r"{\1}", rule.rule)
    calls = document_of(app)["paths"].get(path, {})
    # The framework answers HEAD as it does GET, where no answer of its own is declared.
    found = calls.get(method.lower(), calls.get("get") if method == "HEAD" else None)
    return found if isinstance(found, dict) else None
