"""`balancecloud healthy`: whether the web of this computer answers, for a container's runtime."""

import argparse
from urllib.parse import urlsplit

from balancecloud.cli.embedded.household import answers
from balancecloud.config import launch_from_environment


def run(_arguments: argparse.Namespace | None = None) -> int:
    launch = launch_from_environment()
    is_there = answers(launch.port, urlsplit(launch.public_url).netloc)
    print("healthy" if is_there else "not healthy")
    return 0 if is_there else 1
