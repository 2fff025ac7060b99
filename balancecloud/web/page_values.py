"""What every template may use. An error page gets nothing that has to be asked for."""

import functools
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, request
from flask_wtf.csrf import generate_csrf
from werkzeug.local import LocalProxy

from balancecloud.library.jobs import UNFINISHED, list_jobs
from balancecloud.library.usage import Gauge, gauge
from balancecloud.library.views import JobView
from balancecloud.web import context
from balancecloud.web.static_files import asset

THEMES: Final = frozenset({"light", "dark"})
MOST_RUNNING_JOBS: Final = 3


def register(app: Flask) -> None:
    """Hand these values to every template."""
    app.context_processor(_values)


def _values() -> dict[str, Any]:
    theme = request.cookies.get("theme", "")
    values: dict[str, Any] = {
        "theme": theme if theme in THEMES else "system",
        "keys_on": request.cookies.get("keys") != "off",
        "asset": asset,
        "csrf_token": generate_csrf,
        "simulated": bool(context.config().simulator_url),
        "weather": _weather(),
        "endpoint": request.endpoint,
        "person": None,
        "usage": None,
        "running_jobs": (),
    }
    return values if context.is_at_rest() else {**values, **_personal()}


def _weather() -> str | None:
    """Return the page on which the simulated clouds are made slow, full or unreachable."""
    simulator = context.config().simulator_url
    return f"{simulator.rstrip('/')}/weather" if simulator else None


def _personal() -> dict[str, Any]:
    person = context.person_or_none()
    if person is None:
        return {}
    return {
        "person": person,
        "usage": _when_used(_usage),
        "limit_bytes": context.config().largest_file_bytes,
        "running_jobs": _when_used(_running_jobs),
    }


def _when_used(make: Callable[[], Any]) -> Any:
    """Return a stand-in that asks once, when a template looks: fragments never do."""
    return LocalProxy(functools.cache(make))


def _usage() -> Gauge:
    return gauge(context.session(), context.config(), context.person().id)


def _running_jobs() -> tuple[JobView, ...]:
    return list_jobs(
        context.session(), context.progress(), context.person().id, UNFINISHED, MOST_RUNNING_JOBS
    )
