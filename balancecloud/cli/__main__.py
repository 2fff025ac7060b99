"""The command line: `python -m balancecloud.cli COMMAND`. Each command is a module beside this."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from balancecloud.errors import BalanceCloudError


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; what goes wrong is one sentence on stderr and exit code 1."""
    arguments = parser().parse_args(words)
    try:
        # By name, so that a module missing from one command's libraries can be told in a sentence.
        command = importlib.import_module(f"balancecloud.cli.{arguments.command}")
        return int(command.run(arguments))
    except ModuleNotFoundError as missing:
        return _fail(f"The Python module {missing.name} is missing. Run: make setup")
    except BalanceCloudError as problem:
        return _fail(problem.sentence)
    except KeyboardInterrupt:
        return _fail("Stopped.")


def parser() -> argparse.ArgumentParser:
    """Return what the commands are called and take. No secret is ever an argument."""
    made = argparse.ArgumentParser(
        prog="balancecloud", description="One encrypted drive over your cloud accounts."
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="start everything on this computer, until Ctrl-C")
    commands.add_parser("migrate", help="bring the database's schema up to date")
    commands.add_parser("worker", help="store and delete in the background")
    commands.add_parser("tick", help="ring for due work and run the schedule")
    commands.add_parser("healthy", help="exit 0 when the web on this computer answers")
    commands.add_parser("keys", help="list the master keys and how many rows need each")
    backup = commands.add_parser("backup", help="write database and secrets to one sealed file")
    _add_sealed_file(backup)
    restore = commands.add_parser("restore", help="bring a backup back into an empty place")
    _add_sealed_file(restore)
    restore.add_argument(
        "--replace", action="store_true", help="replace what the database and secrets hold now"
    )
    return made


def _add_sealed_file(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="PATH",
        help="read the passphrase from there instead of asking",
    )


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
