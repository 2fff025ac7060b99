"""Handing a file's bytes out: the whole, or one range, checked before it is passed on."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.errors import BadRangeAsked, NotFound, StateConflict
from balancecloud.library import copies, mime_types, tree
from balancecloud.models.library import Node, Version
from balancecloud.models.states import VersionState
from balancecloud.storage import reader
from balancecloud.storage.damage import Ring
from balancecloud.storage.reader import Reading
from balancecloud.storage.tools import Tools

ONE_RANGE: Final = re.compile(r"^bytes=(\d*)-(\d*)$")
LONGEST_NUMBER: Final = 19  # digits of 2^63
# Whole in the spool or on the clouds. A version that is being received has no end yet.
READABLE: Final = frozenset(
    {
        VersionState.QUEUED,
        VersionState.STORING,
        VersionState.WAITING,
        VersionState.STORED,
        VersionState.DEGRADED,
        VersionState.UNREADABLE,
        VersionState.FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `begin` to `end` of a file, the end excluded."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True, repr=False)
class Download:
    """A version about to be handed out."""

    name: str
    size: int
    mime_type: str  # from the list of those that are served, else unknown
    etag: str
    modified: datetime
    reading: Reading

    def stream(self, wanted: ByteRange, ring: Ring) -> Iterator[bytes]:
        """Yield the bytes; the first come only after they were checked.

        Raises Unavailable or IntegrityError; once bytes were sent, the answer must be aborted.
        `ring` is called, after its commit, with each repair that reading found to be due.
        """
        return reader.stream(self.reading, wanted.begin, wanted.end, ring)


def open_download(
    session: Session, tools: Tools, user_id: uuid.UUID, node_id: uuid.UUID, number: int | None
) -> Download:
    """Open a file's version, the one shown unless `number` says which; NotFound as usual.

    Raises StateConflict while its last byte has not arrived.
    """
    node = tree.find_node(session, user_id, node_id)
    version = _version(session, node, number)
    if version is None or version.state in {VersionState.CANCELLED, VersionState.LOST}:
        raise NotFound
    if version.state not in READABLE:
        raise StateConflict("This file is still arriving. It can be downloaded in a moment.")
    return Download(
        name=node.name,
        size=version.size,
        mime_type=mime_types.served(version.mime_type),
        etag=f"{version.id.hex}",
        modified=version.created_at,
        reading=reader.open_version(tools, session, version),
    )


def _version(session: Session, node: Node, number: int | None) -> Version | None:
    if node.file_id is None:
        return None
    wanted = number if number is not None else node.version
    query = select(Version).where(copies.history_of(node))
    if wanted is not None:
        return session.scalar(query.where(Version.number == wanted))
    # None is stored yet: the newest that came in whole is read from the spool.
    return session.scalar(query.order_by(Version.number.desc()).limit(1))


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the one range asked for, None for the whole; BadRangeAsked outside the file.

    A header of another unit, form or with several ranges is ignored, as RFC 9110 allows.
    """
    match = ONE_RANGE.match((header or "").replace(" ", ""))
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if max(len(first), len(last)) > LONGEST_NUMBER:
        raise BadRangeAsked
    if not first:
        return _suffix(int(last), size)
    begin = int(first)
    end = min(size, int(last) + 1) if last else size
    if last and int(last) < begin:
        return None
    if begin >= size:
        raise BadRangeAsked
    return ByteRange(begin, end)


def _suffix(length: int, size: int) -> ByteRange:
    if length == 0 or size == 0:
        raise BadRangeAsked
    return ByteRange(max(0, size - length), size)
