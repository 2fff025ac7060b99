"""One RQ worker: `python worker.py`, as many as the machine bears."""

from balancecloud.cli.worker import run

if __name__ == "__main__":
    raise SystemExit(run())
