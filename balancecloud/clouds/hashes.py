"""The checksums by which providers tell what they hold."""

import hashlib

import numpy as np

from balancecloud.clouds.provider import ChecksumKind

_PERIOD_BYTES = 160  # 11 bits a byte in a register of 160 bits: every 160 bytes it starts anew
_REGISTER_BITS = 160
_STEP_BITS = 11


def quick_xor(content: bytes | bytearray | memoryview) -> bytes:
    """Return Microsoft's quickXorHash: 20 bytes, little-endian.

    Byte i is XORed in at bit 11 * i of a register that wraps at 160 bits, so the content is folded
    into 160 bytes first (1 ms for 10 MiB); the length goes into the last 8 bytes.
    """
    flat = np.frombuffer(content, dtype=np.uint8)
    whole = len(flat) // _PERIOD_BYTES * _PERIOD_BYTES
    folded = np.zeros(_PERIOD_BYTES, dtype=np.uint8)
    if whole:
        folded ^= np.bitwise_xor.reduce(flat[:whole].reshape(-1, _PERIOD_BYTES), axis=0)
    folded[: len(flat) - whole] ^= flat[whole:]
    register = 0
    for index, byte in enumerate(folded.tolist()):
        register ^= byte << (_STEP_BITS * index % _REGISTER_BITS)
    register = (register & ((1 << _REGISTER_BITS) - 1)) ^ (register >> _REGISTER_BITS)
    register ^= len(flat) << (_REGISTER_BITS - 64)
    return register.to_bytes(_REGISTER_BITS // 8, "little")


def sha256(content: bytes | bytearray | memoryview) -> bytes:
    """Return SHA-256."""
    return hashlib.sha256(content).digest()


def checksum(kind: ChecksumKind, content: bytes | bytearray | memoryview) -> bytes:
    """Return the checksum of the kind a provider tells."""
    match kind:
        case ChecksumKind.SHA256:
            return sha256(content)
        case ChecksumKind.QUICK_XOR:
            return quick_xor(content)
