"""Uploads in several requests: what was announced, and how much of it has come."""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cloudsim.clock import Clock
from cloudsim.store.accounts import AccountId
from cloudsim.store.database import Database


class Busy(Exception):
    """Another request is writing to this upload."""


@dataclass(frozen=True)
class Upload:
    """One upload session."""

    id: str  # unguessable: it is the capability to write
    account: AccountId
    plan: Mapping[str, Any]  # what its provider makes of it in the end
    total: int | None
    received: int
    expires: float
    object: str | None  # what it became


@dataclass(frozen=True)
class NewUpload:
    """What is announced; place names where the object will lie, so that rivals are noticed."""

    account: AccountId
    plan: Mapping[str, Any]
    place: str
    total: int | None
    lifetime_s: float


class Uploads:
    """All upload sessions that have not been forgotten."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._busy: set[str] = set()
        self._guard = threading.Lock()

    def begin(self, new: NewUpload) -> Upload:
        upload_id = secrets.token_urlsafe(48)
        expires = self._clock.now() + new.lifetime_s
        with self._database.changing() as rows:
            rows.execute(
                "INSERT INTO uploads (id, account, plan, place, total, expires)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (upload_id, new.account, json.dumps(dict(new.plan)), new.place, new.total, expires),
            )
        return Upload(upload_id, new.account, new.plan, new.total, 0, expires, None)

    def find(self, upload_id: str) -> Upload | None:
        """Find the session, unless its time is over."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT * FROM uploads WHERE id = ? AND expires > ?", (upload_id, self._clock.now())
            ).fetchone()
        return _upload(row) if row else None

    def is_pending(self, account: AccountId, place: str) -> bool:
        """Whether an unfinished session is on its way to this place."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT 1 FROM uploads WHERE account = ? AND place = ? AND expires > ?"
                " AND object IS NULL",
                (account, place, self._clock.now()),
            ).fetchone()
        return row is not None

    @contextmanager
    def alone_with(self, upload_id: str) -> Iterator[None]:
        """Keep other requests away from this upload; Busy when one is at it."""
        with self._guard:
            if upload_id in self._busy:
                raise Busy
            self._busy.add(upload_id)
        try:
            yield
        finally:
            with self._guard:
                self._busy.discard(upload_id)

    def note_received(self, upload_id: str, received: int, total: int | None) -> None:
        with self._database.changing() as rows:
            rows.execute(
                "UPDATE uploads SET received = ?, total = ? WHERE id = ?",
                (received, total, upload_id),
            )

    def note_object(self, upload_id: str, object_id: str) -> None:
        with self._database.changing() as rows:
            rows.execute("UPDATE uploads SET object = ? WHERE id = ?", (object_id, upload_id))

    def spoil(self, upload_id: str) -> None:
        """Let the session be known, and good for nothing any more."""
        with self._database.changing() as rows:
            rows.execute(
                "UPDATE uploads SET plan = json_set(plan, '$.spoiled', json('true')) WHERE id = ?",
                (upload_id,),
            )

    def forget(self, upload_id: str) -> None:
        with self._database.changing() as rows:
            rows.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))

    def forget_expired(self) -> None:
        with self._database.changing() as rows:
            rows.execute("DELETE FROM uploads WHERE expires <= ?", (self._clock.now(),))

    def unfinished(self) -> set[str]:
        with self._database.reading() as rows:
            return {row[0] for row in rows.execute("SELECT id FROM uploads WHERE object IS NULL")}


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(
        row["id"], AccountId(row["account"]), json.loads(row["plan"]), row["total"],
        row["received"], row["expires"], row["object"],
    )  # fmt: skip
