"""What every template may use. An error page gets nothing that has to be asked for."""

from typing import Any

from flask import Flask, request
from flask_wtf.csrf import generate_csrf

from balancecloud.web import context
from balancecloud.web.static_files import asset

THEMES = frozenset({"light", "dark"})


def register(app: Flask) -> None:
    """Hand these values to every template."""
    app.context_processor(_values)


def _values() -> dict[str, Any]:
    theme = request.cookies.get("theme", "")
    values: dict[str, Any] = {
        "theme": theme if theme in THEMES else "system",
        "asset": asset,
        "csrf_token": generate_csrf,
        "simulated": bool(context.config().simulator_url),
        "endpoint": request.endpoint,
        "person": None,
        "usage": None,
        "running_jobs": (),
    }
    return values if context.is_at_rest() else {**values, **_personal()}


def _personal() -> dict[str, Any]:
    return {"person": context.person_or_none()}
