"""The rows: SQLite with a write-ahead log, so that a kill -9 loses nothing committed.

Nothing waits for the disk: what a power cut takes is the simulated world's last moments.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudsim.clock import Clock

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS people (
  address TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS accounts (
  id INTEGER PRIMARY KEY,
  provider TEXT NOT NULL, address TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
  drive_id TEXT NOT NULL UNIQUE, root_id TEXT NOT NULL UNIQUE,
  quota INTEGER, used INTEGER NOT NULL DEFAULT 0, binned INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'on', created REAL NOT NULL,
  UNIQUE (provider, address)
);

CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  parent TEXT NOT NULL,
  name TEXT NOT NULL, name_key TEXT NOT NULL, one_per_name INTEGER NOT NULL,
  folder INTEGER NOT NULL, mime TEXT NOT NULL, size INTEGER NOT NULL DEFAULT 0,
  md5 TEXT, sha1 TEXT, sha256 TEXT, quick_xor TEXT, blob TEXT,
  maker TEXT NOT NULL, created REAL NOT NULL, modified REAL NOT NULL,
  version INTEGER NOT NULL DEFAULT 1,
  trashed INTEGER NOT NULL DEFAULT 0, trashed_itself INTEGER NOT NULL DEFAULT 0,
  details TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (parent, name_key);
CREATE INDEX IF NOT EXISTS objects_by_name ON objects (account, name_key);
CREATE INDEX IF NOT EXISTS objects_in_bin ON objects (account) WHERE trashed_itself;
CREATE UNIQUE INDEX IF NOT EXISTS one_object_per_name ON objects (account, parent, name_key)
  WHERE one_per_name AND NOT trashed;

-- The accounting follows the rows, whoever changes them.
CREATE TRIGGER IF NOT EXISTS object_added AFTER INSERT ON objects BEGIN
  UPDATE accounts SET used = used + new.size, binned = binned + new.size * new.trashed
    WHERE id = new.account;
END;
CREATE TRIGGER IF NOT EXISTS object_removed AFTER DELETE ON objects BEGIN
  UPDATE accounts SET used = used - old.size, binned = binned - old.size * old.trashed
    WHERE id = old.account;
END;
CREATE TRIGGER IF NOT EXISTS object_changed AFTER UPDATE OF size, trashed ON objects BEGIN
  UPDATE accounts SET used = used - old.size + new.size,
                      binned = binned - old.size * old.trashed + new.size * new.trashed
    WHERE id = new.account;
END;

-- The latest change of each object, those removed too; an object that changes again moves on.
CREATE TABLE IF NOT EXISTS changes (
  seq INTEGER PRIMARY KEY,
  object TEXT NOT NULL UNIQUE, account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  parent TEXT NOT NULL, maker TEXT NOT NULL, removed INTEGER NOT NULL, at REAL NOT NULL
);
-- An id that was given up may be taken again: its latest change is then that it is there.
CREATE TRIGGER IF NOT EXISTS change_added AFTER INSERT ON objects BEGIN
  INSERT INTO changes (object, account, parent, maker, removed, at)
    VALUES (new.id, new.account, new.parent, new.maker, 0, moment())
    ON CONFLICT (object) DO UPDATE SET
      seq = (SELECT MAX(seq) + 1 FROM changes), account = excluded.account,
      parent = excluded.parent, maker = excluded.maker, removed = 0, at = excluded.at;
END;
CREATE TRIGGER IF NOT EXISTS change_made AFTER UPDATE ON objects BEGIN
  UPDATE changes SET seq = (SELECT MAX(seq) + 1 FROM changes), parent = new.parent, at = moment()
    WHERE object = new.id;
END;
CREATE TRIGGER IF NOT EXISTS change_removed AFTER DELETE ON objects
  WHEN EXISTS (SELECT 1 FROM accounts WHERE id = old.account) BEGIN
  UPDATE changes SET seq = (SELECT MAX(seq) + 1 FROM changes), removed = 1, at = moment()
    WHERE object = old.id;
END;

-- What an overwritten file was; its bytes are gone, but where versions count its size is not.
CREATE TABLE IF NOT EXISTS versions (
  id INTEGER PRIMARY KEY,
  object TEXT NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
  account INTEGER NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, modified REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS versions_by_object ON versions (object);
CREATE TRIGGER IF NOT EXISTS version_added AFTER INSERT ON versions BEGIN
  UPDATE accounts SET used = used + new.size WHERE id = new.account;
END;
CREATE TRIGGER IF NOT EXISTS version_removed AFTER DELETE ON versions BEGIN
  UPDATE accounts SET used = used - old.size WHERE id = old.account;
END;

-- Contents for which a file each would be too slow.
CREATE TABLE IF NOT EXISTS small_contents (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS uploads (
  id TEXT PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  plan TEXT NOT NULL, place TEXT NOT NULL, total INTEGER, received INTEGER NOT NULL DEFAULT 0,
  expires REAL NOT NULL, object TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_by_place ON uploads (account, place);

CREATE TABLE IF NOT EXISTS grants (
  id INTEGER PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  client TEXT NOT NULL, scopes TEXT NOT NULL,
  UNIQUE (account, client)
);
CREATE TABLE IF NOT EXISTS codes (
  hash TEXT PRIMARY KEY, grant_id INTEGER NOT NULL REFERENCES grants ON DELETE CASCADE,
  scopes TEXT NOT NULL, redirect_uri TEXT NOT NULL, challenge TEXT NOT NULL,
  refreshable INTEGER NOT NULL, expires REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
  hash TEXT PRIMARY KEY, grant_id INTEGER NOT NULL REFERENCES grants ON DELETE CASCADE,
  refresh INTEGER NOT NULL, scopes TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tokens_by_grant ON tokens (grant_id, refresh, created);
"""

