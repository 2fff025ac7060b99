"""Signing in, settings and errors with realistic values."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from balancecloud.library.protection import Choice, Protection
from tests.web.pages import account_samples as states


@dataclass(frozen=True)
class SessionView:
    id: uuid.UUID
    kind: str
    created_at: datetime
    last_seen_at: datetime
    address: str | None
    user_agent: str | None
    is_current: bool


SESSIONS = (
    SessionView(
        uuid.uuid4(),
        "browser",
        states.at(hours=1),
        states.at(),
        "127.0.0.1",
        "Firefox on Linux",
        True,
    ),
    SessionView(uuid.uuid4(), "bearer", states.at(days=1), states.at(days=1), None, None, False),
)
PROTECTION = Protection(
    1, 2, (Choice(0, 1, 1.0, True), Choice(1, 2, 2.0, True), Choice(2, 3, 3.0, False))
)
DOOR_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "sign-in": ("auth/sign_in.html", {"values": {"email": ""}, "error": None, "next": ""}),
    "sign-in-wrong": (
        "auth/sign_in.html",
        {
            "values": {"email": "a@b.c"},
            "error": "That address and password don't match.",
            "next": "/jobs",
        },
    ),
    "register": ("auth/register.html", {"values": {"email": ""}, "errors": {}, "first": False}),
    "register-first": (
        "auth/register.html",
        {
            "values": {"email": "x"},
            "errors": {"email": ["That is not an address."], "password": ["Too short."]},
            "first": True,
            "setup_code_needed": True,
        },
    ),
    "register-closed": ("auth/register.html", {"closed": True, "values": {}, "errors": {}}),
    "confirm-password": ("auth/confirm_password.html", {"error": None, "next": "/clouds"}),
    "confirm-password-wrong": (
        "auth/confirm_password.html",
        {"error": "Wrong password.", "next": ""},
    ),
}
SETTINGS_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "settings": ("settings/profile.html", {}),
    "protection": ("settings/protection.html", {"protection": PROTECTION, "errors": {}}),
    "protection-wrong": (
        "settings/protection.html",
        {
            "protection": PROTECTION,
            "errors": {"protection": ["Choose 0, 1 or 2 accounts."]},
        },
    ),
    "password": ("settings/password.html", {"errors": {}}),
    "password-wrong": (
        "settings/password.html",
        {"errors": {"current": ["That is not your password."]}},
    ),
    "sessions": ("settings/sessions.html", {"sessions": SESSIONS}),
}
ERROR_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "error-404": (
        "errors/error.html",
        {
            "status": 404,
            "title": "Not Found",
            "sentence": "There is nothing here.",
            "code": "not_found",
        },
    ),
    "error-500": (
        "errors/error.html",
        {
            "status": 500,
            "title": "Error",
            "sentence": "Something went wrong.",
            "code": "internal_error",
        },
    ),
    "error-429": (
        "errors/error.html",
        {"status": 429, "title": "Too Many", "sentence": "Wait 30 seconds.", "code": "too_many"},
    ),
}
