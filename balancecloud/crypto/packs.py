"""Packs: sealed chunks back to back, with no crypto of their own (docs/format.md, section 6)."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from balancecloud.crypto.headers import COMMON_LENGTH, Kind, read_common
from balancecloud.crypto.places import CHUNK_HEADER_LENGTH, Place
from balancecloud.crypto.primitives import Buffer, equal
from balancecloud.errors import IntegrityError

SMALLEST_PACK = 208
LARGEST_PACK = 16_777_216
MOST_MEMBERS = 8192


class Extent(NamedTuple):
    """Where a chunk lies in its pack."""

    offset: int
    length: int


def digest(headers: Iterable[Buffer]) -> bytes:
    """Bind a pack by the 192-byte headers of its chunks, in order."""
    running = hashlib.sha256()
    for header in headers:
        if len(header) != CHUNK_HEADER_LENGTH:
            raise ValueError("A chunk's header has 192 bytes.")
        running.update(header)
    return running.digest()


def header_of(sealed: Buffer) -> bytes:
    """Return the part of a sealed chunk that enters the digest of its pack."""
    return bytes(sealed[:CHUNK_HEADER_LENGTH])


def walk(pack: Buffer) -> list[Extent]:
    """Find the chunks of a pack by their common headers, which proves nothing by itself."""
    view = memoryview(pack)
    check_length(len(view))
    found: list[Extent] = []
    offset = 0
    while offset < len(view):
        common = read_common(view[offset : offset + COMMON_LENGTH], Kind.CHUNK)
        extent = Extent(offset, CHUNK_HEADER_LENGTH + common.length)
        offset += extent.length
        found.append(extent)
        if offset > len(view) or len(found) > MOST_MEMBERS:
            raise IntegrityError("length")
    return found


def check_digest(pack: Buffer, expected: bytes) -> None:
    """Refuse a pack whose headers are not those of the index."""
    view = memoryview(pack)
    headers = [view[offset : offset + CHUNK_HEADER_LENGTH] for offset, _ in walk(view)]
    if not equal(digest(headers), expected):
        raise IntegrityError("digest")


def cut(pack: Buffer, offset: int, place: Place) -> memoryview:
    """Return the sealed chunk of this place, which lies at `offset`, without copying it."""
    end = offset + place.sealed_len
    if offset < 0 or end > len(pack):
        raise IntegrityError("length")
    return memoryview(pack)[offset:end]


def check_length(length: int) -> None:
    """Refuse a length that no pack has."""
    if not SMALLEST_PACK <= length <= LARGEST_PACK:
        raise IntegrityError("length")
