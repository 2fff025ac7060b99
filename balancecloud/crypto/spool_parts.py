"""Spool parts: what arrives, sealed before it touches a disk (docs/format.md, section 12)."""

import secrets
import struct
from dataclasses import dataclass
from enum import Enum

from balancecloud.crypto.frames import SECRET_LENGTH, FrameCipher, body_length, frame_count
from balancecloud.crypto.primitives import (
    ID_LENGTH,
    KEY_LENGTH,
    SALT_LENGTH,
    TAG_LENGTH,
    Buffer,
    equal,
    hkdf,
)
from balancecloud.errors import IntegrityError

MAGIC = b"BCS1"
FRAME_LOG2 = 16
FRAME = 1 << FRAME_LOG2
SEALED_FRAME = FRAME + TAG_LENGTH
LARGEST_PART = 67_108_864
HEADER_LENGTH = 48

_FRONT = struct.Struct(">4sIQ")


class PartState(Enum):
    """What a part's row says about its end."""

    OPEN = "open"
    CLOSED = "closed"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class PartPlace:
    """Which part of which upload of which user, and where its first byte belongs."""

    user: bytes
    upload: bytes
    number: int
    offset: int

    def __post_init__(self) -> None:
        possible = (
            len(self.user) == ID_LENGTH
            and len(self.upload) == ID_LENGTH
            and 0 <= self.number < 2**32
            and 0 <= self.offset < 2**63
        )
        if not possible:
            raise IntegrityError("context")

    @property
    def front(self) -> bytes:
        """The sixteen bytes before the salt."""
        return _FRONT.pack(MAGIC, self.number, self.offset)


@dataclass(frozen=True, slots=True)
class PartRecord:
    """All that a part's row pins; `length` counts plaintext bytes."""

    place: PartPlace
    salt: bytes
    length: int
    state: PartState

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_LENGTH:
            raise IntegrityError("salt")
        fits_state = self.length > 0 if self.is_closed else self.length % FRAME == 0
        if not (0 <= self.length <= LARGEST_PART and fits_state):
            raise IntegrityError("length")

    @property
    def is_closed(self) -> bool:
        """Whether the last frame says that it is the last."""
        return self.state is PartState.CLOSED

    @property
    def sealed_length(self) -> int:
        """How many bytes of the part count: header and frames."""
        if not self.length:
            return HEADER_LENGTH
        return HEADER_LENGTH + body_length(self.length, FRAME_LOG2)


@dataclass(frozen=True, slots=True)
class PartSpan:
    """Plaintext bytes `begin` to `end` of a part, and the sealed bytes that hold them."""

    begin: int
    end: int
    start: int
    length: int


class PartSealer:
    """Seals one part while its bytes arrive; at most one frame of plaintext waits in memory.

    A salt serves one sealer. Two sealers never share one, or one key would seal two contents.
    """

    def __init__(self, upload_key: bytes, place: PartPlace, salt: bytes) -> None:
        self.place = place
        self.salt = salt
        self.header = place.front + salt
        self._frames = _frames(upload_key, place, salt)
        self._held = bytearray()
        self._sealed = 0
        self._closed = False

    @classmethod
    def fresh(cls, upload_key: bytes, place: PartPlace) -> "PartSealer":
        """Begin a part with a new random salt."""
        return cls(upload_key, place, secrets.token_bytes(SALT_LENGTH))

    @property
    def recorded(self) -> int:
        """How many plaintext bytes lie in the sealed bytes handed out so far."""
        return self._sealed

    @property
    def received(self) -> int:
        """How many plaintext bytes came in, the held ones included."""
        return self._sealed + len(self._held)

    @property
    def room(self) -> int:
        """How many more plaintext bytes this part takes."""
        return LARGEST_PART - self.received

    def update(self, plaintext: Buffer) -> bytearray:
        """Take more bytes and return what is to be appended to the part, often nothing.

        A full frame is held back until another byte comes, because it may turn out to be the last.
        """
        arriving = memoryview(plaintext)
        if self._closed or len(arriving) > self.room:
            raise ValueError("The part is closed or full.")
        count = max(0, len(self._held) + len(arriving) - 1) // FRAME
        if not count:
            self._held += arriving
            return bytearray()
        return self._seal_whole(arriving, count)

    def close(self) -> bytearray:
        """End the part and return its last frame, to be appended."""
        if self._closed or not self._held:
            raise ValueError("The part is closed or empty; there are no empty parts.")
        self._closed = True
        target = bytearray(len(self._held) + TAG_LENGTH)
        self._seal_into(memoryview(target), self._held, ends=True)
        self._held = bytearray()
        return target

    def record(self) -> PartRecord:
        """Return what the part's row is to say once the bytes handed out are durable."""
        state = PartState.CLOSED if self._closed else PartState.OPEN
        return PartRecord(self.place, self.salt, self._sealed, state)

    def _seal_whole(self, arriving: memoryview, count: int) -> bytearray:
        """Seal `count` whole frames: the held one, filled up, then what arrived."""
        target = bytearray(count * SEALED_FRAME)
        slots = memoryview(target)
        begin = 0
        if self._held:
            begin = FRAME - len(self._held)
            self._seal_into(slots[:SEALED_FRAME], self._held + arriving[:begin], ends=False)
            slots, count = slots[SEALED_FRAME:], count - 1
        end = begin + count * FRAME
        self._seal_into(slots, arriving[begin:end], ends=False)
        self._held = bytearray(arriving[end:])
        return target

    def _seal_into(self, target: memoryview, plaintext: Buffer, *, ends: bool) -> None:
        self._frames.seal_into(target, self._sealed >> FRAME_LOG2, plaintext, ends=ends)
        self._sealed += len(plaintext)


