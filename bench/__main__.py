"""`make bench`: everything that is promised about speed, cost and memory, in one run.

Every figure stands beside what its set-up allows and beside a peer; compare ratios, not seconds.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from bench.content import MB
from bench.figures import Outcome, as_document, as_table
from bench.peer import installed
from bench.run import Run
from bench.suite import ROWS, run_rows

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    given = _read_arguments()
    rclone = None if given.no_peer else installed()
    outcomes = run_rows(
        given.only,
        lambda folder: Run(folder, given.small, rclone, given.seek_megabytes * MB, given.files),
        lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )
    print(write(outcomes, given.results, is_small=given.small))
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def write(outcomes: list[Outcome], folder: Path, *, is_small: bool) -> str:
    """Write the table twice, for people and for programs, and return it."""
    about = {"cores": os.cpu_count(), "small": is_small}
    table = as_table(outcomes, about)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "engine.md").write_text(table)
    document = json.dumps(as_document(outcomes, about), indent=2, ensure_ascii=False)
    (folder / "engine.json").write_text(document + "\n")
    return table


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--only", type=_rows, default=list(ROWS), metavar="ROW,ROW", help=", ".join(ROWS)
    )
    parser.add_argument("--small", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument("--no-peer", action="store_true", help="leave rclone out")
    parser.add_argument(
        "--seek-megabytes", type=int, default=5000, help="size of the file that is sought in"
    )
    parser.add_argument("--files", type=int, default=10_000, help="how many small ones are sent")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the table goes")
    return parser.parse_args()


def _rows(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no row {unknown[0]}")
    return names


if __name__ == "__main__":
    sys.exit(main())
