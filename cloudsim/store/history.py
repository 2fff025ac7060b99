"""What changed in an account and in which order, and what files were before."""

import sqlite3
from dataclasses import dataclass

from cloudsim.store.accounts import AccountId
from cloudsim.store.database import Database


@dataclass(frozen=True)
class Change:
    """An object that was made, changed or removed; an object's latest change alone is known."""

    seq: int
    object: str
    parent: str
    maker: str
    removed: bool
    at: float


@dataclass(frozen=True)
class Version:
    """A file as it was before it was overwritten, or given other times."""

    number: int
    size: int
    modified: float


class History:
    """Kept by the database itself whenever a row of an object changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def position(self) -> int:
        """Tell where the history ends now: what comes later has a greater seq."""
        with self._database.reading() as rows:
            found = rows.execute("SELECT MAX(seq) FROM changes").fetchone()
        return int(found[0] or 0)

    def changes(self, account: AccountId, after: int, at_most: int) -> list[Change]:
        """Read an account's changes behind a position, oldest first."""
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT * FROM changes WHERE account = ? AND seq > ? ORDER BY seq LIMIT ?",
                (account, after, at_most),
            ).fetchall()
        return [_change(row) for row in found]

    def versions(self, object_id: str) -> list[Version]:
        """Read what a file was before, newest first."""
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT number, size, modified FROM versions WHERE object = ? ORDER BY id DESC",
                (object_id,),
            ).fetchall()
        return [Version(row["number"], row["size"], row["modified"]) for row in found]


def keep_version(rows: sqlite3.Connection, object_id: str) -> None:
    """Within the transaction that overwrites a file: let what it was count on."""
    rows.execute(
        "INSERT INTO versions (object, account, number, size, modified)"
        " SELECT id, account, version, size, modified FROM objects WHERE id = ?",
        (object_id,),
    )


def _change(row: sqlite3.Row) -> Change:
    return Change(
        row["seq"], row["object"], row["parent"], row["maker"], bool(row["removed"]), row["at"]
    )
