"""Schemathesis calls every operation of /api with what its description allows and forbids."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

from balancecloud.config import Config
from tests.web.clouds.inhabited import Inhabited, inhabited, things_of
from tests.web.program import Program
from tests.web.tus.sender import BODY

pytestmark = [pytest.mark.real, pytest.mark.sim, pytest.mark.whole]

CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.missing_required_header,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.ignored_auth,
]
# These end the token that all others are called with.
LAST = ("/api/auth/refresh", "/api/auth/logout")
# What may be said of data that is wrong, beside what schemathesis knows: tus asks for 412.
REFUSALS = ["400", "401", "403", "404", "405", "409", "411", "412", "413", "415", "422"]
EXAMPLES = 1
MOST_PROBES = 6
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, rate_limits=False)


@pytest.fixture
def drive(app: Flask, program: Program, config: Config) -> Inhabited:
    return inhabited(app, program, config)


@schemathesis.serializer(BODY)
def as_bytes(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def order(operation: Any) -> int:
    return LAST.index(operation.path) if operation.path in LAST else -1


@dataclass
class Caller:
    """Calls operations and keeps what went wrong, and which ever did what was asked."""

    drive: Inhabited
    problems: dict[str, str] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    aims: dict[str, dict[str, Any]] = field(default_factory=dict)

    def call(self, case: Any) -> None:
        """Make one call and hold its answer against every check."""
        token = {"Authorization": f"Bearer {self.drive.program.token}"}
        if case.meta is not None and "Authorization" in str(case.meta.phase.data):
            token = {}  # it is what the case is to lack, or to have wrong
        try:
            answer = case.call_and_validate(headers=token, checks=CHECKS)
        except BaseExceptionGroup as group:
            for one in group.exceptions:
                self.problems[f"{case.operation.label}: {type(one).__name__}"] = str(one)
            return
        if answer.status_code < 300 and case.method == case.operation.method.upper():
            self.met.add(case.operation.label)

    def meet(self, operation: Any) -> None:
        """Call it for something that is there."""
        values = things_of(self.drive).get(operation.label, dict)()
        self.call(operation.Case(**values))

    def probe(self, operation: Any, mode: GenerationMode) -> None:
        """Call it at each edge of its description, up to a number."""
        for case in itertools.islice(probes(operation, mode), MOST_PROBES):
            self.call(self.aimed(case))

    def try_out(self, operation: Any, mode: GenerationMode) -> None:
        """Call it with what chance makes of its description."""

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
            self.call(self.aimed(case))

        try:
            call()
        except Unsatisfiable:
            assert mode is NEGATIVE  # it takes nothing that could be wrong

    def aimed(self, case: Any) -> Any:
        """Return the case at something that is there, where its path is not what is wrong."""
        is_wrong = case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH)
        label = case.operation.label
        if case.path_parameters and not is_wrong:
            if label not in self.aims:
                self.aims[label] = things_of(self.drive)[label]()["path_parameters"]
            case.path_parameters = dict(self.aims[label])
            if "provider" in case.path_parameters and case.meta.is_negative_at(
                ParameterLocation.BODY
            ):
                case.path_parameters["provider"] = "folder"  # the one provider that reads a body
        return case


def probes(operation: Any, mode: GenerationMode) -> Iterator[Any]:
    generation = operation.schema.config.generation_for(operation=operation, phase="coverage")
    found: Iterator[Any] = operation.schema.iter_coverage_cases(
        operation, generation_modes=[mode], generation_config=generation
    )
    return found


@pytest.mark.timeout(600)
def test_no_call_answers_otherwise_than_it_declares(app: Flask, drive: Inhabited) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    schema.config.checks.negative_data_rejection.expected_statuses = REFUSALS
    found: list[Any] = list(schema.get_all_operations())
    operations = sorted((one.ok() for one in found), key=order)
    caller = Caller(drive)
    for operation in operations:
        if operation.path in LAST:
            drive.program.login()
        for mode in (NEGATIVE, POSITIVE):
            caller.probe(operation, mode)
            caller.try_out(operation, mode)
        if operation.path in LAST:
            drive.program.login()
        caller.meet(operation)
    assert len(operations) > 40
    assert not caller.problems, "\n\n".join(f"{k}\n{v}" for k, v in caller.problems.items())
    assert {one.label for one in operations} == caller.met
