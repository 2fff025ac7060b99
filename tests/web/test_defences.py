"""Hosts, origins, bodies, encodings: what is refused before a view runs."""

import dataclasses
import io
from collections.abc import Iterator

import pytest
from flask import Flask

from balancecloud.app import create_app
from balancecloud.config import Config
from balancecloud.extensions import db
from tests.web.browser import PASSWORD, Browser
from tests.web.program import Program

pytestmark = pytest.mark.real

FRIEND = "https://tool.example"


@pytest.fixture
def open_app(config: Config) -> Iterator[Flask]:
    """An application that invites one other origin to its /api."""
    app = create_app(dataclasses.replace(config, cors_origins=(FRIEND,)))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil", ""])
@pytest.mark.parametrize("path", ["/sign-in", "/api/health", "/nothing", "/api/files"])
def test_t12_a_host_that_is_not_ours_is_refused(app: Flask, host: str, path: str) -> None:
    answer = app.test_client().get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.text
    assert "Location" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"])
def test_t12_our_own_hosts_are_served(app: Flask, host: str) -> None:
    assert app.test_client().get("/api/health/live", headers={"Host": host}).status_code == 200


def test_t12_a_redirect_names_no_host(browser: Browser) -> None:
    forwarded = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answer = browser.get("/files", headers=forwarded)
    assert answer.headers["Location"] == "/sign-in?next=/files"


@pytest.mark.parametrize("fields", [{}, {"csrf_token": ""}, {"csrf_token": "x.y.z"}])
@pytest.mark.parametrize("path", ["/sign-in", "/register"])
def test_t02_signing_in_needs_a_token_of_this_browser(
    browser: Browser, path: str, fields: dict[str, str]
) -> None:
    proof = {"email": "ada@example.org", "password": PASSWORD, **fields}
    browser.get(path)
    assert browser.post(path, proof).status_code == 403
    stranger = Browser(browser.app)
    answer = browser.post(path, {**proof, "csrf_token": stranger.token(path)})
    assert answer.status_code == 403
    assert not browser.is_inside()


def test_t02_signing_out_needs_a_token_of_this_browser(browser: Browser) -> None:
    browser.register()
    assert browser.post("/sign-out", {}).status_code == 403
    assert browser.is_inside()


def test_a_token_in_a_header_is_as_good_as_in_a_form(browser: Browser) -> None:
    browser.register()
    headers = {"Origin": "http://localhost", "X-CSRF-Token": browser.token("/settings")}
    answer = browser.client.post("/api/files/folders", json={"name": "Travel"}, headers=headers)
    assert answer.status_code == 201


def test_t01_a_session_changes_nothing_at_the_api_without_the_token(browser: Browser) -> None:
    browser.register()
    answer = browser.client.post("/api/files/folders", json={"name": "Travel"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "csrf_failed")


def test_a_change_by_get_does_not_exist(browser: Browser) -> None:
    browser.register()
    answer = browser.get("/sign-out")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
    assert browser.is_inside()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9", FRIEND])
def test_t18_no_origin_is_invited_unless_it_is_listed(app: Flask, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = app.test_client().open("/api/auth/me", method=method, headers=headers)
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_t18_a_listed_origin_is_invited_by_name_and_without_cookies(open_app: Flask) -> None:
    headers = {"Origin": FRIEND, "Access-Control-Request-Method": "POST"}
    asked = open_app.test_client().options("/api/auth/login", headers=headers)
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in asked.headers
    program = Program(open_app)
    program.register()
    answer = program.call("POST", "/api/auth/refresh", headers={"Origin": FRIEND})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_t18_an_unlisted_origin_stays_out_where_another_is_listed(
    open_app: Flask, origin: str
) -> None:
    answer = open_app.test_client().get("/api/health", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


def test_t18_a_listed_origin_is_invited_to_the_api_only(open_app: Flask) -> None:
    browser = Browser(open_app)
    browser.register()
    assert (
        "Access-Control-Allow-Origin"
        not in browser.get("/settings", headers={"Origin": FRIEND}).headers
    )
    fields = {"theme": "dark", "csrf_token": browser.token("/settings")}
    answer = browser.post("/settings/look", fields, headers={"Origin": FRIEND})
    assert answer.status_code == 403


def test_a_body_over_a_mebibyte_is_too_large(browser: Browser) -> None:
    answer = browser.post("/sign-in", {"email": "x" * (1 << 20), "csrf_token": "x"})
    assert answer.status_code == 413
    assert "larger than this server accepts" in answer.text


def test_t07_a_form_field_of_a_megabyte_is_too_large(browser: Browser) -> None:
    fields = {"email": "ada@example.org", "password": "x" * 1_000_000}
    assert browser.submit("/sign-in", fields).status_code == 413


def test_no_form_but_an_uploads_takes_a_file(browser: Browser) -> None:
    data = {"csrf_token": browser.token("/sign-in"), "email": (io.BytesIO(b"x"), "a")}
    answer = browser.client.post("/sign-in", data=data, content_type="multipart/form-data")
    assert answer.status_code == 415


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "x"])
def test_t29_a_compressed_body_is_not_unpacked(program: Program, encoding: str) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    answer = program.client.post("/api/auth/login", data=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media_type")


def test_t17_no_page_may_be_framed(browser: Browser) -> None:
    headers = browser.get("/sign-in").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


def test_the_content_policy_allows_nothing_inline_and_nothing_from_elsewhere(
    browser: Browser,
) -> None:
    policy = browser.get("/sign-in").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "nonce" not in policy
    assert "http" not in policy
    assert "*" not in policy
