"""A worker of the application's own, in this process."""

import threading

from flask import Flask

from balancecloud.jobs.bench import Bench
from balancecloud.jobs.look import look
from balancecloud.web.context import KEY, Parts


def work(app: Flask) -> None:
    """Do what is due until nothing is."""
    parts: Parts = app.extensions[KEY]
    look(Bench(parts.gateway, parts.doorbell, parts.progress, threading.Event()))
