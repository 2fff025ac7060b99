"""What the log says of a request, and what it never says."""

import logging

import pytest
from flask import Flask

from balancecloud.web import logs
from tests.web.browser import PASSWORD, Browser

pytestmark = pytest.mark.real


def test_l01_a_log_at_debug_holds_no_secret(
    app: Flask, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    browser.register()
    browser.get("/search?q=CANARY-QUERY")
    browser.get("/CANARY-PATH", headers={"Authorization": "Bearer CANARY-TOKEN"})
    browser.post("/sign-in", {"email": "CANARY-EMAIL", "password": "CANARY-PASSWORD"})
    said = "\n".join(logs.Line().format(record) for record in caplog.records)
    assert "GET /search 200" in said
    assert "CANARY" not in said
    assert PASSWORD not in said
    assert (browser.cookie() or "no cookie") not in said


def test_l01_a_line_of_the_log_cannot_be_forged() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "a\nb\r\nc", None, None)
    assert logs.Line().format(record) == "a\\nb\\r\\nc"


def test_each_line_names_its_request(app: Flask) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "words", None, None)
    with app.test_request_context("/"):
        logs.RequestName().filter(record)
    assert len(record.__dict__["request"]) == 12
