"""Sealed chunks: made, opened whole, opened in part, met without an index (docs/format.md, 5).

Sealing is a function of its arguments alone, so a repeated job writes identical bytes.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from balancecloud.crypto.frames import SECRET_LENGTH, FrameCipher, body_length, frame_count
from balancecloud.crypto.headers import PADDED, Kind, check_common, read_common
from balancecloud.crypto.keys import UserKey, with_keyid
from balancecloud.crypto.padding import check_zero
from balancecloud.crypto.places import CHUNK_HEADER_LENGTH, Place
from balancecloud.crypto.primitives import (
    KEY_LENGTH,
    NONCE_LENGTH,
    SALT_LENGTH,
    TAG_LENGTH,
    Buffer,
    Gcm,
    equal,
    expand,
    hkdf,
    hmac_sha256,
)
from balancecloud.errors import IntegrityError

BIND = slice(0, 16)
SALT = slice(16, 48)
COMMITMENT = slice(48, 80)
KEYID = slice(80, 96)
BEFORE_LABEL = slice(0, 96)
LABEL = slice(96, 192)

_LABEL = struct.Struct(">16sQIIQII32s")


@dataclass(frozen=True, slots=True)
class Span:
    """Plaintext bytes `begin` to `end` of a chunk, and the sealed bytes that hold them.

    `start` counts from the first byte of the sealed chunk.
    """

    begin: int
    end: int
    start: int
    length: int
    first_frame: int


@dataclass(frozen=True, slots=True, repr=False)
class Scavenged:
    """What a chunk met without an index says about itself."""

    place: Place
    file_key: bytes
    salt: bytes
    plaintext: bytes


@dataclass(frozen=True, slots=True, repr=False)
class _Opening:
    """What follows from place, keys and salt: the whole header and the cipher of the frames."""

    header: bytes
    frames: FrameCipher


@dataclass(frozen=True, slots=True, repr=False)
class SpanOpener:
    """Opens spans of one chunk. Its header is not needed: it follows from keys, place and salt."""

    _place: Place
    _frames: FrameCipher

    @classmethod
    def of(cls, place: Place, file_key: bytes, user_key: UserKey, salt: bytes) -> "SpanOpener":
        """Work out, once for all spans, what opens them; IntegrityError if that can't be."""
        return cls(place, _derive(place, file_key, user_key, salt).frames)

    def open(self, span: Span, sealed: Buffer) -> bytes:
        """Open the sealed bytes of a span: its plaintext bytes, or an IntegrityError."""
        place = self._place
        if span != frame_span(place, span.begin, span.end):
            raise IntegrityError("range")
        if len(sealed) != span.length:
            raise IntegrityError("length")
        offset = span.first_frame << place.frame_log2
        last = (span.end - 1) >> place.frame_log2
        ends = last == frame_count(place.padded_len, place.frame_log2) - 1
        run = self._frames.open_run(span.first_frame, sealed, ends=ends)
        plaintext = _without_padding(run, place.plain_len - offset)
        return plaintext[span.begin - offset : span.end - offset]


def seal(place: Place, file_key: bytes, user_key: UserKey, plaintext: Buffer) -> bytearray:
    """Seal the plaintext of this place: the complete chunk, ready to be stored."""
    source = memoryview(plaintext)
    if len(source) != place.plain_len:
        raise IntegrityError("length")
    padding = bytes(place.padded_len - place.plain_len)
    salt = _salt(place, file_key, user_key, source, padding)
    opening = _derive(place, file_key, user_key, salt)
    sealed = bytearray(place.sealed_len)
    sealed[:CHUNK_HEADER_LENGTH] = opening.header
    _seal_frames(opening.frames, place, source, padding, memoryview(sealed)[CHUNK_HEADER_LENGTH:])
    return sealed


def salt_of(sealed: Buffer) -> bytes:
    """Return the salt to be kept in the index: it pins the exact plaintext."""
    return bytes(sealed[SALT])


def open_whole(
    place: Place, file_key: bytes, user_key: UserKey, salt: bytes, sealed: Buffer
) -> bytes:
    """Open a chunk fetched whole: exactly the bytes that were sealed, or an IntegrityError."""
    stored = memoryview(sealed)
    if len(stored) != place.sealed_len:
        raise IntegrityError("length")
    check_common(stored, place.common(user_key.epoch))
    _require(stored[KEYID], user_key.keyid, "keyid")
    _require(stored[SALT], salt, "salt")
    opening = _derive(place, file_key, user_key, salt)
    _require(stored[COMMITMENT], opening.header[COMMITMENT], "commitment")
    _require(stored[:CHUNK_HEADER_LENGTH], opening.header, "header")
    padded = opening.frames.open_run(0, stored[CHUNK_HEADER_LENGTH:], ends=True)
    return _without_padding(padded, place.plain_len)


