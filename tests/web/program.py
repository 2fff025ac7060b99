"""A program that calls /api with a token of its own."""

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.web.browser import PASSWORD


class Program:
    """Calls of /api, with the token it got last."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client(use_cookies=False)
        self.token: str | None = None

    def call(self, method: str, path: str, body: object = None, **more: Any) -> TestResponse:
        """Make one call; a body is sent as JSON."""
        headers = dict(more.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.client.open(path, method=method, json=body, headers=headers, **more)

    def register(self, email: str = "ada@example.org", password: str = PASSWORD) -> TestResponse:
        """Make an account and keep its token."""
        return self._enter("/api/auth/register", email, password)

    def login(self, email: str = "ada@example.org", password: str = PASSWORD) -> TestResponse:
        """Sign in and keep the token."""
        return self._enter("/api/auth/login", email, password)

    def _enter(self, path: str, email: str, password: str) -> TestResponse:
        answer = self.call("POST", path, {"email": email, "password": password})
        if answer.status_code in {200, 201}:
            self.token = answer.get_json()["access_token"]
        return answer
