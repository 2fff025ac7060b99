"""The common header of every object and every chunk (docs/format.md, section 2)."""

import struct
from dataclasses import dataclass
from enum import IntEnum

from balancecloud.crypto.frames import LARGEST_LOG2, SMALLEST_LOG2
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import IntegrityError

MAGIC = b"BCL1"
SUITE = 1
COMMON_LENGTH = 16
PADDED = 1
FRAME_SIZES = range(SMALLEST_LOG2, LARGEST_LOG2 + 1)

_FORMAT = struct.Struct(">4sBBBBII")
_FIELDS = (
    (slice(0, 4), "magic"),
    (slice(4, 5), "type"),
    (slice(5, 6), "suite"),
    (slice(6, 7), "flags"),
    (slice(7, 8), "frame size"),
    (slice(8, 12), "keyid"),
    (slice(12, 16), "length"),
)


class Kind(IntEnum):
    """What an object is."""

    CHUNK = 1
    SHARD = 2
    SNAPSHOT = 3
    JOURNAL = 4
    KEYRING = 5


@dataclass(frozen=True, slots=True)
class CommonHeader:
    """The sixteen readable bytes in front."""

    kind: Kind
    flags: int
    frame_log2: int
    epoch: int
    length: int

    def encode(self) -> bytes:
        """Return the sixteen bytes."""
        return _FORMAT.pack(
            MAGIC, self.kind, SUITE, self.flags, self.frame_log2, self.epoch, self.length
        )


def check_common(stored: Buffer, expected: CommonHeader) -> None:
    """Refuse a header that differs from the expected one, naming the first field that does."""
    wanted = expected.encode()
    for field, cause in _FIELDS:
        if stored[field] != wanted[field]:
            raise IntegrityError(cause)


def read_common(stored: Buffer, kind: Kind) -> CommonHeader:
    """Read the header of an object of this kind, met without an index, before any key is used."""
    if len(stored) < COMMON_LENGTH:
        raise IntegrityError("length")
    _, _, _, flags, frame_log2, epoch, length = _FORMAT.unpack_from(stored)
    header = CommonHeader(kind, flags, frame_log2, epoch, length)
    check_common(stored, header)
    if flags & ~(PADDED if kind is Kind.CHUNK else 0):
        raise IntegrityError("flags")
    if frame_log2 not in ((0,) if kind is Kind.SHARD else FRAME_SIZES):
        raise IntegrityError("frame size")
    return header
