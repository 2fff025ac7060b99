"""Files and folders: the rows that give contents a name, a place and an owner."""

import json
import sqlite3
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudsim.clock import Clock
from cloudsim.hashes import Digests
from cloudsim.store.accounts import Account, AccountId
from cloudsim.store.blobs import Content
from cloudsim.store.database import Database
from cloudsim.store.history import keep_version
from cloudsim.store.small import keep_small

FOLDER_MIME = "application/vnd.google-apps.folder"
_MADE_LATELY = 10_000  # of all accounts, for lists that lag
INFECTED = "_infected"  # among the details; names that begin so are the simulator's own


class IdInUse(Exception):
    """An object with this id exists."""


class NameTaken(Exception):
    """The folder holds an object of this name, and the provider allows one only."""


class Vanished(Exception):
    """The object was removed while it was being changed."""


class NoRoom(Exception):
    """The account's quota does not allow it."""


@dataclass(frozen=True)
class Object:
    """One file or folder as its row says."""

    seq: int
    id: str
    account: AccountId
    parent: str
    name: str
    is_folder: bool
    mime: str
    size: int
    digests: Digests
    blob: str | None
    maker: str  # the client that made it
    created: float
    modified: float
    version: int
    trashed: bool
    trashed_itself: bool
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_infected(self) -> bool:
        return bool(self.details.get(INFECTED))


@dataclass(frozen=True)
class NewObject:
    """What is to be made; without a content it is a folder or an empty file."""

    id: str
    account: Account
    parent: str
    name: str
    mime: str
    maker: str
    content: Content | None = None
    is_folder: bool = False
    created: float | None = None
    modified: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A new state of what may be changed in an object's row."""

    name: str
    parent: str
    mime: str
    modified: float
    details: Mapping[str, Any]
    keeps_version: bool = False


@dataclass(frozen=True)
class Replacement:
    """Other bytes for a file; a kept version goes on counting beside them."""

    content: Content
    mime: str
    modified: float | None = None
    keeps_version: bool = False


@dataclass(frozen=True)
class Selection:
    """A condition over rows, in SQL with its values, and the order in which they come."""

    where: str
    values: tuple[Any, ...]
    order: str = "seq"


