"""/api/openapi.json: every call of /api as it is declared, and what it promises of them."""

import uuid

import jsonschema_rs
import pytest
from flask import Flask

from balancecloud import __version__
from balancecloud.web.api.calls import OWN_METHODS, call_of
from tests.web.program import Program

pytestmark = pytest.mark.real

PATH = "/api/openapi.json"


def test_every_route_of_the_interface_declares_what_it_takes_and_answers(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    undeclared = {
        (rule.endpoint, method)
        for rule in rules
        for method in (rule.methods or set()) - OWN_METHODS
        if call_of(app.view_functions[rule.endpoint], method) is None
    }
    assert rules
    assert not undeclared


def test_anyone_may_read_the_description(program: Program) -> None:
    answer = program.call("GET", PATH)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    document = answer.get_json()
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == __version__
    assert "/api/files/{node_id}/versions/{number}" in document["paths"]


def test_a_known_description_is_not_sent_again(program: Program) -> None:
    first = program.call("GET", PATH)
    again = program.call("GET", PATH, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""
    assert "no-store" not in first.headers["Cache-Control"]


def test_every_schema_of_the_description_is_one(program: Program) -> None:
    document = program.call("GET", PATH).get_json()
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        assert schema["additionalProperties"] is False, name


@pytest.mark.parametrize("method", ["PUT", "TRACE", "PATCH"])
def test_a_method_that_a_path_has_not_is_refused_in_json(program: Program, method: str) -> None:
    answer = program.call(method, "/api/files")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert answer.get_json()["code"] == "method_not_allowed"


def test_a_version_to_download_is_read_where_it_is_given(program: Program) -> None:
    program.register()
    address = f"/api/files/{uuid.uuid4()}/download?version="
    assert program.call("GET", address + "1").status_code == 404
    refused = program.call("GET", address + "-1")
    assert refused.status_code == 422
    assert set(refused.get_json()["fields"]) == {"version"}
