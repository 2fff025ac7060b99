"""Small contents, kept as rows: making a file costs more than all the rest of an upload."""

import secrets
import sqlite3
from collections.abc import Iterable
from io import BytesIO

from cloudsim.store.database import Database

AT_MOST = 65_536
_MARK = "s"  # no name of a file begins so: those are hexadecimal


def keep_small(rows: sqlite3.Connection, blob: str, content: bytes) -> None:
    """Within the transaction that makes its object: keep the bytes."""
    rows.execute("INSERT INTO small_contents VALUES (?, ?)", (blob, content))


class SmallContents:
    """Bytes by names that tell them from files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def is_one(blob: str) -> bool:
        return blob.startswith(_MARK)

    @staticmethod
    def new_name() -> str:
        return _MARK + secrets.token_hex(16)

    def open(self, blob: str) -> BytesIO:
        """Open a copy; FileNotFoundError when it was discarded."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT bytes FROM small_contents WHERE blob = ?", (blob,)
            ).fetchone()
        if row is None:
            raise FileNotFoundError(blob)
        return BytesIO(row["bytes"])

    def discard(self, blob: str) -> None:
        with self._database.changing() as rows:
            rows.execute("DELETE FROM small_contents WHERE blob = ?", (blob,))

    def replace(self, blob: str, content: bytes) -> None:
        with self._database.changing() as rows:
            rows.execute("UPDATE small_contents SET bytes = ? WHERE blob = ?", (content, blob))

    def sweep(self, wanted: Iterable[str]) -> None:
        """Remove all that are not wanted."""
        with self._database.changing() as rows:
            found = {row[0] for row in rows.execute("SELECT blob FROM small_contents")}
            gone = [(blob,) for blob in found.difference(wanted)]
            rows.executemany("DELETE FROM small_contents WHERE blob = ?", gone)
