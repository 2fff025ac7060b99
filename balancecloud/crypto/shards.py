"""Shards: a piece of a pack as it lies on a cloud account (docs/format.md, section 7.2).

A shard is a function of its piece, the pack's layout and the user key, so that repair writes the
same bytes again. Checking one needs no key that opens content.
"""

import hashlib
import struct
from dataclasses import dataclass

from balancecloud.crypto.headers import COMMON_LENGTH, CommonHeader, Kind, check_common, read_common
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.packs import LARGEST_PACK, SMALLEST_PACK
from balancecloud.crypto.primitives import (
    ID_LENGTH,
    KEY_LENGTH,
    NONCE_LENGTH,
    Buffer,
    Gcm,
    equal,
    hkdf,
    hmac_sha256,
)
from balancecloud.errors import IntegrityError

HEADER_LENGTH = 144
MAC_LENGTH = 32
MOST_DATA = 16
MOST_PARITY = 2

SALT = slice(16, 48)
KEYID = slice(48, 64)
BEFORE_LABEL = slice(0, 64)
LABEL = slice(64, 144)

_LABEL = struct.Struct(">16sQBBB5x32s")


@dataclass(frozen=True, slots=True)
class Layout:
    """A pack and how it is spread: any k of its k + m shards give it back."""

    pack_id: bytes
    pack_length: int
    k: int
    m: int
    digest: bytes

    def __post_init__(self) -> None:
        possible = (
            len(self.pack_id) == ID_LENGTH
            and len(self.digest) == 32
            and SMALLEST_PACK <= self.pack_length <= LARGEST_PACK
            and 1 <= self.k <= MOST_DATA
            and 0 <= self.m <= MOST_PARITY
        )
        if not possible:
            raise IntegrityError("context")

    @property
    def piece_length(self) -> int:
        """The length of each piece."""
        return piece_length(self.pack_length, self.k)

    @property
    def object_length(self) -> int:
        """The length of each stored object."""
        return HEADER_LENGTH + self.piece_length + MAC_LENGTH


@dataclass(frozen=True, slots=True)
class SealedShard:
    """A shard ready to be stored, and the SHA-256 by which the index knows the object."""

    body: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class ScrubbedShard:
    """What a shard met without an index says about itself, and its object's SHA-256."""

    layout: Layout
    index: int
    sha256: bytes


def piece_length(pack_length: int, k: int) -> int:
    """Return the length of each piece of a pack cut into k."""
    return -(-pack_length // k)


def header(user_key: UserKey, layout: Layout, index: int) -> bytes:
    """Return the 144 bytes in front of the piece."""
    if not 0 <= index < layout.k + layout.m:
        raise IntegrityError("context")
    label = _LABEL.pack(
        layout.pack_id, layout.pack_length, layout.k, layout.m, index, layout.digest
    )
    bind = _common(user_key, layout).encode() + user_key.keyid
    salt = hmac_sha256(user_key.shard_salt_key, bind + user_key.user + label)
    before_label = bind[:COMMON_LENGTH] + salt + user_key.keyid
    cipher, nonce = _label_cipher(user_key, salt, bind)
    return before_label + cipher.encrypt(nonce, before_label + user_key.user, label)


def seal_shard(user_key: UserKey, layout: Layout, index: int, piece: Buffer) -> SealedShard:
    """Make the object to be stored for this piece."""
    if len(piece) != layout.piece_length:
        raise IntegrityError("length")
    front = header(user_key, layout, index)
    running = hashlib.sha256(front)
    running.update(piece)
    mac = hmac_sha256(user_key.shard_mac_key, running.digest())
    running.update(mac)
    return SealedShard(b"".join((front, piece, mac)), running.digest())


def check_whole(user_key: UserKey, layout: Layout, index: int, stored: Buffer) -> memoryview:
    """Return the piece of a shard read whole, without copying it, or raise an IntegrityError."""
    view = memoryview(stored)
    if len(view) != layout.object_length:
        raise IntegrityError("length")
    check_common(view, _common(user_key, layout))
    _require(view[KEYID], user_key.keyid, "keyid")
    _require(view[:HEADER_LENGTH], header(user_key, layout, index), "header")
    _check_mac(user_key, view)
    return view[HEADER_LENGTH:-MAC_LENGTH]


def keyid_of(stored: Buffer) -> bytes:
    """Return which user key a shard names, so that the right one can scrub it."""
    return bytes(stored[KEYID])


def scrub(user_key: UserKey, stored: Buffer) -> ScrubbedShard:
    """Check a shard without index and without any key that opens content."""
    view = memoryview(stored)
    common = read_common(view, Kind.SHARD)
    if len(view) != HEADER_LENGTH + common.length + MAC_LENGTH:
        raise IntegrityError("length")
    if common.epoch != user_key.epoch:
        raise IntegrityError("keyid")
    _require(view[KEYID], user_key.keyid, "keyid")
    sha256 = _check_mac(user_key, view)
    layout, index = _read_label(user_key, view)
    _require(view[:HEADER_LENGTH], header(user_key, layout, index), "header")
    return ScrubbedShard(layout, index, sha256)


def _read_label(user_key: UserKey, view: memoryview) -> tuple[Layout, int]:
    bind = bytes(view[:COMMON_LENGTH]) + user_key.keyid
    cipher, nonce = _label_cipher(user_key, bytes(view[SALT]), bind)
    associated = bytes(view[BEFORE_LABEL]) + user_key.user
    label = cipher.decrypt(nonce, associated, view[LABEL], "label")
    pack_id, pack_length, k, m, index, digest = _LABEL.unpack(label)
    return Layout(pack_id, pack_length, k, m, digest), index


def _check_mac(user_key: UserKey, view: memoryview) -> bytes:
    running = hashlib.sha256(view[:-MAC_LENGTH])
    expected = hmac_sha256(user_key.shard_mac_key, running.digest())
    _require(view[-MAC_LENGTH:], expected, "mac")
    running.update(expected)
    return running.digest()


def _common(user_key: UserKey, layout: Layout) -> CommonHeader:
    return CommonHeader(Kind.SHARD, 0, 0, user_key.epoch, layout.piece_length)


def _label_cipher(user_key: UserKey, salt: bytes, bind: bytes) -> tuple[Gcm, bytes]:
    derived = hkdf(user_key.shard_label_key, salt, b"shard" + bind + user_key.user, 44)
    return Gcm(derived[:KEY_LENGTH]), derived[KEY_LENGTH : KEY_LENGTH + NONCE_LENGTH]


def _require(stored: Buffer, expected: bytes, cause: str) -> None:
    if not equal(stored, expected):
        raise IntegrityError(cause)
