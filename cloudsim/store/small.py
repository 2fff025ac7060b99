"""Small contents, kept as rows: making a file costs more than all the rest of an upload."""

import itertools
import sqlite3
from collections.abc import Iterable
from io import BytesIO

from cloudsim.store.database import Database

AT_MOST = 65_536
_MARK = "s"  # no name of a file begins so: those are hexadecimal


def keep_small(rows: sqlite3.Connection, blob: str, content: bytes) -> None:
    """Within the transaction that makes its object: keep the bytes."""
    rows.execute("INSERT INTO small_contents VALUES (?, ?)", (_number(blob), content))


def _number(blob: str) -> int:
    return int(blob.removeprefix(_MARK))


class SmallContents:
    """Bytes by names that tell them from files, and that are used once while a server runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as rows:
            last = rows.execute("SELECT MAX(id) FROM small_contents").fetchone()[0]
        self._numbers = itertools.count((last or 0) + 1)

    @staticmethod
    def is_one(blob: str) -> bool:
        return blob.startswith(_MARK)

    def new_name(self) -> str:
        return f"{_MARK}{next(self._numbers)}"

    def open(self, blob: str) -> BytesIO:
        """Open a copy; FileNotFoundError when it was discarded."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT bytes FROM small_contents WHERE id = ?", (_number(blob),)
            ).fetchone()
        if row is None:
            raise FileNotFoundError(blob)
        return BytesIO(row["bytes"])

    def discard(self, blob: str) -> None:
        with self._database.changing() as rows:
            rows.execute("DELETE FROM small_contents WHERE id = ?", (_number(blob),))

    def replace(self, blob: str, content: bytes) -> None:
        with self._database.changing() as rows:
            rows.execute(
                "UPDATE small_contents SET bytes = ? WHERE id = ?", (content, _number(blob))
            )

    def sweep(self, wanted: Iterable[str]) -> None:
        """Remove all that are not wanted."""
        kept = {_number(blob) for blob in wanted if self.is_one(blob)}
        with self._database.changing() as rows:
            found = {row[0] for row in rows.execute("SELECT id FROM small_contents")}
            gone = [(number,) for number in found - kept]
            rows.executemany("DELETE FROM small_contents WHERE id = ?", gone)
