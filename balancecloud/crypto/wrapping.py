"""Secrets wrapped for database columns (docs/format.md, section 3.1).

A wrapped secret opens only under its key, for its purpose, in its row.
"""

import secrets
import struct
from dataclasses import dataclass
from enum import IntEnum

from balancecloud.crypto.keys import MasterKeys, WrappingKey
from balancecloud.crypto.primitives import (
    ID_LENGTH,
    NAMESPACE,
    SALT_LENGTH,
    TAG_LENGTH,
    Buffer,
    Gcm,
    equal,
    hkdf,
)
from balancecloud.errors import IntegrityError

LAYOUT = 1
SUITE = 1
SALT = slice(6, 38)
COMMITMENT = slice(38, 70)
HEADER_LENGTH = 70
LARGEST_SECRET = 65_536
HASH_LENGTH = 32


class ProviderCode(IntEnum):
    """What stands for a provider in the row of an OAuth token; new ones are appended."""

    GOOGLE_DRIVE = 1
    ONEDRIVE = 2
    FOLDER = 3
    S3 = 4
    WEBDAV = 5


@dataclass(frozen=True, slots=True)
class Row:
    """The purpose of a secret and the row it belongs to, to which it is bound."""

    purpose: bytes
    fields: bytes

    @property
    def associated(self) -> bytes:
        """What enters key derivation and authentication."""
        return b"wrap/" + self.purpose + b"\0" + self.fields


def user_key_row(user: bytes, epoch: int) -> Row:
    """Place of a user's key."""
    return Row(b"user-key", _id(user) + struct.pack(">I", epoch))


def oauth_token_row(user: bytes, account: bytes, provider: ProviderCode, token_version: int) -> Row:
    """Place of a cloud account's tokens."""
    tail = struct.pack(">BQ", provider, token_version)
    return Row(b"oauth-token", _id(user) + _id(account) + tail)


def totp_seed_row(user: bytes, seed_id: bytes) -> Row:
    """Place of a second step's seed."""
    return Row(b"totp-seed", _id(user) + _id(seed_id))


def upload_key_row(user: bytes, upload: bytes) -> Row:
    """Place of the key that seals an upload's spool parts."""
    return Row(b"upload-key", _id(user) + _id(upload))


def upload_session_row(user: bytes, account: bytes, name_sha256: bytes) -> Row:
    """Place of the address of a shard's unfinished upload at its provider."""
    if len(name_sha256) != HASH_LENGTH:
        raise ValueError("A hash has 32 bytes.")
    return Row(b"upload-session", _id(user) + _id(account) + name_sha256)


def recovery_sealing_row(user: bytes, number: int) -> Row:
    """Place of the key that seals keyrings."""
    return Row(b"recovery-sealing", _id(user) + struct.pack(">I", number))


def file_key_row(user: bytes, file: bytes, version: int) -> Row:
    """Place of the key of a file's version."""
    return Row(b"file-key", _id(user) + _id(file) + struct.pack(">Q", version))


def wrap(key: WrappingKey, row: Row, secret: bytes) -> bytes:
    """Wrap a secret for its row, with a fresh salt."""
    return wrap_with_salt(key, row, secret, secrets.token_bytes(SALT_LENGTH))


def wrap_with_salt(key: WrappingKey, row: Row, secret: bytes, salt: bytes) -> bytes:
    """Wrap a secret with a salt that was never used before; only known answers name one."""
    if len(salt) != SALT_LENGTH or len(secret) > LARGEST_SECRET:
        raise ValueError("A salt has 32 bytes, a wrapped secret at most 65536.")
    derived = _derive(key, row, salt)
    header = struct.pack(">BBI", LAYOUT, SUITE, key.version) + salt + derived[44:76]
    sealed = Gcm(derived[:32]).encrypt(derived[32:44], _bound(header, row), secret)
    return header + sealed


def unwrap(key: WrappingKey, row: Row, blob: Buffer) -> bytes:
    """Open a wrapped secret of this row."""
    stored = bytes(blob)
    if key_version(stored) != key.version:
        raise IntegrityError("keyid")
    derived = _derive(key, row, stored[SALT])
    if not equal(derived[44:76], stored[COMMITMENT]):
        raise IntegrityError("commitment")
    bound = _bound(stored[:HEADER_LENGTH], row)
    return Gcm(derived[:32]).decrypt(derived[32:44], bound, stored[HEADER_LENGTH:], "wrap")


def unwrap_with_master(keys: MasterKeys, row: Row, blob: Buffer) -> bytes:
    """Open a secret of this row that any of the gateway's master keys wrapped."""
    return unwrap(keys.reading(key_version(blob)), row, blob)


def key_version(blob: Buffer) -> int:
    """Return the number of the key a secret is wrapped under, without opening it."""
    smallest = HEADER_LENGTH + TAG_LENGTH
    if not smallest <= len(blob) <= smallest + LARGEST_SECRET:
        raise IntegrityError("length")
    layout, suite, version = struct.unpack_from(">BBI", blob)
    if layout != LAYOUT:
        raise IntegrityError("magic")
    if suite != SUITE:
        raise IntegrityError("suite")
    return int(version)


def _derive(key: WrappingKey, row: Row, salt: bytes) -> bytes:
    return hkdf(key.secret, salt, row.associated, 76)


def _bound(header: bytes, row: Row) -> bytes:
    return header + NAMESPACE + row.associated


def _id(identifier: bytes) -> bytes:
    if len(identifier) != ID_LENGTH:
        raise ValueError("An id has 16 bytes.")
    return identifier
