"""A browser as far as forms and cookies go: it keeps cookies and sends what a page holds."""

import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

PASSWORD = "four unrelated words here"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """One person's browser, speaking to an application without a socket."""

    def __init__(self, app: Flask, base_url: str = "http://localhost") -> None:
        self.app = app
        self.client = app.test_client()
        self.base_url = base_url

    def get(self, path: str, **more: Any) -> TestResponse:
        """Ask for a page."""
        return self.client.get(path, base_url=self.base_url, **more)

    def submit(
        self, page: str, fields: dict[str, str], action: str | None = None, **more: Any
    ) -> TestResponse:
        """Open a page, fill in its form and send it."""
        return self.post(action or page, {**fields, "csrf_token": self.token(page)}, **more)

    def post(self, path: str, fields: dict[str, str], **more: Any) -> TestResponse:
        """Send a form without having opened its page."""
        more.setdefault("headers", {"Origin": self.base_url})
        return self.client.post(path, data=fields, base_url=self.base_url, **more)

    def token(self, page: str) -> str:
        """Return the CSRF token in a page."""
        found = TOKEN.search(self.get(page).text)
        assert found, f"{page} holds no CSRF token"
        return found.group(1)

    def register(self, email: str = "ada@example.org", password: str = PASSWORD) -> TestResponse:
        """Make an account and be signed in."""
        return self.submit("/register", {"email": email, "password": password})

    def sign_in(self, email: str = "ada@example.org", password: str = PASSWORD) -> TestResponse:
        """Sign in."""
        return self.submit("/sign-in", {"email": email, "password": password})

    def is_inside(self) -> bool:
        """Say whether the server takes this browser for someone signed in."""
        return self.get("/settings").status_code == 200

    def cookie(self, name: str = "balancecloud") -> str | None:
        """Return a cookie's value."""
        found = self.client.get_cookie(name)
        return found.value if found else None
