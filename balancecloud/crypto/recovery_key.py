"""The recovery key as a person writes it down (docs/format.md, section 9.5)."""

from base64 import b32decode, b32encode

from balancecloud.crypto.primitives import KEY_LENGTH, NAMESPACE, equal, expand, sha256
from balancecloud.errors import IntegrityError

TEXT_LENGTH = 56
GROUP_LENGTH = 4

_BITS = 280  # 256 of the key, 4 zero bits, 20 of the checksum
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_READ_AS = str.maketrans("018", "OIB", " -")


def to_text(recovery_key: bytes) -> str:
    """Write a recovery key as 14 groups of 4 characters with a checksum."""
    if len(recovery_key) != KEY_LENGTH:
        raise ValueError("A recovery key has 32 bytes.")
    number = int.from_bytes(recovery_key) << 24 | _checksum(recovery_key)
    letters = b32encode(number.to_bytes(_BITS // 8)).decode("ascii")
    groups = range(0, TEXT_LENGTH, GROUP_LENGTH)
    return "-".join(letters[start : start + GROUP_LENGTH] for start in groups)


def from_text(text: str) -> bytes:
    """Read a recovery key as typed, or refuse it if a character is wrong or missing."""
    # Letters are raised only in ASCII text: beyond it, other characters turn into ASCII ones.
    letters = text.upper().translate(_READ_AS) if text.isascii() else ""
    if len(letters) != TEXT_LENGTH or not _ALPHABET.issuperset(letters):
        raise IntegrityError("text")
    number = int.from_bytes(b32decode(letters))
    recovery_key = (number >> 24).to_bytes(KEY_LENGTH)
    # The low 24 bits are the spare bits, which are zero, and the checksum.
    if not equal((number % (1 << 24)).to_bytes(3), _checksum(recovery_key).to_bytes(3)):
        raise IntegrityError("text")
    return recovery_key


def sealing_key(recovery_key: bytes) -> bytes:
    """Return the key that seals keyrings, which the gateway keeps instead of the recovery key."""
    return expand(recovery_key, b"rk/keyring")


def identifier(sealing: bytes) -> bytes:
    """Return the sixteen bytes by which a keyring names its recovery key."""
    return expand(sealing, b"rk/id", 16)


def _checksum(recovery_key: bytes) -> int:
    return int.from_bytes(sha256(NAMESPACE + b"rk/check" + recovery_key)[:3]) >> 4
