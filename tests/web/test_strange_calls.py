"""Schemathesis calls every operation of /api with what its description allows and forbids."""

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from tests.web.program import Program

pytestmark = [pytest.mark.real, pytest.mark.whole]

# negative_data_rejection does not hold: an empty parameter of an address counts as absent, and one
# that a call does not know is passed over. ignored_auth asks without a token; test_routes asks so
# of every route.
CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
]
# These end the token that all others are called with.
LAST = ("/api/auth/refresh", "/api/auth/logout")
EXAMPLES = 5


def order(operation: Any) -> int:
    return LAST.index(operation.path) if operation.path in LAST else -1


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_call_answers_otherwise_than_it_declares(
    app: Flask, program: Program, mode: GenerationMode
) -> None:
    program.register()
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    found: list[Any] = list(schema.get_all_operations())
    operations = [one.ok() for one in found]
    problems: list[str] = []
    for operation in sorted(operations, key=order):
        try:
            call_strangely(operation, mode, program.token or "")
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # it takes nothing that could be wrong
        except BaseExceptionGroup as group:
            problems.extend(f"{operation.label}: {one}" for one in group.exceptions)
    assert len(operations) > 30
    assert not problems, "\n\n".join(problems)


def call_strangely(operation: Any, mode: GenerationMode, token: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    call()