class Objects:
    """All objects of all accounts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._made: deque[tuple[AccountId, int, float]] = deque(maxlen=_MADE_LATELY)

    def find(self, object_id: str) -> Object | None:
        with self._database.reading() as rows:
            row = rows.execute("SELECT * FROM objects WHERE id = ?", (object_id,)).fetchone()
        return _object(row) if row else None

    def child(self, account: AccountId, parent: str, name: str) -> Object | None:
        """Find the folder's live object of that name, in whatever case it is written."""
        where = "account = ? AND parent = ? AND name_key = ? AND NOT trashed"
        found = self.select(Selection(where, (account, parent, name_key(name))), 1)
        return found[0] if found else None

    def select(self, selection: Selection, at_most: int) -> list[Object]:
        """Read the rows of a selection; this program builds its text, only values are foreign."""
        text = f"SELECT * FROM objects WHERE {selection.where} ORDER BY {selection.order} LIMIT ?"  # noqa: S608
        with self._database.reading() as rows:
            return [_object(row) for row in rows.execute(text, (*selection.values, at_most))]

    def add(self, new: NewObject) -> Object:
        """Make an object; IdInUse, NameTaken or NoRoom leave everything as it was."""
        now = self._clock.now()
        content = new.content
        size = content.size if content else 0
        digests = content.digests if content else Digests()
        values = (
            new.id, new.account.id, new.parent, new.name, name_key(new.name),
            new.account.provider == "microsoft", new.is_folder, new.mime, size,
            digests.md5, digests.sha1, digests.sha256, digests.quick_xor,
            content.blob if content else None, new.maker,
            now if new.created is None else new.created,
            now if new.modified is None else new.modified, json.dumps(dict(new.details)),
        )  # fmt: skip
        with self._database.changing() as rows:
            _check_room(rows, new.account.id, size)
            try:
                row = rows.execute(_INSERT, values).fetchone()
            except sqlite3.IntegrityError as error:
                raise (IdInUse if "objects.id" in str(error) else NameTaken) from error
            _keep_small(rows, content)
            made = _object(row)
            self._made.append((new.account.id, made.seq, now))
        return made

    def replace_content(self, object_id: str, new: Replacement) -> tuple[Object, str | None]:
        """Give an object other bytes; returns it with the content that is now nobody's."""
        content, digests = new.content, new.content.digests
        with self._database.changing() as rows:
            found = rows.execute("SELECT * FROM objects WHERE id = ?", (object_id,)).fetchone()
            if found is None:
                raise Vanished
            old = _object(found)
            _check_room(rows, old.account, content.size - (0 if new.keeps_version else old.size))
            if new.keeps_version:
                keep_version(rows, old.id)
            _keep_small(rows, content)
            modified = self._clock.now() if new.modified is None else new.modified
            rows.execute(
                "UPDATE objects SET size = ?, md5 = ?, sha1 = ?, sha256 = ?, quick_xor = ?,"
                " blob = ?, mime = ?, modified = ?, version = version + 1 WHERE id = ?",
                (content.size, digests.md5, digests.sha1, digests.sha256, digests.quick_xor,
                 content.blob, new.mime, modified, old.id),
            )  # fmt: skip
            row = rows.execute("SELECT * FROM objects WHERE id = ?", (old.id,)).fetchone()
        return _object(row), old.blob

    def change(self, object_id: str, change: Change) -> Object:
        """Rename, move or describe an object; NameTaken when its new place is not free."""
        with self._database.changing() as rows:
            if change.keeps_version:
                keep_version(rows, object_id)
            try:
                rows.execute(
                    "UPDATE objects SET name = ?, name_key = ?, parent = ?, mime = ?, modified = ?,"
                    " details = ?, version = version + 1 WHERE id = ?",
                    (change.name, name_key(change.name), change.parent, change.mime,
                     change.modified, json.dumps(dict(change.details)), object_id),
                )  # fmt: skip
            except sqlite3.IntegrityError as error:
                raise NameTaken from error
            row = rows.execute("SELECT * FROM objects WHERE id = ?", (object_id,)).fetchone()
        if row is None:
            raise Vanished
        return _object(row)

    def set_trashed(self, object_id: str, *, trashed: bool) -> None:
        """Put an object and all below it into the bin, or take it out again."""
        with self._database.changing() as rows:
            rows.execute("UPDATE objects SET trashed_itself = ? WHERE id = ?", (trashed, object_id))
            rows.execute(_TRASH_BELOW, (object_id, trashed))

    def flag_infected(self, object_id: str) -> None:
        """Let the provider's scanner take the object for harmful."""
        with self._database.changing() as rows:
            rows.execute(
                "UPDATE objects SET details = json_set(details, ?, json('true')) WHERE id = ?",
                (f"$.{INFECTED}", object_id),
            )

    def outdated_in_bin(self, account: AccountId, kept_s: float) -> list[str]:
        """Find what lies in the bin for longer than the provider keeps it."""
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT o.id FROM objects o JOIN changes c ON c.object = o.id"
                " WHERE o.account = ? AND o.trashed_itself AND c.at <= ?",
                (account, self._clock.now() - kept_s),
            ).fetchall()
        return [row["id"] for row in found]

    def remove(self, object_id: str) -> list[str]:
        """Remove an object and all below it for good; gives the contents that are now nobody's."""
        with self._database.changing() as rows:
            found = rows.execute(_REMOVE_BELOW, (object_id,)).fetchall()
        return [row["blob"] for row in found if row["blob"]]

    def size_below(self, object_id: str) -> int:
        """Count the bytes of all live files below a folder."""
        with self._database.reading() as rows:
            total = rows.execute(_SIZE_BELOW, (object_id,)).fetchone()
        return int(total[0])

    def is_at_or_below(self, object_id: str, folder_id: str) -> bool:
        """Whether the object is this folder or lies anywhere in it."""
        with self._database.reading() as rows:
            return rows.execute(_IS_BELOW, (object_id, folder_id)).fetchone() is not None

    def count_children(self, account: AccountId, parent: str) -> int:
        with self._database.reading() as rows:
            total = rows.execute(
                "SELECT COUNT(*) FROM objects WHERE account = ? AND parent = ? AND NOT trashed",
                (account, parent),
            ).fetchone()
        return int(total[0])

    def first_made_after(self, account: AccountId, moment: float) -> int | None:
        """Give the seq of the account's first object made since, for what lags behind."""
        with self._database.reading():  # nobody adds meanwhile
            made = (seq for whose, seq, at in self._made if whose == account and at > moment)
            return next(made, None)

    def size_made_after(self, account: AccountId, moment: float) -> int:
        """Count the bytes of the account's objects made since."""
        first = self.first_made_after(account, moment)
        if first is None:
            return 0
        with self._database.reading() as rows:
            text = "SELECT TOTAL(size) FROM objects WHERE account = ? AND seq >= ?"
            return int(rows.execute(text, (account, first)).fetchone()[0])

    def blobs_in_use(self) -> set[str]:
        with self._database.reading() as rows:
            return {
                row[0] for row in rows.execute("SELECT blob FROM objects WHERE blob IS NOT NULL")
            }