# Each request reads who asks, which seldom changes: what is remembered of it is told when it does.
_TOPICS = {"sign-ins": ("grants", "tokens"), "accounts": ("people", "accounts")}
_TELLING = "".join(
    f"CREATE TRIGGER IF NOT EXISTS {table}_{done} AFTER {done} ON {table}"
    f" BEGIN SELECT changed('{topic}'); END;\n"
    for topic, tables in _TOPICS.items()
    for table in tables
    for done in ("INSERT", "UPDATE", "DELETE")
)

# A folder of before there were changes holds objects that no change tells of.
_CATCH_UP = """
INSERT INTO changes (object, account, parent, maker, removed, at)
  SELECT id, account, parent, maker, 0, modified FROM objects
  WHERE NOT EXISTS (SELECT 1 FROM changes) ORDER BY seq;
"""


class Database:
    """One connection, shared by all threads in turn; it also keeps a secret for signatures."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._guard = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.create_function("moment", 0, clock.now)
        self._changes = dict.fromkeys(_TOPICS, 0)
        self._connection.create_function("changed", 1, self._note_change)
        for setting in (
            "journal_mode=WAL",
            "synchronous=OFF",
            "wal_autocheckpoint=8000",
            "foreign_keys=ON",
            "cache_size=-32768",
        ):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.executescript(f"BEGIN; {_SCHEMA} {_TELLING} {_CATCH_UP} COMMIT;")
        self.secret = self._kept_secret()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to this thread alone, for single statements."""
        with self._guard:
            yield self._connection

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction: committed at the end, undone by an exception; not to be nested."""
        with self._guard:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def changes_of(self, topic: str) -> int:
        """Give a number that is another one as soon as rows of this topic are being changed."""
        return self._changes[topic]

    def close(self) -> None:
        with self._guard:
            self._connection.close()

    def _note_change(self, topic: str) -> None:
        self._changes[topic] += 1

    def _kept_secret(self) -> bytes:
        with self.changing() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO meta VALUES ('secret', ?)", (secrets.token_bytes(32),)
            )
            found = rows.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
            return bytes(found[0])
