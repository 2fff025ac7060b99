"""The few primitives everything else is made of (docs/format.md, section 2)."""

import hashlib
import hmac
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from balancecloud.errors import IntegrityError

Buffer: TypeAlias = bytes | bytearray | memoryview

NAMESPACE = b"balancecloud/v1/"
KEY_LENGTH = 32
NONCE_LENGTH = 12
TAG_LENGTH = 16
SALT_LENGTH = 32
ID_LENGTH = 16


def sha256(message: Buffer) -> bytes:
    """SHA-256 of the message."""
    return hashlib.sha256(message).digest()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 of the message."""
    return hmac.digest(key, message, "sha256")


def equal(one: Buffer, other: Buffer) -> bool:
    """Compare two byte strings in a time that tells nothing about where they differ."""
    return hmac.compare_digest(one, other)


def hkdf_sha256(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 of RFC 5869, with no name space; everything of ours goes through `hkdf`."""
    return HKDF(SHA256(), length, salt, info).derive(key)


def expand_sha256(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand-SHA-256 of RFC 5869, with no name space; ours goes through `expand`."""
    return HKDFExpand(SHA256(), length, info).derive(key)


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Derive `length` bytes from a key and a salt, inside our name space."""
    return hkdf_sha256(key, salt, NAMESPACE + info, length)


def expand(key: bytes, label: bytes, length: int = KEY_LENGTH) -> bytes:
    """Derive `length` bytes from a key that is already uniform, inside our name space."""
    return expand_sha256(key, NAMESPACE + label, length)


class Gcm:
    """AES-256-GCM under one key, one message per call, 12-byte nonces only."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError("An AES-256-GCM key has 32 bytes.")
        self._cipher = AESGCM(key)

    def encrypt(self, nonce: bytes, associated: bytes, plaintext: Buffer) -> bytes:
        """Return ciphertext and tag."""
        return self._cipher.encrypt(_twelve(nonce), plaintext, associated)

    def encrypt_into(
        self, nonce: bytes, associated: bytes, plaintext: Buffer, target: memoryview
    ) -> None:
        """Write ciphertext and tag into `target`, which has exactly their length."""
        self._cipher.encrypt_into(_twelve(nonce), plaintext, associated, target)

    def decrypt(self, nonce: bytes, associated: bytes, sealed: Buffer, cause: str) -> bytes:
        """Return the plaintext, or raise an IntegrityError with this cause.

        The library's `decrypt_into` leaves unverified plaintext in the caller's buffer when the tag
        is wrong (measured); this call has no such buffer, so there is nothing to wipe.
        """
        try:
            return self._cipher.decrypt(_twelve(nonce), sealed, associated)
        except InvalidTag as wrong:
            raise IntegrityError(cause) from wrong

    def decrypt_into(
        self, nonce: bytes, associated: bytes, sealed: Buffer, target: memoryview, cause: str
    ) -> None:
        """Write the plaintext into `target`, which has exactly its length, or raise.

        After an error `target` holds what nobody vouches for: whoever handed it in wipes it.
        """
        try:
            self._cipher.decrypt_into(_twelve(nonce), sealed, associated, target)
        except InvalidTag as wrong:
            raise IntegrityError(cause) from wrong


def _twelve(nonce: bytes) -> bytes:
    if len(nonce) != NONCE_LENGTH:
        raise ValueError("A nonce has 12 bytes.")
    return nonce
