"""One line per event: time, level, request, words. No query strings, names or secrets."""

import logging
import time
from logging.config import dictConfig

from balancecloud.web import context


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
