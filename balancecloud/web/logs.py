"""One line per event: time, level, request, words. No query strings, names or secrets."""

import hashlib
import logging
import time
from logging.config import dictConfig

from flask import Flask, Response, request

from balancecloud.web import context

logger = logging.getLogger(__name__)


class RequestName(logging.Filter):
    """Puts the request's id into each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, named."""
        record.request = context.request_id()
        return True


class Line(logging.Formatter):
    """Prints a record on one line; line breaks inside it cannot forge another."""

    converter = staticmethod(time.gmtime)  # in UTC, as everything here

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


def configure(level: str) -> None:
    """Send every log line to standard error, in one form."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": RequestName}},
            "formatters": {
                "line": {
                    "()": Line,
                    "format": "%(asctime)sZ %(levelname)s %(name)s [%(request)s] %(message)s",
                    "datefmt": "%Y-%m-%dT%H:%M:%S",
                }
            },
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "line",
                    "filters": ["request"],
                }
            },
            "root": {"level": level, "handlers": ["stderr"]},
            # These write statements, addresses and parameters at DEBUG; ours say what matters.
            "loggers": {
                name: {"level": "WARNING"}
                for name in ("sqlalchemy", "urllib3", "requests", "authlib", "rq", "flask_wtf")
            },
        }
    )


def register(app: Flask) -> None:
    """Log each request by its route: what was typed into an address may be a name."""
    app.after_request(_log)


def _log(response: Response) -> Response:
    rule = request.url_rule
    if request.endpoint != "static":
        route = rule.rule if rule else "(no route)"
        logger.info("%s %s %s %s", request.method, route, response.status_code, _who())
    return response


def _who() -> str:
    person = context.person_if_known()
    return hashlib.sha256(person.id.bytes).hexdigest()[:8] if person else "-"
