"""/api/auth, as a program sees it."""

import dataclasses

import pytest
from flask import Flask

from balancecloud.app import create_app
from balancecloud.config import Config
from balancecloud.extensions import db
from tests.web.browser import PASSWORD, Browser
from tests.web.program import Program

pytestmark = pytest.mark.real


def test_registering_answers_with_a_token_that_works(program: Program) -> None:
    answer = program.register()
    assert answer.status_code == 201
    body = answer.get_json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 1800)
    assert set(body) == {"access_token", "token_type", "expires_in"}
    assert "Set-Cookie" not in answer.headers
    me = program.call("GET", "/api/auth/me").get_json()
    assert set(me) == {"id", "email", "is_active", "is_admin", "created_at"}
    assert (me["email"], me["is_active"], me["is_admin"]) == ("ada@example.org", True, True)
    assert me["created_at"].endswith("Z")


def test_a_taken_address_is_a_400(program: Program) -> None:
    program.register()
    answer = program.register()
    assert (answer.status_code, answer.get_json()["code"]) == (400, "email_taken")


def test_registration_can_be_closed(config: Config) -> None:
    app = create_app(dataclasses.replace(config, registration_open=False))
    assert Program(app).register("first@example.org").status_code == 201
    answer = Program(app).register("second@example.org")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "registration_closed")
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"email": "ada@example.org"},
        {"email": 7, "password": PASSWORD},
        {"email": "ada@example.org", "password": None},
        {"email": "ada@example.org", "password": ["x"]},
    ],
)
@pytest.mark.parametrize("call", ["register", "login"])
def test_a_body_that_does_not_validate_is_a_422(program: Program, call: str, body: object) -> None:
    answer = program.call("POST", f"/api/auth/{call}", body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"email": "\\ud800@example.org", "password": "four unrelated words here"}',
        b'{"email": "a@example.org", "password": "\\udfff four unrelated words here"}',
        b'{"email": "a@example.org", "password": ' + b"[" * 33 + b"]" * 33 + b"}",
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_json_of_ours_is_a_422(program: Program, body: bytes) -> None:
    for call in ("register", "login"):
        answer = program.client.post(
            f"/api/auth/{call}", data=body, content_type="application/json"
        )
        assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "extra", [{"is_admin": True}, {"owner_id": "1"}, {"quota_bytes": 1}, {"master_version": 2}]
)
def test_t23_fields_that_are_not_ours_to_give_are_refused(
    program: Program, extra: dict[str, object]
) -> None:
    body = {"email": "ada@example.org", "password": PASSWORD, **extra}
    answer = program.call("POST", "/api/auth/register", body)
    assert answer.status_code == 422
    assert list(answer.get_json()["fields"]) == list(extra)


def test_t08_an_unknown_address_and_a_wrong_password_get_one_answer(program: Program) -> None:
    program.register()
    wrong = program.login(password="wrong wrong wrong")
    unknown = program.login("nobody@example.org")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.get_json() == unknown.get_json()
    assert wrong.get_json()["code"] == "bad_credentials"
    assert sorted(name for name, _ in wrong.headers) == sorted(n for n, _ in unknown.headers)


def test_t07_a_long_password_works_and_a_huge_one_is_too_large(program: Program) -> None:
    assert program.register(password="long enough " * 83).status_code == 201
    assert program.login(password="long enough " * 83).status_code == 200
    assert program.login(password="x" * 1_000_000).status_code == 413


def test_refreshing_gives_a_new_token_and_ends_the_old_one(program: Program) -> None:
    program.register()
    answer = program.call("POST", "/api/auth/refresh")
    assert answer.status_code == 200
    assert program.call("GET", "/api/auth/me").status_code == 401
    program.token = answer.get_json()["access_token"]
    assert program.call("GET", "/api/auth/me").status_code == 200


def test_t04_after_logging_out_token_and_session_are_dead(app: Flask, program: Program) -> None:
    program.register()
    second = Program(app)
    second.token = program.call("POST", "/api/auth/refresh").get_json()["access_token"]
    assert second.call("POST", "/api/auth/logout").status_code == 204
    for method, path in (("GET", "me"), ("POST", "refresh"), ("POST", "logout")):
        answer = second.call(method, f"/api/auth/{path}")
        assert (answer.status_code, answer.get_json()["code"]) == (401, "not_signed_in")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_browsers_session_reads_the_api_but_cannot_refresh_a_token(browser: Browser) -> None:
    browser.register()
    assert browser.get("/api/auth/me").status_code == 200
    headers = {"Origin": "http://localhost", "X-CSRF-Token": browser.token("/settings")}
    answer = browser.client.post("/api/auth/refresh", headers=headers)
    assert answer.status_code == 401


def test_a_bad_token_is_not_made_good_by_a_cookie(browser: Browser) -> None:
    browser.register()
    headers = {"Authorization": "Bearer nonsense"}
    assert browser.get("/api/auth/me", headers=headers).status_code == 401


def test_a_token_opens_no_page(program: Program) -> None:
    program.register()
    assert program.call("GET", "/settings").status_code == 303


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer a b", "bearer  ", "x"])
def test_other_credentials_are_none(program: Program, value: str) -> None:
    answer = program.call("GET", "/api/auth/me", headers={"Authorization": value})
    assert answer.status_code == 401
