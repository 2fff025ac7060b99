"""`balancecloud tick`: ring for due work until SIGTERM; a second one waits its turn."""

import argparse

from balancecloud.cli.background import open_background
from balancecloud.jobs import tick


def run(_arguments: argparse.Namespace | None = None) -> int:
    parts = open_background()
    tick.run(parts.gateway, parts.doorbell)
    return 0
