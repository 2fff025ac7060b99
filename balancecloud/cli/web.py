"""The web application of one process, as gunicorn loads it through wsgi.py."""

from flask import Flask

from balancecloud.app import create_app
from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import from_environment
from balancecloud.storage import boot
from balancecloud.web import logs


def application() -> Flask:
    """Build the application from the environment, or refuse with a ConfigError."""
    config = from_environment()
    logs.configure(config.log_level)
    boot.check(config, SYSTEM_CLOCK)
    return create_app(config)
