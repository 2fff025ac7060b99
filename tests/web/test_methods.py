"""Addresses of /api that are not there, methods that an address has not, HEAD and OPTIONS."""

import dataclasses
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from balancecloud.config import Config
from tests.web.program import Program

pytestmark = pytest.mark.real

FRIEND = "https://tool.example"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@pytest.fixture
def config(config: Config) -> Config:
    return dataclasses.replace(config, cors_origins=(FRIEND,), rate_limits=False)


def rules(app: Flask) -> Iterator[Rule]:
    return (rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/"))


def path_of(rule: Rule) -> str:
    values = {name: OTHERS.get(name, uuid.uuid4()) for name in rule.arguments}
    built = rule.build(values)
    assert built
    return built[1]


OTHERS: dict[str, object] = {"number": 1, "provider": "onedrive"}


def is_refused(answer: TestResponse, code: str) -> bool:
    told = answer.get_json()
    return set(told) == {"detail", "code"} and told["code"] == code and told["detail"].endswith(".")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/files/", "/api/v2/files"])
@pytest.mark.parametrize("method", sorted(METHODS - {"HEAD"}))
def test_where_nothing_is_the_answer_is_one_in_json(app: Flask, path: str, method: str) -> None:
    answer = Program(app).call(method, path)
    assert answer.status_code == 404
    assert is_refused(answer, "not_found")


def test_a_method_that_an_address_has_not_is_refused_and_the_others_are_named(
    app: Flask, program: Program
) -> None:
    program.register()
    had: dict[str, set[str]] = {}
    for rule in rules(app):
        had.setdefault(rule.rule, set()).update(rule.methods or ())
    for rule in rules(app):
        for method in METHODS - had[rule.rule]:
            answer = program.call(method, path_of(rule))
            assert answer.status_code == 405, (method, rule)
            assert set(answer.headers["Allow"].split(", ")) == had[rule.rule]
            if method != "HEAD":
                assert is_refused(answer, "method_not_allowed")


def test_head_says_what_get_says_without_its_body(app: Flask, program: Program) -> None:
    program.register()
    tus = {"Tus-Resumable": "1.0.0"}
    for rule in rules(app):
        if "HEAD" not in (rule.methods or ()):
            continue
        path = path_of(rule)
        answer = program.call("HEAD", path, headers=tus)
        assert answer.data == b""
        if "GET" in (rule.methods or ()):
            full = program.call("GET", path)
            assert answer.status_code == full.status_code, rule
            assert answer.mimetype == full.mimetype == "application/json", rule


def test_options_names_the_methods_of_an_address(app: Flask, program: Program) -> None:
    program.register()
    for rule in rules(app):
        if rule.endpoint.startswith("api_uploads"):
            continue  # tus says there what it can do
        answer = program.call("OPTIONS", path_of(rule))
        assert answer.status_code == 200, rule
        assert set(rule.methods or ()) <= set(answer.headers["Allow"].split(", "))
        assert answer.data == b""


def test_t18_a_listed_origin_may_ask_about_every_call(app: Flask) -> None:
    for rule in rules(app):
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            asked = {"Origin": FRIEND, "Access-Control-Request-Method": method}
            answer = app.test_client().options(path_of(rule), headers=asked)
            assert answer.status_code == 204, rule
            assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
            assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
            assert "Origin" in answer.headers["Vary"]


def test_t18_any_other_origin_hears_nothing_of_it(app: Flask) -> None:
    for rule in rules(app):
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        answer = app.test_client().options(path_of(rule), headers=asked)
        assert answer.status_code == 204, rule
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
