"""Several files as one ZIP: what is in it, under which names, and its bytes as they are read.

The standard library writes the format: on a stream that can't seek it puts lengths and checksums
behind each file, and Zip64 fields where they are needed. Nothing is compressed, as most of what
people keep is already, and nothing is kept: a piece is handed on as soon as it was read.
"""

import stat
import struct
import uuid
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.errors import Invalid, NotFound, StateConflict, Unavailable
from balancecloud.library import nodes
from balancecloud.library.archive_names import Names
from balancecloud.library.downloads import READABLE
from balancecloud.library.node_views import NEWEST, SHOWN, with_versions
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind, VersionState
from balancecloud.storage import reader
from balancecloud.storage.damage import Ring
from balancecloud.storage.tools import Tools

# Each costs 0.9 KB of memory until the last byte is sent, as the list of all stands at the end.
MOST_ENTRIES: Final = 50_000
SEVERAL: Final = "Files"  # the archive of things that have no name together
PARTS: Final = "Some of these files can't be read just now. The rest can be had with rest=1."
HELD: Final = READABLE - {VersionState.UNREADABLE}
SMALL: Final = 64 << 10
OLDEST: Final = datetime(1980, 1, 1, tzinfo=UTC)  # that the format can say
LATEST: Final = datetime(2038, 1, 1, tzinfo=UTC)
FILE_MODE: Final = (stat.S_IFREG | 0o644) << 16
FOLDER_MODE: Final = ((stat.S_IFDIR | 0o755) << 16) | 0x10  # with the old flag of a folder


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive, or a folder, which has no version."""

    path: str  # a folder's ends with "/"
    version_id: uuid.UUID | None
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive is to hold, and the paths of what can't be read just now."""

    name: str
    entries: tuple[Entry, ...]
    unreadable: tuple[str, ...]


class Contents(Protocol):
    """Where the bytes of an entry come from."""

    def __call__(self, entry: Entry, /) -> Iterator[bytes]:
        """Yield a file's bytes; raises before the first one where that can't be."""


def plan(session: Session, user_id: uuid.UUID, node_ids: Collection[uuid.UUID]) -> Archive:
    """Return the archive of nodes and all that is in them; NotFound unless all are theirs."""
    mine = (Node.id.in_(node_ids), Node.user_id == user_id, Node.trashed_at.is_(None))
    tops = session.execute(select(Node.id, Node.name).where(*mine)).all()
    if not tops or len(tops) != len(set(node_ids)):
        raise NotFound
    entries, unreadable = _entries(_rows(session, [top.id for top in tops]))
    name = tops[0].name if len(tops) == 1 else SEVERAL
    return Archive(f"{name}.zip", tuple(entries), tuple(unreadable))


def refuse_parts(archive: Archive) -> None:
    """Raise StateConflict where something of it would be left out."""
    if archive.unreadable:
        raise StateConflict(PARTS)


def stream(archive: Archive, tools: Tools, ring: Ring) -> Iterator[bytes]:
    """Yield the archive's bytes; those of each file only after they were checked.

    Raises Unavailable or IntegrityError; once bytes were sent, the answer must be aborted.
    """
    return zipped(archive.entries, _Reading(tools, ring))


def zipped(entries: Iterable[Entry], contents: Contents) -> Iterator[bytes]:
    """Yield a ZIP of these entries; its list of them comes last, and only if all was well."""
    sink = _Sink()
    target = zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED)
    for entry in entries:
        info = _info(entry)
        if info.is_dir():
            target.mkdir(info)
            continue
        pieces = contents(entry)
        first = next(pieces, b"")  # read before its header is handed on: it may fail
        with target.open(info, "w") as file:
            file.write(first)
            del first
            yield from sink.taken()
            for piece in pieces:
                file.write(piece)
                yield from sink.taken()
        if info.file_size != entry.size:
            raise Unavailable
        yield from sink.taken()
    target.close()
    yield from sink.taken()


