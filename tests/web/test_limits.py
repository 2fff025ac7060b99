"""How often one may ask, and what happens when Redis cannot say."""

import dataclasses
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from limits import parse

from balancecloud.app import create_app
from balancecloud.config import Config
from balancecloud.extensions import db
from balancecloud.web import limits
from balancecloud.web.context import KEY
from tests.web.browser import Browser
from tests.web.program import Program

pytestmark = pytest.mark.real


def from_address(app: Flask, address: str) -> Program:
    """A program that calls from this address."""
    program = Program(app)
    program.client.environ_base["REMOTE_ADDR"] = address
    return program


def test_t10_a_sixth_password_within_a_minute_is_not_tried(app: Flask, browser: Browser) -> None:
    Browser(app).register()
    statuses = [browser.sign_in(password="wrong wrong wrong").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    answer = browser.sign_in()
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert "Too many tries. Wait" in answer.text
    assert not browser.is_inside()


def test_t10_pages_and_api_count_together_and_the_spelling_does_not_matter(
    app: Flask, browser: Browser
) -> None:
    program = Program(app)
    for email in ("ada@example.org", " ADA@example.org", "Ada@Example.Org "):
        assert program.login(email, "wrong").status_code == 401
    for _ in range(2):
        assert browser.sign_in(password="wrong").status_code == 401
    answer = program.login(password="wrong")
    assert (answer.status_code, answer.get_json()["code"]) == (429, "too_many")


def test_t10_other_people_get_in_meanwhile(app: Flask) -> None:
    Browser(app).register("grace@example.org")
    attacker = from_address(app, "203.0.113.1")
    for _ in range(6):
        attacker.login("ada@example.org", "wrong")
    assert from_address(app, "203.0.113.2").login("grace@example.org").status_code == 200


def test_t10_the_owner_gets_in_where_they_have_signed_in_before(
    app: Flask, browser: Browser
) -> None:
    browser.register()
    browser.submit("/settings", {}, "/sign-out")
    for number in range(20):
        from_address(app, f"203.0.113.{number}").login(password="wrong")
    assert Browser(app).sign_in().status_code == 429
    assert browser.sign_in().status_code == 303


def test_t10_a_known_browser_has_five_tries_too(browser: Browser) -> None:
    browser.register()
    browser.submit("/settings", {}, "/sign-out")
    statuses = [browser.sign_in(password="wrong").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_t10_a_browser_known_to_one_account_is_a_stranger_to_others(
    app: Flask, browser: Browser
) -> None:
    browser.register("eve@example.org")
    browser.submit("/settings", {}, "/sign-out")
    for _ in range(5):
        Program(app).login(password="wrong")
    assert browser.sign_in(password="wrong").status_code == 429


@pytest.mark.parametrize("cookie", ["", "x", "WyJhIiwiYiJd.AAAA", "e30.AAAA"])
def test_t10_a_cookie_that_we_did_not_sign_knows_nobody(
    app: Flask, browser: Browser, cookie: str
) -> None:
    for _ in range(5):
        Program(app).login(password="wrong")
    browser.client.set_cookie("balancecloud-known", cookie)
    assert browser.sign_in(password="wrong").status_code == 429


def test_t10_one_address_has_twenty_tries_over_all_accounts(app: Flask) -> None:
    attacker = from_address(app, "203.0.113.1")
    statuses = [
        attacker.login(f"person{number}@example.org", "wrong").status_code for number in range(21)
    ]
    assert statuses == [401] * 20 + [429]


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "local"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(app: Flask, address: str, counted_as: str) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert limits.address() == counted_as


def test_a_person_has_six_hundred_calls_a_minute(app: Flask, program: Program) -> None:
    program.register()
    person = program.call("GET", "/api/auth/me").get_json()["id"]
    lenient = app.extensions[KEY].limits._lenient
    lenient.limiter.hit(parse(limits.API), "lenient", person, "global", cost=598)
    assert program.call("GET", "/api/auth/me").status_code == 200
    answer = program.call("GET", "/api/auth/me")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_pages_and_conditional_polls_do_not_count(app: Flask, browser: Browser) -> None:
    browser.register()
    job = f"/api/jobs/{uuid.uuid4()}"
    with app.test_request_context(job, headers={"If-None-Match": '"1.2"'}):
        assert limits._is_not_counted()
    with app.test_request_context("/api/files/upload", method="POST"):
        assert limits._is_not_counted()
    with app.test_request_context("/files"):
        assert limits._is_not_counted()
    with app.test_request_context(job):
        assert not limits._is_not_counted()


@pytest.mark.parametrize("path", ["/api/health", "/api/files?q=a", "/api/jobs", "/api/auth/me"])
def test_t10_a_condition_on_other_calls_evades_no_limit(app: Flask, path: str) -> None:
    with app.test_request_context(path, headers={"If-None-Match": '"1.2"'}):
        assert not limits._is_not_counted()


def test_polls_have_a_limit_of_their_own(app: Flask, program: Program) -> None:
    program.register()
    person = program.call("GET", "/api/auth/me").get_json()["id"]
    lenient = app.extensions[KEY].limits._lenient
    lenient.limiter.hit(parse(limits.POLLS), "lenient", f"{person}/polls", "global", cost=599)
    job, known = f"/api/jobs/{uuid.uuid4()}", {"If-None-Match": '"1.2"'}
    assert program.call("GET", job, headers=known).status_code == 404
    assert program.call("GET", job, headers=known).status_code == 429
    assert program.call("GET", job).status_code == 404


def test_limits_can_be_switched_off(config: Config) -> None:
    app = create_app(dataclasses.replace(config, rate_limits=False))
    program = Program(app)
    statuses = {program.login(password="wrong").status_code for _ in range(8)}
    assert statuses == {401}
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def without_redis(config: Config) -> Iterator[Flask]:
    """An application whose Redis is away."""
    app = create_app(dataclasses.replace(config, redis_url="unix:///nonexistent/redis.sock"))
    yield app
    with app.app_context():
        db.engine.dispose()


def test_without_redis_passwords_are_refused_and_reading_goes_on(
    app: Flask, without_redis: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    program, browser = Program(app), Browser(app)
    browser.register()
    program.login()
    lonely = Browser(without_redis)
    lonely.client.set_cookie("balancecloud", browser.cookie() or "")
    assert lonely.get("/settings").status_code == 200
    assert lonely.get("/files").status_code == 200
    reader = Program(without_redis)
    reader.token = None
    answer = reader.login()
    assert (answer.status_code, answer.get_json()["code"]) == (503, "not_ready")
    assert answer.headers["Retry-After"]
    page = Browser(without_redis).sign_in()
    assert page.status_code == 503
    assert "nonexistent" not in page.text
    health = reader.call("GET", "/api/health")
    assert (health.status_code, health.get_json()["status"]) == (200, "degraded")
    assert health.get_json()["checks"]["queue"] == "down"


def test_without_redis_the_api_still_reads(
    app: Flask, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    program = Program(app)
    program.register()
    away = dataclasses.replace(config, redis_url="unix:///nonexistent/redis.sock")
    lonely = create_app(away)
    reader = Program(lonely)
    reader.token = program.token
    assert reader.call("GET", "/api/files").status_code == 200
    assert reader.call("GET", "/api/jobs").status_code == 200
    with lonely.app_context():
        db.engine.dispose()
