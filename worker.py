"""A worker process: `python worker.py`, or `balancecloud worker`."""

import sys

from balancecloud.cli.__main__ import main

sys.exit(main(["worker"]))
