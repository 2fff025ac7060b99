"""Padded lengths: what a length may tell (docs/format.md, section 2)."""

from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import IntegrityError


def padme(length: int) -> int:
    """Round a length up so that little more than its order of magnitude shows, by 12 % at most."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    kept_bits = exponent.bit_length()
    step = 1 << max(0, exponent - kept_bits)
    return -(-length // step) * step


def check_zero(padding: Buffer) -> None:
    """Refuse padding in which any byte is not zero."""
    if padding != bytes(len(padding)):
        raise IntegrityError("padding")
