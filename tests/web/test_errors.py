"""What is said when something fails, and what is not."""

import dataclasses
import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from balancecloud.app import create_app
from balancecloud.config import Config
from balancecloud.errors import IntegrityError, Throttled
from balancecloud.extensions import db
from balancecloud.web import security
from tests.web.browser import Browser
from tests.web.program import Program

pytestmark = pytest.mark.real

SECRET = "CANARY-5b1c"


@pytest.fixture
def failing(config: Config) -> Iterator[Flask]:
    """An application with views that fail in each way."""
    app = create_app(config)
    failures: dict[str, Exception] = {
        "unexpected": RuntimeError(SECRET),
        "integrity": IntegrityError(SECRET),
        "throttled": Throttled(retry_after=12.2),
    }
    for name, problem in failures.items():
        for prefix in ("", "/api"):
            add_failing(app, f"{prefix}/{name}", problem)
    yield app
    with app.app_context():
        db.engine.dispose()


def add_failing(app: Flask, path: str, problem: Exception) -> None:
    @security.public
    def fail() -> str:
        raise problem

    app.add_url_rule(path, endpoint=path, view_func=fail)


def test_an_unexpected_error_is_one_sentence_with_a_reference(
    failing: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    answer = Browser(failing).get("/unexpected")
    assert answer.status_code == 500
    assert "Something went wrong on this server." in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    assert SECRET in caplog.text  # the log knows


def test_an_unexpected_error_of_the_api_is_json(
    failing: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    answer = Program(failing).call("GET", "/api/unexpected")
    assert answer.status_code == 500
    assert answer.get_json() == {
        "detail": "Something went wrong on this server. Your files are not affected.",
        "code": "internal_error",
    }


def test_the_cause_of_a_failed_check_goes_to_the_log_alone(
    failing: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/integrity", "/api/integrity"):
        answer = Browser(failing).get(path)
        assert answer.status_code == 502
        assert SECRET not in answer.text
    assert SECRET in caplog.text


def test_a_clouds_patience_is_passed_on(failing: Flask, caplog: pytest.LogCaptureFixture) -> None:
    answer = Program(failing).call("GET", "/api/throttled")
    assert (answer.status_code, answer.get_json()["code"]) == (502, "throttled")
    assert answer.headers["Retry-After"] == "13"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("DELETE", "/api/auth/me", 405, "method_not_allowed"),
        ("GET", "/api/files/not-an-id", 404, "not_found"),
    ],
)
def test_the_frameworks_errors_are_ours_in_form(
    program: Program, method: str, path: str, status: int, code: str
) -> None:
    program.register()
    answer = program.call(method, path)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert answer.get_json()["detail"].endswith(".")


def test_a_page_that_is_not_there_is_a_page(browser: Browser) -> None:
    answer = browser.get("/nothing")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_a_pages_script_gets_json_it_can_read(browser: Browser) -> None:
    answer = browser.get("/files", headers={"Sec-Fetch-Dest": "empty"})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "not_signed_in")


@pytest.fixture
def without_database(config: Config) -> Iterator[Flask]:
    """An application whose database is away."""
    nowhere = "postgresql+psycopg2://nobody@/nothing?host=/nonexistent"
    app = create_app(dataclasses.replace(config, database_url=nowhere))
    yield app
    with app.app_context():
        db.engine.dispose()


def test_without_the_database_pages_say_so_in_our_style(
    without_database: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(without_database)
    browser.client.set_cookie("balancecloud", "x" * 43)
    for path in ("/", "/files", "/settings"):
        answer = browser.get(path)
        assert answer.status_code == 503, path
        assert answer.headers["Retry-After"]
        assert "<h1>" in answer.text
        assert "nonexistent" not in answer.text
        assert "psycopg" not in answer.text


def test_without_the_database_the_api_says_so(
    without_database: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    program = Program(without_database)
    answer = program.login()
    assert (answer.status_code, answer.get_json()["code"]) == (503, "not_ready")
    health = program.call("GET", "/api/health")
    assert health.status_code == 503
    assert health.get_json()["status"] == "down"
    assert health.get_json()["checks"]["database"] == "down"
    assert program.call("GET", "/api/health/live").status_code == 200


def test_without_the_database_static_files_are_served(without_database: Flask) -> None:
    answer = without_database.test_client().get("/static/app.css", buffered=True)
    assert answer.status_code == 200


def test_nothing_of_a_failed_request_is_kept(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    app = create_app(config)
    browser = Browser(app)
    browser.register()
    answer = browser.submit(
        "/settings/password", {"current": "wrong wrong", "password": "another four words"}
    )
    assert answer.status_code == 422
    assert Browser(app).sign_in().status_code == 303
    with app.app_context():
        db.engine.dispose()
