"""Copies and archives for programs."""

import http.client
import io
import socket
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.errors import Unavailable
from balancecloud.extensions import db
from balancecloud.library.archives import Entry, zipped
from balancecloud.models.library import Node, Version
from balancecloud.models.states import VersionState
from balancecloud.web.downloads import _chained
from tests.web.program import Program

HERE = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 20


@pytest.fixture
def owner(program: Program) -> Program:
    program.register()
    return program


def ask(owner: Program, method: str, path: str, body: object = None) -> Any:
    bearer = {"Authorization": f"Bearer {owner.token}"}
    return owner.client.open(f"/api/files{path}", method=method, json=body, headers=bearer)


def upload(app: Flask, owner: Program, name: str) -> str:
    """Take a file in and let it count as stored: what lies in the spool can be read."""
    bearer = {"Authorization": f"Bearer {owner.token}"}
    form = {"file": (io.BytesIO(name.encode()), name)}
    made = owner.client.post("/api/files/upload", data=form, headers=bearer).get_json()
    with app.app_context():
        db.session.execute(update(Version).values(state=VersionState.STORED))
        db.session.execute(update(Node).where(Node.file_id.is_not(None)).values(version=1))
        db.session.commit()
    return str(made["id"])


@pytest.mark.real
def test_a_copy_goes_beside_the_original_or_where_it_was_asked_for(
    app: Flask, owner: Program
) -> None:
    folder = ask(owner, "POST", "/folders", {"name": "Photos"}).get_json()["id"]
    file = upload(app, owner, "a.txt")

    beside = ask(owner, "POST", f"/{file}/copy", {})
    there = ask(owner, "POST", f"/{file}/copy", {"parent_id": folder, "name": "b.txt"})
    again = ask(owner, "POST", f"/{file}/copy", {"parent_id": folder, "name": "b.txt"})
    back = ask(owner, "POST", f"/{there.get_json()['id']}/copy", {"parent_id": None})

    answers = [beside, there, again, back]
    assert [one.status_code for one in answers] == [201] * 4
    assert [one.get_json()["path"] for one in answers] == [
        "/a (2).txt",
        "/Photos/b.txt",
        "/Photos/b (2).txt",
        "/b.txt",
    ]
    for one in answers:
        assert ask(owner, "GET", f"/{one.get_json()['id']}/download").data == b"a.txt"


@pytest.mark.real
def test_what_cannot_be_copied_is_told(app: Flask, owner: Program) -> None:
    folder = ask(owner, "POST", "/folders", {"name": "Photos"}).get_json()["id"]
    file = upload(app, owner, "a.txt")

    into_itself = ask(owner, "POST", f"/{folder}/copy", {"parent_id": folder})
    assert (into_itself.status_code, into_itself.get_json()["code"]) == (409, "into_itself")
    for body, status in (
        ({"parent_id": str(uuid.uuid4())}, 404),
        ({"parent_id": file}, 404),
        ({"name": "a/b"}, 422),
        ({"other": 1}, 422),
    ):
        assert ask(owner, "POST", f"/{file}/copy", body).status_code == status, body


@pytest.mark.real
def test_a_folder_comes_as_a_zip(app: Flask, owner: Program) -> None:
    folder = ask(owner, "POST", "/folders", {"name": "Photos"}).get_json()["id"]
    file = upload(app, owner, "a.txt")
    ask(owner, "PATCH", f"/{file}", {"parent_id": folder})

    with zipfile.ZipFile(io.BytesIO(ask(owner, "GET", f"/{folder}/zip").data)) as archive:
        assert archive.read("Photos/a.txt") == b"a.txt"
    with app.app_context():
        db.session.execute(update(Version).values(state=VersionState.LOST))
        db.session.commit()
    refused = ask(owner, "GET", f"/{folder}/zip")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "state_conflict")
    assert ask(owner, "GET", f"/{folder}/zip?rest=1").status_code == 200


def breaking(_environ: object, start: Any) -> Iterator[bytes]:
    """Answer as a page does of whose second file the bytes fail."""

    def contents(entry: Entry) -> Iterator[bytes]:
        yield b"x" * entry.size
        if entry.path == "second":
            raise Unavailable

    now = SYSTEM_CLOCK.now()
    entries = [Entry(name, uuid.uuid4(), 1000, now) for name in ("first", "second", "third")]
    pieces = zipped(entries, contents)
    start("200 OK", [("Content-Type", "application/zip")])
    return _chained(next(pieces), pieces)


@pytest.mark.long
def test_a_client_is_told_that_an_archive_broke_off(tmp_path: Path) -> None:
    address = tmp_path / "s"
    command = [sys.executable, "-m", "gunicorn", "-k", "gthread", "--no-control-socket"]
    server = subprocess.Popen(
        [*command, "-b", f"unix:{address}", "tests.web.test_copying_api:breaking"],
        cwd=HERE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr
        assert any("Booting worker" in line for line in server.stderr)
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(WAIT_SECONDS)
        line.connect(str(address))
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(line)
        answer.begin()
        with pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()
        assert b"first" in broken.value.partial
        assert b"PK\x05\x06" not in broken.value.partial
        answer.close()
        line.close()
    finally:
        server.terminate()
        server.communicate(timeout=WAIT_SECONDS)