class _Sink:
    """What was written and not handed on yet. It can't seek, and says so by not being able to."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        """Keep a piece until it is taken."""
        self._pieces.append(piece)
        return len(piece)

    def flush(self) -> None:
        """Do nothing: all is handed on by `taken`."""

    def close(self) -> None:
        """Do nothing: who takes the pieces knows when it is over."""

    def taken(self) -> Iterator[bytes]:
        """Yield what was written since the last time, small parts together."""
        pieces, self._pieces = self._pieces, []
        small = bytearray()
        for piece in pieces:
            small += piece if len(piece) < SMALL else b""
            if small and (len(small) >= SMALL or len(piece) >= SMALL):
                yield bytes(small)
                small.clear()
            if len(piece) >= SMALL:
                yield piece
        if small:
            yield bytes(small)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads entries of the library, each with a connection for as long as it takes to find it."""

    tools: Tools
    ring: Ring

    def __call__(self, entry: Entry, /) -> Iterator[bytes]:
        """Yield a version's bytes; Unavailable when it was deleted since."""
        with self.tools.sessions() as session:
            version = session.get(Version, entry.version_id)
            if version is None:
                raise Unavailable
            reading = reader.open_version(self.tools, session, version)
        return reader.stream(reading, 0, entry.size, self.ring)


def _rows(session: Session, tops: Sequence[uuid.UUID]) -> list[Any]:
    """Return the nodes from the top down, by name, each once; Invalid where they are too many."""
    levels = nodes.levels(*tops)
    rows = session.execute(
        with_versions()
        .with_only_columns(
            Node.id,
            Node.parent_id,
            Node.name,
            Node.kind,
            Node.updated_at,
            levels.c.depth,
            func.coalesce(SHOWN.id, NEWEST.id).label("version_id"),
            func.coalesce(SHOWN.size, NEWEST.size).label("size"),
            func.coalesce(SHOWN.state, NEWEST.state).label("state"),
            func.coalesce(SHOWN.created_at, NEWEST.created_at).label("made_at"),
        )
        .join(levels, levels.c.id == Node.id)
        .order_by(levels.c.depth, func.lower(Node.name), Node.id)
        .limit(MOST_ENTRIES + 1)
    ).all()
    if len(rows) > MOST_ENTRIES:
        problem = f"An archive holds at most {MOST_ENTRIES:,} files and folders. Choose fewer."
        raise Invalid({"node": [problem]}, problem)
    # Of one that was chosen by itself and in a folder, the place in the folder: it comes later.
    deepest = {row.id: row for row in rows}
    return sorted(deepest.values(), key=lambda row: row.depth)


def _entries(rows: Sequence[Any]) -> tuple[list[Entry], list[str]]:
    names = Names()
    folders: dict[uuid.UUID, str] = {}
    entries, unreadable = [], []
    for row in rows:
        path = names.take(folders.get(row.parent_id, ""), row.name)
        if row.kind is NodeKind.FOLDER:
            folders[row.id] = f"{path}/"
            entries.append(Entry(f"{path}/", None, 0, row.updated_at))
        elif row.version_id is None or VersionState(row.state) not in HELD:
            unreadable.append(path)
        else:
            entries.append(Entry(path, row.version_id, row.size, row.made_at))
    return entries, unreadable


def _info(entry: Entry) -> zipfile.ZipInfo:
    modified = min(max(entry.modified.astimezone(UTC), OLDEST), LATEST)
    info = zipfile.ZipInfo(entry.path, modified.timetuple()[:6])
    info.create_system = 3  # the modes below are those of Unix
    info.external_attr = FOLDER_MODE if info.is_dir() else FILE_MODE
    # The format's own time has no zone. This field, of Info-ZIP's, is in UTC.
    info.extra = struct.pack("<HHBl", 0x5455, 5, 1, int(modified.timestamp()))
    info.CRC = info.compress_size = 0
    info.file_size = entry.size  # known beforehand, it decides whether 64-bit fields are needed
    return info