_INSERT = (
    "INSERT INTO objects (id, account, parent, name, name_key, one_per_name, folder, mime, size,"
    " md5, sha1, sha256, quick_xor, blob, maker, created, modified, details)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *"
)
_BELOW = (
    "WITH RECURSIVE below(id) AS (VALUES (?) UNION SELECT o.id FROM objects o JOIN below b"
    " ON o.parent = b.id) "
)
_TRASH_BELOW = f"{_BELOW} UPDATE objects SET trashed = ? WHERE id IN below"  # noqa: S608 - fixed
_REMOVE_BELOW = f"{_BELOW} DELETE FROM objects WHERE id IN below RETURNING blob"  # noqa: S608 - fixed
_IS_BELOW = (
    "WITH RECURSIVE above(id) AS (VALUES (?) UNION SELECT o.parent FROM objects o JOIN above a"
    " ON o.id = a.id) SELECT 1 FROM above WHERE id = ?"
)
_SIZE_BELOW = f"{_BELOW} SELECT TOTAL(size) FROM objects WHERE id IN below AND NOT trashed"  # noqa: S608 - fixed


def name_key(name: str) -> str:
    """Reduce a name to what it shares with its other spellings in case."""
    return name.casefold()


def _keep_small(rows: sqlite3.Connection, content: Content | None) -> None:
    if content and content.small is not None:
        keep_small(rows, content.blob, content.small)


def _check_room(rows: sqlite3.Connection, account: AccountId, more: int) -> None:
    """Within the transaction that takes the room, so that the quota is exact."""
    found = rows.execute("SELECT quota, used FROM accounts WHERE id = ?", (account,)).fetchone()
    if found is None:
        raise NoRoom
    if more > 0 and found["quota"] is not None and found["used"] + more > found["quota"]:
        raise NoRoom


def _object(row: sqlite3.Row) -> Object:
    """Read a row in the order of its columns: by their names it takes thrice as long."""
    (
        seq, object_id, account, parent, name, _, _, folder, mime, size,
        md5, sha1, sha256, quick_xor, blob, maker, created, modified, version,
        trashed, trashed_itself, details,
    ) = row  # fmt: skip
    return Object(
        seq, object_id, AccountId(account), parent, name, bool(folder), mime, size,
        Digests(md5, sha1, sha256, quick_xor), blob, maker, created, modified, version,
        bool(trashed), bool(trashed_itself), json.loads(details) if details != "{}" else {},
    )  # fmt: skip


def live_children(account: AccountId, parent: str, after: Sequence[Any] = ()) -> Selection:
    """Select a folder's live objects by name, from behind the last one seen."""
    where = "account = ? AND parent = ? AND NOT trashed"
    values: tuple[Any, ...] = (account, parent)
    if after:
        where += " AND name_key > ?"
        values = (*values, after[0])
    return Selection(where, values, "name_key, seq")