def frame_span(place: Place, begin: int, end: int) -> Span:
    """Find the sealed bytes that hold plaintext `begin` to `end` of the chunk, the end excluded."""
    if not 0 <= begin < end <= place.plain_len:
        raise IntegrityError("range")
    first, last = begin >> place.frame_log2, (end - 1) >> place.frame_log2
    sealed_frame = (1 << place.frame_log2) + TAG_LENGTH
    plain_end = min((last + 1) << place.frame_log2, place.padded_len)
    plain = plain_end - (first << place.frame_log2)
    start = CHUNK_HEADER_LENGTH + first * sealed_frame
    return Span(begin, end, start, body_length(plain, place.frame_log2), first)


def scavenge(user_keys: Iterable[UserKey], sealed: Buffer) -> Scavenged:
    """Open a chunk of which nothing but the user's keys is known.

    It proves that its owner once sealed these bytes for this place, not that they are the newest.
    """
    stored = memoryview(sealed)
    common = read_common(stored, Kind.CHUNK)
    if len(stored) != CHUNK_HEADER_LENGTH + common.length:
        raise IntegrityError("length")
    user_key = with_keyid(user_keys, stored[KEYID])
    if common.epoch != user_key.epoch:
        raise IntegrityError("keyid")
    place, file_key = _read_label(user_key, stored, common.frame_log2, pad=common.flags == PADDED)
    salt = salt_of(stored)
    plaintext = open_whole(place, file_key, user_key, salt, stored)
    return Scavenged(place, file_key, salt, plaintext)


def _salt(
    place: Place, file_key: bytes, user_key: UserKey, source: memoryview, padding: bytes
) -> bytes:
    content = hashlib.sha256(source)
    content.update(padding)
    bound = _bind(place, user_key) + place.context() + content.digest()
    return hmac_sha256(expand(_checked(file_key), b"fk/salt"), bound)


def _seal_frames(
    frames: FrameCipher, place: Place, source: memoryview, padding: bytes, target: memoryview
) -> None:
    if not padding:
        frames.seal_into(target, 0, source, ends=True)
        return
    # Only the frames that hold padding are copied together with it.
    whole = len(source) >> place.frame_log2
    cut = whole << place.frame_log2
    sealed_cut = cut + whole * TAG_LENGTH
    frames.seal_into(target[:sealed_cut], 0, source[:cut], ends=False)
    frames.seal_into(target[sealed_cut:], whole, bytes(source[cut:]) + padding, ends=True)


def _derive(place: Place, file_key: bytes, user_key: UserKey, salt: bytes) -> _Opening:
    if place.user != user_key.user:
        raise IntegrityError("context")
    if len(salt) != SALT_LENGTH:
        raise IntegrityError("salt")
    bind, context = _bind(place, user_key), place.context()
    secret = hkdf(_checked(file_key), salt, b"chunk" + bind + context, SECRET_LENGTH + 32)
    before_label = bind[BIND] + salt + secret[SECRET_LENGTH:] + user_key.keyid
    cipher, nonce = _label_cipher(user_key, salt, bind)
    label = _LABEL.pack(
        place.file,
        place.version,
        place.index,
        place.total,
        place.file_size,
        place.plain_len,
        place.chunk_size,
        file_key,
    )
    header = before_label + cipher.encrypt(nonce, before_label + user_key.user, label)
    frames = FrameCipher(secret[:SECRET_LENGTH], header + context, place.frame_log2)
    return _Opening(header, frames)


def _read_label(
    user_key: UserKey, stored: memoryview, frame_log2: int, *, pad: bool
) -> tuple[Place, bytes]:
    bind = bytes(stored[BIND]) + user_key.keyid
    cipher, nonce = _label_cipher(user_key, salt_of(stored), bind)
    associated = bytes(stored[BEFORE_LABEL]) + user_key.user
    label = cipher.decrypt(nonce, associated, stored[LABEL], "label")
    file, version, index, total, file_size, plain_len, chunk_size, file_key = _LABEL.unpack(label)
    place = Place(user_key.user, file, version, index, file_size, chunk_size, frame_log2, pad)
    if (total, plain_len) != (place.total, place.plain_len):
        raise IntegrityError("context")
    return place, file_key


def _label_cipher(user_key: UserKey, salt: bytes, bind: bytes) -> tuple[Gcm, bytes]:
    derived = hkdf(user_key.label_key, salt, b"label" + bind + user_key.user, 44)
    return Gcm(derived[:KEY_LENGTH]), derived[KEY_LENGTH : KEY_LENGTH + NONCE_LENGTH]


def _bind(place: Place, user_key: UserKey) -> bytes:
    return place.common(user_key.epoch).encode() + user_key.keyid


def _without_padding(plaintext: bytes, kept: int) -> bytes:
    if len(plaintext) <= kept:
        return plaintext
    check_zero(plaintext[kept:])
    return plaintext[:kept]


def _require(stored: Buffer, expected: bytes, cause: str) -> None:
    if not equal(stored, expected):
        raise IntegrityError(cause)


def _checked(file_key: bytes) -> bytes:
    if len(file_key) != KEY_LENGTH:
        raise ValueError("A file key has 32 bytes.")
    return file_key
