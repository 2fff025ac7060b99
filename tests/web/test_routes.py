"""Access, CSRF and headers, for every route that the application has."""

import io
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from balancecloud.web import limits
from balancecloud.web.security import CONTENT_POLICY, SAFE_METHODS
from tests.web.belongings import Belongings, belongings_of
from tests.web.browser import Browser
from tests.web.program import Program
from tests.web.routes import ROUTES, Route

pytestmark = pytest.mark.real

EVIL = {"Origin": "https://evil.example"}


def calls(app: Flask, things: Belongings | None = None) -> Iterator[tuple[Route, str, str]]:
    """Yield each route with each of its methods and a path, of these things or of none."""
    for rule in app.url_map.iter_rules():
        route = ROUTES[rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield route, method, path_of(rule, route, things)


def path_of(rule: Rule, route: Route, things: Belongings | None) -> str:
    values: dict[str, object] = {}
    for name in rule.arguments:
        thing = route.things.get(name)
        values[name] = (
            (things.id_of(thing) if things else uuid.uuid4()) if thing else OTHER_NAMES[name]
        )
    built = rule.build(values)
    assert built
    return built[1]


OTHER_NAMES: dict[str, object] = {
    "version_id": uuid.UUID(int=1),  # asked for after whose job it is
    "filename": "app.css",
    "provider": "google_drive",
    "number": 1,
    "act": "move",
}


def is_api(path: str) -> bool:
    return path.startswith("/api/")


def test_every_route_says_who_may_call_it(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(ROUTES)


def test_every_variable_of_a_path_says_what_it_names(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        known = set(ROUTES[rule.endpoint].things) | set(OTHER_NAMES)
        assert set(rule.arguments) <= known, rule


def test_every_route_has_the_limit_it_says() -> None:
    said = {name: route.limit for name, route in ROUTES.items() if route.limit not in {None, "api"}}
    tables = {**limits.STRICT, **limits.LENIENT}
    kinds = {"sign-in": limits.SIGN_IN, "register": limits.REGISTER, "password": limits.PASSWORD}
    kinds["upload"] = limits.UPLOAD
    assert {name: kinds[limit] for name, limit in said.items() if limit} == tables


def test_nobody_gets_in_without_signing_in(app: Flask, browser: Browser) -> None:
    for route, method, path in calls(app):
        if route.who == "anyone":
            continue
        fields = {"csrf_token": browser.token("/sign-in")}
        answer = browser.client.open(path, method=method, data=fields)
        if is_api(path):
            assert answer.status_code == 401, (method, path)
            assert answer.get_json()["code"] == "not_signed_in"
        else:
            assert answer.status_code == 303, (method, path, answer.text)
            assert answer.headers["Location"].startswith("/sign-in?next="), (method, path)


def test_t01_a_change_without_a_csrf_token_is_refused(app: Flask, browser: Browser) -> None:
    browser.register()
    for route, method, path in calls(app):
        if method in SAFE_METHODS or route.proof == "none":
            continue
        answer = send(browser, method, path, {})
        assert answer.status_code == 403, (method, path, answer.text)
        assert browser.is_inside()


def test_t01_a_change_with_a_strangers_csrf_token_is_refused(app: Flask, browser: Browser) -> None:
    stranger = Browser(app)
    stranger.register("eve@example.org")
    browser.register()
    for route, method, path in calls(app):
        if method in SAFE_METHODS or route.proof == "none":
            continue
        answer = send(browser, method, path, {"csrf_token": stranger.token("/settings")})
        assert answer.status_code == 403, (method, path)


def test_t01_a_change_from_a_foreign_page_is_refused(app: Flask, browser: Browser) -> None:
    browser.register()
    token = browser.token("/settings")
    for _, method, path in calls(app):
        if method in SAFE_METHODS:
            continue
        for headers in (EVIL, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = send(browser, method, path, {"csrf_token": token}, headers)
            assert answer.status_code == 403, (method, path, headers)


def send(
    browser: Browser,
    method: str,
    path: str,
    fields: dict[str, str],
    headers: dict[str, str] | None = None,
) -> TestResponse:
    """Send what the route's page or a script would: a form with a file where files go up."""
    data: dict[str, object] = dict(fields)
    more = dict(headers or {"Origin": browser.base_url})
    if path.endswith("/upload"):
        data["files"] = (io.BytesIO(b"bytes"), "a.txt")
    elif is_api(path) and "csrf_token" in fields:
        more["X-CSRF-Token"] = fields["csrf_token"]
    return browser.client.open(
        path,
        method=method,
        data=data,
        headers=more,
        content_type="multipart/form-data" if path.endswith("/upload") else None,
    )


def test_t21_a_strangers_thing_is_the_404_of_a_missing_one(
    app: Flask, browser: Browser, program: Program
) -> None:
    owner = Program(app)
    owner.register("owner@example.org")
    things = belongings_of(app, "owner@example.org")
    browser.register("stranger@example.org")
    program.login("stranger@example.org")
    missing = list(calls(app))
    theirs = list(calls(app, things))
    named = [
        (method, path, other)
        for (route, method, path), (_, _, other) in zip(missing, theirs, strict=True)
        if route.names
    ]
    assert named
    for method, path, other in named:
        absent, foreign = (answer_to(browser, program, method, target) for target in (path, other))
        assert foreign == absent, (method, other)
        assert foreign[0] == 404, (method, other, foreign)


def answer_to(browser: Browser, program: Program, method: str, path: str) -> tuple[int, str]:
    """Ask as the stranger, with every proof that a stranger has."""
    if is_api(path):
        target = path + ("?permanent=true" if method == "DELETE" else "")
        answer = program.call(method, target, headers={"Tus-Resumable": "1.0.0"})
    elif method in SAFE_METHODS:
        answer = browser.get(path)
    else:
        answer = send(browser, method, path, {"csrf_token": browser.token("/settings")})
    text = answer.text.replace(answer.headers["X-Request-ID"], "")
    return answer.status_code, text


def test_every_answer_carries_the_headers(app: Flask, browser: Browser) -> None:
    for signed_in in (False, True):
        if signed_in:
            browser.register()
        for _, method, path in calls(app):
            refuse_bare(browser.client.open(path, method=method, buffered=True), path)
    for path in ("/nothing", "/api/nothing"):
        refuse_bare(browser.get(path), path)


def refuse_bare(answer: TestResponse, path: str) -> None:
    headers = answer.headers
    assert headers["Content-Security-Policy"] == CONTENT_POLICY, path
    assert headers["X-Content-Type-Options"] == "nosniff", path
    assert headers["X-Frame-Options"] == "DENY", path
    assert headers["Referrer-Policy"] == "same-origin", path
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
    assert "camera=()" in headers["Permissions-Policy"], path
    assert headers["X-Request-ID"], path
    assert "Access-Control-Allow-Origin" not in headers, path
    assert "Server" not in headers, path
    if not path.startswith("/static/") and path != "/api/openapi.json":
        assert headers["Cache-Control"] == "no-store, private", path
