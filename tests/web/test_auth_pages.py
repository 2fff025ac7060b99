"""Register, sign in, sign out, confirm the password, change it: as a browser sees it."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import Interval, literal, select, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.app import create_app
from balancecloud.config import Config
from balancecloud.extensions import db
from balancecloud.models.people import AuditEvent, SessionRow, User
from tests.web.browser import PASSWORD, Browser
from tests.web.program import Program

pytestmark = pytest.mark.real

OTHER = "another four words there"


def test_home_leads_to_where_one_can_go_on(app: Flask, browser: Browser) -> None:
    assert browser.get("/").headers["Location"] == "/register"
    browser.register()
    assert browser.get("/").headers["Location"] == "/files"
    assert Browser(app).get("/").headers["Location"] == "/sign-in"


def test_who_registers_is_signed_in(browser: Browser) -> None:
    answer = browser.register()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/files")
    assert browser.is_inside()


@pytest.mark.parametrize(
    ("email", "password", "status", "words"),
    [
        ("ada@example.org", "short", 422, "Use 12 characters or more."),
        ("not an address", PASSWORD, 422, "Enter an e-mail address"),
        ("taken@example.org", PASSWORD, 400, "There is already an account with that address."),
    ],
)
def test_a_registration_that_is_not_right_says_what_is_wrong(
    app: Flask, browser: Browser, email: str, password: str, status: int, words: str
) -> None:
    Browser(app).register("taken@example.org")
    answer = browser.register(email, password)
    assert answer.status_code == status
    assert words in answer.text.replace("&#39;", "'")
    assert password not in answer.text
    assert not browser.is_inside()


def test_a_wrong_password_keeps_the_address_and_says_one_sentence(
    app: Flask, browser: Browser
) -> None:
    Browser(app).register()
    answer = browser.sign_in(password="wrong wrong wrong")
    assert answer.status_code == 401
    assert "That address and password don" in answer.text
    assert "ada@example.org" in answer.text
    assert "wrong wrong wrong" not in answer.text


def test_t08_an_unknown_address_and_a_wrong_password_look_alike(
    app: Flask, browser: Browser
) -> None:
    Browser(app).register("someone@example.org")
    browser.get("/sign-in")
    wrong = browser.sign_in("someone@example.org", "wrong wrong wrong")
    unknown = browser.sign_in("nobody00@example.org", "wrong wrong wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert bare(wrong.text, "someone@example.org") == bare(unknown.text, "nobody00@example.org")
    assert sorted(name for name, _ in wrong.headers) == sorted(n for n, _ in unknown.headers)


def bare(page: str, email: str) -> str:
    """Return a page without what differs between any two."""
    lines = page.replace(email, "").splitlines()
    return "\n".join(line for line in lines if "csrf_token" not in line)


def test_t03_a_cookie_set_before_the_sign_in_is_worthless_after_it(
    app: Flask, browser: Browser
) -> None:
    browser.register()
    first = browser.cookie()
    browser.submit("/settings", {"email": "ada@example.org", "password": PASSWORD}, "/sign-in")
    second = browser.cookie()
    assert first != second
    planted = Browser(app)
    planted.client.set_cookie("balancecloud", first or "")
    assert not planted.is_inside()


def test_t03_a_cookie_that_someone_chose_is_not_taken_over(app: Flask) -> None:
    Browser(app).register()
    victim = Browser(app)
    victim.client.set_cookie("balancecloud", "chosen-by-an-attacker-0123456789abcdefghij")
    victim.sign_in()
    assert victim.is_inside()
    attacker = Browser(app)
    attacker.client.set_cookie("balancecloud", "chosen-by-an-attacker-0123456789abcdefghij")
    assert not attacker.is_inside()


def test_t03_the_forms_token_of_before_the_sign_in_is_dead_after_it(browser: Browser) -> None:
    before = browser.token("/register")
    browser.register()
    answer = browser.post("/settings/look", {"theme": "dark", "csrf_token": before})
    assert answer.status_code == 403


def test_t05_the_cookies_of_https_have_every_flag(https_app: Flask) -> None:
    browser = Browser(https_app, "https://cloud.example.org")
    answer = browser.submit(
        "/register", {"email": "a@example.org", "password": PASSWORD, "setup_code": "right code"}
    )
    assert answer.status_code == 303, answer.text
    form = browser.get("/settings").headers.getlist("Set-Cookie")
    set_now = answer.headers.getlist("Set-Cookie") + form
    named = {line.split("=")[0]: line.split("; ") for line in set_now if "Max-Age=0" not in line}
    assert set(named) == {
        "__Host-balancecloud",
        "__Host-balancecloud-form",
        "__Host-balancecloud-known",
    }
    for flags in named.values():
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(flags)
        assert not any(flag.startswith("Domain") for flag in flags)
    assert "max-age=63072000" in answer.headers["Strict-Transport-Security"]


def test_t05_on_this_computer_the_cookies_do_without_tls(browser: Browser) -> None:
    answer = browser.register()
    (line,) = [
        line for line in answer.headers.getlist("Set-Cookie") if line.startswith("balancecloud=")
    ]
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert "Secure" not in line
    assert "Strict-Transport-Security" not in answer.headers


@pytest.fixture
def https_app(config: Config) -> Iterator[Flask]:
    """The application as the internet sees it."""
    public = dataclasses.replace(
        config,
        public_url="https://cloud.example.org",
        trusted_hosts=("cloud.example.org",),
        setup_code=type(config.setup_code)(b"right code"),
    )
    app = create_app(public)
    yield app
    with app.app_context():
        db.engine.dispose()


def test_t06_a_new_secret_key_signs_nobody_out(config: Config, browser: Browser) -> None:
    browser.register()
    rotated = create_app(
        dataclasses.replace(
            config,
            secret_key=type(config.secret_key)(b"a secret key of quite another kind"),
            secret_key_fallbacks=(config.secret_key,),
        )
    )
    after = Browser(rotated)
    for name in ("balancecloud", "balancecloud-form"):
        after.client.set_cookie(name, browser.cookie(name) or "")
    assert after.is_inside()
    assert after.submit("/settings", {"theme": "dark"}, "/settings/look").status_code == 303
    with rotated.app_context():
        db.engine.dispose()


def test_t06_the_secret_key_alone_signs_nobody_in(app: Flask, browser: Browser) -> None:
    browser.register()
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer
    with app.app_context():
        user_id = str(db.session().scalars(select(User.id)).one())
    forger = Browser(app)
    for name in ("balancecloud", "balancecloud-form", "remember_token"):
        forger.client.set_cookie(name, str(signer.dumps({"_user_id": user_id, "_fresh": True})))
    assert not forger.is_inside()


def test_no_cookie_of_ours_names_anybody(browser: Browser) -> None:
    answer = browser.register()
    text = "\n".join([*answer.headers.getlist("Set-Cookie"), browser.cookie() or ""])
    assert "ada" not in text
    assert "user" not in text


def test_t04_after_signing_out_the_old_cookie_is_dead(app: Flask, browser: Browser) -> None:
    browser.register()
    secret = browser.cookie()
    answer = browser.submit("/settings", {}, "/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert browser.cookie() is None
    again = Browser(app)
    again.client.set_cookie("balancecloud", secret or "")
    assert not again.is_inside()


def test_t04_a_new_password_ends_every_other_session_and_token(
    app: Flask, browser: Browser, program: Program
) -> None:
    browser.register()
    elsewhere = Browser(app)
    elsewhere.sign_in()
    program.login()
    old = browser.cookie()
    answer = browser.submit("/settings/password", {"current": PASSWORD, "password": OTHER})
    assert answer.status_code == 303
    assert browser.is_inside()
    assert browser.cookie() != old
    assert not elsewhere.is_inside()
    assert program.call("GET", "/api/auth/me").status_code == 401
    assert Browser(app).sign_in().status_code == 401
    assert Browser(app).sign_in(password=OTHER).status_code == 303


def test_a_password_change_that_is_not_right_says_where(browser: Browser) -> None:
    browser.register()
    answer = browser.submit("/settings/password", {"current": "wrong", "password": OTHER})
    assert answer.status_code == 422
    assert "That is not your present password." in answer.text
    assert browser.is_inside()


def test_t04_a_disabled_account_is_out_at_once(
    browser: Browser, database: sessionmaker[Session]
) -> None:
    browser.register()
    with database.begin() as session:
        session.execute(update(User).values(is_active=False))
    assert not browser.is_inside()


def test_t04_half_an_hour_without_a_page_signs_out(
    browser: Browser, database: sessionmaker[Session]
) -> None:
    browser.register()
    age_sessions(database, "last_seen_at", timedelta(minutes=31))
    assert not browser.is_inside()


def test_each_page_renews_the_half_hour(browser: Browser, database: sessionmaker[Session]) -> None:
    browser.register()
    for _ in range(3):
        age_sessions(database, "last_seen_at", timedelta(minutes=20))
        assert browser.is_inside()


def age_sessions(database: sessionmaker[Session], column: str, by: timedelta) -> None:
    with database.begin() as session:
        moved = getattr(SessionRow, column) - literal(by, Interval)
        session.execute(update(SessionRow).values({column: moved}))


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/files?sort=size", "/files?sort=size"),
        ("//evil.example", "/"),
        ("https:evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/%0d%0aSet-Cookie:x=y", "/%0d%0aSet-Cookie:x=y"),
        ("/\r\nSet-Cookie:x=y", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_t13_signing_in_leads_to_our_own_pages_only(
    app: Flask, browser: Browser, asked: str, given: str
) -> None:
    Browser(app).register()
    answer = browser.submit(
        "/sign-in", {"email": "ada@example.org", "password": PASSWORD, "next": asked}
    )
    assert answer.headers["Location"] == given
    assert len(answer.headers.getlist("Location")) == 1


def test_a_page_that_needs_a_sign_in_is_where_one_lands_after_it(
    app: Flask, browser: Browser
) -> None:
    Browser(app).register()
    asked = browser.get("/settings/sessions?x=1").headers["Location"]
    assert asked == "/sign-in?next=/settings/sessions%3Fx%3D1"
    assert 'value="/settings/sessions?x=1"' in browser.get(asked).text


def test_giving_the_password_again_renews_the_session(
    app: Flask, browser: Browser, database: sessionmaker[Session]
) -> None:
    browser.register()
    age_sessions(database, "auth_time", timedelta(minutes=6))
    old = browser.cookie()
    answer = browser.submit("/confirm-password", {"password": PASSWORD, "next": "/clouds"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/clouds")
    assert browser.cookie() != old
    assert browser.is_inside()
    stolen = Browser(app)
    stolen.client.set_cookie("balancecloud", old or "")
    assert not stolen.is_inside()


def test_a_wrong_password_confirms_nothing(browser: Browser) -> None:
    browser.register()
    answer = browser.submit("/confirm-password", {"password": "wrong", "next": "/clouds"})
    assert answer.status_code == 401
    assert "That is not your password." in answer.text


def test_sessions_are_listed_and_ended(app: Flask, browser: Browser) -> None:
    browser.register()
    other = Browser(app)
    other.submit(
        "/sign-in",
        {"email": "ada@example.org", "password": PASSWORD},
        headers={"Origin": "http://localhost", "User-Agent": "Other/9"},
    )
    page = browser.get("/settings/sessions").text
    assert "Other/9" in page
    (theirs,) = [part.split("/end")[0] for part in page.split("/settings/sessions/")[1:]][-1:]
    browser.submit("/settings", {}, f"/settings/sessions/{theirs}/end")
    assert not other.is_inside()
    assert browser.is_inside()


def test_ending_the_other_sessions_keeps_this_one(app: Flask, browser: Browser) -> None:
    browser.register()
    other = Browser(app)
    other.sign_in()
    browser.submit("/settings", {}, "/settings/sessions/end-others")
    assert not other.is_inside()
    assert browser.is_inside()


@pytest.mark.parametrize(("theme", "status"), [("dark", 303), ("system", 303), ("x", 422)])
def test_the_look_is_kept_in_a_cookie(browser: Browser, theme: str, status: int) -> None:
    browser.register()
    assert browser.submit("/settings", {"theme": theme}, "/settings/look").status_code == status
    assert f'data-theme="{theme}"' in browser.get("/settings").text or status == 422


@pytest.mark.parametrize(("keys", "status"), [("off", 303), ("on", 303), ("x", 422)])
def test_whether_single_keys_work_is_kept_in_a_cookie(
    browser: Browser, keys: str, status: int
) -> None:
    browser.register()
    assert browser.submit("/settings/keys", {"keys": keys}).status_code == status
    assert f'data-keys="{keys}"' in browser.get("/files").text or status == 422
    assert ("turned off" in browser.get("/help/keys").text) == (keys == "off")


def test_signing_in_and_out_leaves_rows_in_the_audit_log(
    app: Flask, browser: Browser, database: sessionmaker[Session]
) -> None:
    browser.register()
    browser.submit("/settings", {}, "/sign-out")
    browser.sign_in(password="wrong wrong wrong")
    with database() as session:
        rows: Any = session.execute(select(AuditEvent.action, AuditEvent.address)).all()
    assert [row.action for row in rows] == ["session.opened", "session.closed", "session.refused"]
    assert {row.address for row in rows} == {"127.0.0.1"}