def open_part(upload_key: bytes, record: PartRecord, stored: Buffer) -> bytes:
    """Open a whole part; what lies beyond the recorded bytes of one that was cut is not read."""
    check_header(record, stored[:HEADER_LENGTH])
    if not record.length:
        return b""
    span = part_span(record, 0, record.length)
    end = len(stored) if record.is_closed else record.sealed_length
    return open_part_span(upload_key, record, span, memoryview(stored)[HEADER_LENGTH:end])


def check_header(record: PartRecord, stored: Buffer) -> None:
    """Refuse a part whose first 48 bytes are not those of its row."""
    if len(stored) < HEADER_LENGTH:
        raise IntegrityError("length")
    if not equal(stored[: _FRONT.size], record.place.front):
        raise IntegrityError("header")
    if not equal(stored[_FRONT.size :], record.salt):
        raise IntegrityError("salt")


def part_span(record: PartRecord, begin: int, end: int) -> PartSpan:
    """Find the sealed bytes that hold plaintext `begin` to `end` of a part, the end excluded."""
    if not 0 <= begin < end <= record.length:
        raise IntegrityError("range")
    first, last = begin >> FRAME_LOG2, (end - 1) >> FRAME_LOG2
    plain = min((last + 1) << FRAME_LOG2, record.length) - (first << FRAME_LOG2)
    start = HEADER_LENGTH + first * SEALED_FRAME
    return PartSpan(begin, end, start, body_length(plain, FRAME_LOG2))


def is_whole_frames(record: PartRecord, span: PartSpan) -> bool:
    """Return whether a span holds all of each frame that it touches."""
    return not span.begin % FRAME and (not span.end % FRAME or span.end == record.length)


def open_part_into(
    upload_key: bytes, record: PartRecord, span: PartSpan, sealed: Buffer, target: memoryview
) -> None:
    """Open a span of whole frames into `target`, which has its length; zeros there on an error."""
    if not is_whole_frames(record, span) or len(target) != span.end - span.begin:
        raise IntegrityError("range")
    first, ends = _check_span(record, span, sealed)
    frames = _frames(upload_key, record.place, record.salt)
    frames.open_into(target, first, sealed, ends=ends)


def open_part_span(upload_key: bytes, record: PartRecord, span: PartSpan, sealed: Buffer) -> bytes:
    """Open the sealed bytes of a span: its plaintext bytes, or an IntegrityError."""
    first, ends = _check_span(record, span, sealed)
    run = _frames(upload_key, record.place, record.salt).open_run(first, sealed, ends=ends)
    offset = first << FRAME_LOG2
    return run[span.begin - offset : span.end - offset]


def _check_span(record: PartRecord, span: PartSpan, sealed: Buffer) -> tuple[int, bool]:
    """Return the number of a span's first frame, and whether its last one ends the part."""
    if span != part_span(record, span.begin, span.end):
        raise IntegrityError("range")
    if len(sealed) != span.length:
        raise IntegrityError("length")
    first, last = span.begin >> FRAME_LOG2, (span.end - 1) >> FRAME_LOG2
    return first, record.is_closed and last == frame_count(record.length, FRAME_LOG2) - 1


def _frames(upload_key: bytes, place: PartPlace, salt: bytes) -> FrameCipher:
    if len(upload_key) != KEY_LENGTH or len(salt) != SALT_LENGTH:
        raise ValueError("An upload key has 32 bytes, and so has a part's salt.")
    owner = place.user + place.upload
    secret = hkdf(upload_key, salt, b"spool" + place.front + owner, SECRET_LENGTH)
    return FrameCipher(secret, place.front + salt + owner, FRAME_LOG2)
