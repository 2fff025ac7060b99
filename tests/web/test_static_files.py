"""Static files: kept for ever under their hash, looked at again without it."""

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from balancecloud.web.static_files import FOLDER, FOR_EVER, asset

pytestmark = pytest.mark.real


def fetched(app: Flask, path: str) -> TestResponse:
    return app.test_client().get(path, buffered=True)


def test_an_asset_is_kept_for_ever_under_its_hash(app: Flask) -> None:
    answer = fetched(app, asset("app.css"))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == FOR_EVER
    assert answer.headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize("query", ["", "?v=0123456789ab", "?v="])
def test_without_its_present_hash_it_is_looked_at_again(app: Flask, query: str) -> None:
    answer = fetched(app, f"/static/app.css{query}")
    assert "no-cache" in answer.headers["Cache-Control"]
    assert answer.headers["ETag"]


@pytest.mark.parametrize(
    "path", ["../pyproject.toml", "%2e%2e/pyproject.toml", "..%5cx", "nothing.css", "/etc/passwd"]
)
def test_nothing_but_our_static_files_is_served(app: Flask, path: str) -> None:
    assert fetched(app, f"/static/{path}").status_code in {308, 404}


def test_the_style_sheet_is_sent_without_what_it_says_to_its_readers(app: Flask) -> None:
    sent = fetched(app, "/static/app.css")
    written = (FOLDER / "app.css").read_text("utf-8")
    assert "/*" in written
    assert "/*" not in sent.text
    assert sent.text.count("{") == written.count("{")
    again = app.test_client().get(
        "/static/app.css", headers={"If-None-Match": sent.headers["ETag"]}
    )
    assert again.status_code == 304


def test_a_static_file_sets_no_cookie(app: Flask) -> None:
    assert "Set-Cookie" not in fetched(app, "/static/app.css").headers
