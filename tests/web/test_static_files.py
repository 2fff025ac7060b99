"""Static files: kept for ever under their hash, looked at again without it."""

import re
from typing import Final

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from balancecloud.web.static_files import FOLDER, FOR_EVER, as_sent, asset, is_ours

pytestmark = pytest.mark.real

WHOLE: Final = re.DOTALL | re.MULTILINE
REMARK: Final = re.compile(r"/\*|(?<![:\"'`\\/])//(?![\"'`*])")
OURS: Final = [
    path
    for path in sorted(str(found.relative_to(FOLDER)) for found in FOLDER.rglob("*.*s*"))
    if is_ours(path)
]


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


@pytest.mark.parametrize("path", OURS)
def test_what_we_wrote_is_sent_without_what_it_says_to_its_readers(app: Flask, path: str) -> None:
    sent = fetched(app, f"/static/{path}")
    written = (FOLDER / path).read_text("utf-8")
    assert sent.status_code == 200
    assert len(sent.text) < len(written)
    assert not REMARK.search(sent.text)
    again = app.test_client().get(
        f"/static/{path}", headers={"If-None-Match": sent.headers["ETag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize("path", OURS)
def test_nothing_but_remarks_and_spaces_is_missing_from_what_is_sent(path: str) -> None:
    written = (FOLDER / path).read_text("utf-8")
    if path.endswith(".css"):
        assert as_sent(path).count("{") == written.count("{")
        return
    lines = [
        line.strip() for line in re.sub(r"^ */\*\*.*?\*/$", "", written, flags=WHOLE).splitlines()
    ]
    code = [line for line in lines if line and not line.startswith("//")]
    assert len(code) == len(as_sent(path).splitlines())
    for whole, sent in zip(code, as_sent(path).splitlines(), strict=True):
        assert whole == sent or whole.startswith(f"{sent} // ")
        assert sent.count("`") % 2 == 0  # a text over two lines would lose its spaces


def test_a_static_file_sets_no_cookie(app: Flask) -> None:
    assert "Set-Cookie" not in fetched(app, "/static/app.css").headers
