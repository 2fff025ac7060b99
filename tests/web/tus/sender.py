"""A program that speaks tus, one request at a time."""

import base64
import uuid
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from balancecloud.extensions import db
from balancecloud.identity import sessions, tokens
from balancecloud.web.context import KEY
from tests.storage.world import Person
from tests.web.program import Program

BODY = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}


def metadata(**values: str) -> str:
    """Return an Upload-Metadata header."""
    return ",".join(f"{key} {encoded(value)}" for key, value in values.items())


def encoded(value: str | bytes) -> str:
    plain = value.encode() if isinstance(value, str) else value
    return base64.b64encode(plain).decode()


@dataclass
class Sender:
    """Sends requests with a program's token; headers given as None are left out."""

    program: Program

    def call(self, method: str, path: str, body: bytes = b"", **headers: Any) -> TestResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**TUS, "Authorization": f"Bearer {self.program.token}", **names}
        return self.program.client.open(
            path,
            method=method,
            data=body or None,
            headers={name: str(value) for name, value in sent.items() if value is not None},
        )

    def create(self, length: int | str | None, name: str = "a.bin", **more: Any) -> TestResponse:
        told = more.pop("told", None)
        headers = {"Upload-Length": length, "Upload-Metadata": metadata(filename=name)} | (
            {"Upload-Metadata": metadata(filename=name, **told)} if told else {}
        )
        return self.call("POST", "/api/uploads", **{**headers, **more})

    def begin(self, length: int, name: str = "a.bin", **told: str) -> str:
        """Create an upload and return its path."""
        answer = self.create(length, name, told=told)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, path: str, offset: object, body: bytes, **more: Any) -> TestResponse:
        headers = {"Content-Type": BODY, "Upload-Offset": offset}
        return self.call("PATCH", path, body, **{**headers, **more})

    def offset(self, path: str) -> int:
        answer = self.call("HEAD", path)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def get(self, path: str) -> Any:
        answer = self.program.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/uploads")["uploads"]
        return found

    def files(self, **query: str) -> list[dict[str, Any]]:
        path = "/api/files" + ("?" + "&".join(f"{k}={v}" for k, v in query.items()))
        found: list[dict[str, Any]] = self.get(path)["files"]
        return found

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/jobs")["jobs"]
        return found

    def reserved(self) -> int:
        return int(self.get("/api/files/storage/usage")["reserved_bytes"])


def new_program(app: Flask) -> Program:
    """Return a program of somebody new; nobody waits for a password's hash."""
    parts = app.extensions[KEY]
    person = Person.new(parts.gateway, {})
    with app.app_context():
        session = db.session()
        origin = sessions.Origin(None, None)
        opened = sessions.open_session(session, parts.config, person.user_id, origin, "bearer")
        found = sessions.by_id(session, parts.config, opened.session_id)
        assert found
        token, _ = tokens.issue(parts.config, found, parts.gateway.clock.now())
        session.commit()
    program = Program(app)
    program.token = token
    return program


def some_id() -> str:
    return str(uuid.uuid4())
