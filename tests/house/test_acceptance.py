"""docs/acceptance.md names tests that are there."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ROW: Final = re.compile(r"^\| (\d+) \|.*\|(.*)\|$")
NAMED: Final = re.compile(r"`(tests/[\w/]+\.py|test_\w+)`")


def rows() -> dict[int, list[str]]:
    """Return what each check names, files and functions in turn."""
    lines = (ROOT / "docs" / "acceptance.md").read_text("utf-8").splitlines()
    found = [row for row in map(ROW.match, lines) if row]
    return {int(row[1]): NAMED.findall(row[2]) for row in found}


def test_there_are_thirty_checks() -> None:
    assert list(rows()) == list(range(1, 31))


def test_each_test_that_shows_a_check_is_where_the_table_says() -> None:
    missing = []
    for names in rows().values():
        text = ""
        for name in names:
            if name.startswith("tests/"):
                text = (ROOT / name).read_text("utf-8")
            elif f"def {name}(" not in text:
                missing.append(name)
    assert missing == []
