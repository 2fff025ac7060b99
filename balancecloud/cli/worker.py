"""`balancecloud worker`: answer rings until SIGTERM; start as many as the machine bears."""

import argparse

from balancecloud.cli.background import open_background
from balancecloud.jobs import worker


def run(_arguments: argparse.Namespace | None = None) -> int:
    parts = open_background()
    worker.run(parts.gateway, parts.doorbell, parts.progress)
    return 0
