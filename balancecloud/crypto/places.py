"""The place of a chunk and what follows from it (docs/format.md, section 5.1)."""

import struct
from dataclasses import dataclass

from balancecloud.crypto.frames import LARGEST_LOG2, SMALLEST_LOG2, body_length
from balancecloud.crypto.headers import PADDED, SUITE, CommonHeader, Kind
from balancecloud.crypto.padding import padme
from balancecloud.crypto.primitives import ID_LENGTH
from balancecloud.errors import IntegrityError

LARGEST_CHUNK = 10_485_760
MOST_CHUNKS = 16_777_216
HIGHEST_VERSION = 2**63 - 1
CHUNK_HEADER_LENGTH = 192

_CONTEXT = struct.Struct(">16s16sQIIBBBBIQQ")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk belongs: which piece of which version of which file of which user.

    A place that cannot exist is refused when it is made, so that everything derived is in bounds.
    """

    user: bytes
    file: bytes
    version: int
    index: int
    file_size: int
    chunk_size: int
    frame_log2: int
    pad: bool

    def __post_init__(self) -> None:
        # In this order each line may rely on those before: no division by zero, no huge shift.
        possible = (
            len(self.user) == ID_LENGTH
            and len(self.file) == ID_LENGTH
            and 1 <= self.version <= HIGHEST_VERSION
            and SMALLEST_LOG2 <= self.frame_log2 <= LARGEST_LOG2
            and 0 < self.chunk_size <= LARGEST_CHUNK
            and self.chunk_size % (1 << self.frame_log2) == 0
            and 0 <= self.file_size <= MOST_CHUNKS * self.chunk_size
            and 0 <= self.index < self.total
        )
        if not possible:
            raise IntegrityError("context")

    @property
    def total(self) -> int:
        """How many chunks the version has."""
        return max(1, -(-self.file_size // self.chunk_size))

    @property
    def is_last(self) -> bool:
        """Whether the version ends with this chunk."""
        return self.index == self.total - 1

    @property
    def plain_len(self) -> int:
        """How many bytes of the file lie in this chunk."""
        return min(self.chunk_size, self.file_size - self.index * self.chunk_size)

    @property
    def padded_len(self) -> int:
        """How many bytes are sealed, padding included."""
        if not self.pad:
            return self.plain_len
        return min(self.chunk_size, padme(self.plain_len))

    @property
    def flags(self) -> int:
        """The flag bits of the chunk's header."""
        return PADDED if self.padded_len > self.plain_len else 0

    @property
    def length(self) -> int:
        """How many bytes the frames take."""
        return body_length(self.padded_len, self.frame_log2)

    @property
    def sealed_len(self) -> int:
        """How many bytes the whole sealed chunk takes."""
        return CHUNK_HEADER_LENGTH + self.length

    def common(self, epoch: int) -> CommonHeader:
        """Return the common header of the chunk in this place."""
        return CommonHeader(Kind.CHUNK, self.flags, self.frame_log2, epoch, self.length)

    def context(self) -> bytes:
        """Return the 72 bytes that are never stored and enter every key and tag of the chunk."""
        return _CONTEXT.pack(
            self.user,
            self.file,
            self.version,
            self.index,
            self.total,
            self.is_last,
            Kind.CHUNK,
            SUITE,
            self.frame_log2,
            self.chunk_size,
            self.plain_len,
            self.file_size,
        )
