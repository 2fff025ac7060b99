"""Every row of the table of what bites has a test that names it."""

import re
from pathlib import Path

ROWS = 19
CLOUDS = Path(__file__).resolve().parents[1] / "clouds"


def test_every_row_of_what_bites_has_a_test() -> None:
    text = "".join(path.read_text() for path in CLOUDS.glob("test_what_bites*.py"))

    rows = {int(number) for number in re.findall(r"^def test_bites_(\d\d)_\w+", text, re.MULTILINE)}

    assert rows == set(range(1, ROWS + 1))
