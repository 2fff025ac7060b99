"""Erasure coding of packs: k data pieces, up to two parity pieces (docs/format.md, section 7.1).

Over GF(2^8) with polynomial 0x11D: P is the sum of the data pieces, Q the sum of 2^i times piece i.
Everything works on any column, the same positions of each piece, as well as on whole pieces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from balancecloud.crypto.primitives import Buffer
from balancecloud.crypto.shards import MOST_DATA, MOST_PARITY
from balancecloud.errors import IntegrityError

Bytes: TypeAlias = npt.NDArray[np.uint8]

POLYNOMIAL = 0x11D

_BLOCK = 65_536  # both running parities of a block and the data read stay in a core's cache
_HIGH_BITS = np.uint64(0x0101010101010101)
_LOW_SEVEN = np.uint64(0xFEFEFEFEFEFEFEFE)
_REDUCED = np.uint64(POLYNOMIAL & 0xFF)


@dataclass(frozen=True, slots=True)
class PieceSpan:
    """A run of bytes inside one data piece."""

    index: int
    position: int
    length: int


def encode(pack: Buffer, k: int, m: int) -> list[memoryview]:
    """Cut a pack into k data pieces and add m parity pieces; whole data pieces are not copied."""
    _check_layout(k, m)
    data = _cut(memoryview(pack), k)
    return [*data, *_parity(data, m)]


def decode(pieces: Mapping[int, Buffer], k: int, m: int, length: int) -> list[memoryview]:
    """Return the k data pieces, `length` bytes each, from any k of all pieces.

    Given the same column of each piece, it returns that column. What is there is not copied.
    """
    _check_layout(k, m)
    present = {index: memoryview(piece) for index, piece in pieces.items()}
    if any(not 0 <= index < k + m for index in present):
        raise IntegrityError("context")
    if any(len(piece) != length for piece in present.values()):
        raise IntegrityError("length")
    if len(present) < k:
        raise IntegrityError("shards")
    lost = [index for index in range(k) if index not in present]
    found = _solve(present, k, lost)
    return [present[index] if index in present else found[index] for index in range(k)]


def rebuild(index: int, pieces: Mapping[int, Buffer], k: int, m: int, length: int) -> memoryview:
    """Return one piece, data or parity, from any k others."""
    if not 0 <= index < k + m:
        raise IntegrityError("context")
    data = decode(pieces, k, m, length)
    return [*data, *_parity(data, m)][index]


def join(data: Sequence[Buffer], pack_length: int) -> bytes:
    """Put the data pieces together; what follows the pack's last byte must be zero."""
    joined = b"".join(data)
    if len(joined) < pack_length:
        raise IntegrityError("length")
    if joined[pack_length:].strip(b"\0"):
        raise IntegrityError("padding")
    return joined[:pack_length] if len(joined) > pack_length else joined


def spans(start: int, length: int, piece_length: int) -> list[PieceSpan]:
    """Find which data pieces hold `length` bytes of a pack from `start` on, and where."""
    found = []
    offset, end = start, start + length
    while offset < end:
        index, position = divmod(offset, piece_length)
        taken = min(end - offset, piece_length - position)
        found.append(PieceSpan(index, position, taken))
        offset += taken
    return found


def _check_layout(k: int, m: int) -> None:
    if not (1 <= k <= MOST_DATA and 0 <= m <= MOST_PARITY):
        raise IntegrityError("context")


def _cut(pack: memoryview, k: int) -> list[memoryview]:
    length = -(-len(pack) // k)
    pieces = []
    for index in range(k):
        piece = pack[index * length : (index + 1) * length]
        missing = length - len(piece)
        pieces.append(memoryview(bytes(piece) + bytes(missing)) if missing else piece)
    return pieces


def _parity(data: Sequence[memoryview], m: int) -> list[memoryview]:
    """Return P, or P and Q, or neither."""
    if len(data) == 1 or m == 0:
        return [data[0]] * m
    views = [np.frombuffer(piece, np.uint8) for piece in data]
    p = _sum(views)
    return [p.data] if m == 1 else [p.data, _weighted_sum(dict(enumerate(views))).data]


def _solve(present: Mapping[int, memoryview], k: int, lost: list[int]) -> dict[int, memoryview]:
    """Compute the lost data pieces."""
    if not lost:
        return {}
    if k == 1:
        return {0: next(iter(present.values()))}
    views = {index: np.frombuffer(piece, np.uint8) for index, piece in present.items()}
    data = {index: view for index, view in views.items() if index < k}
    x = lost[0]
    if len(lost) == 1 and k in views:
        return {x: _sum([views[k], *data.values()]).data}
    q = _sum([views[k + 1], _weighted_sum(data)]) if data else views[k + 1]
    if len(lost) == 1:
        return {x: _times(_power(-x), q).data}
    return _solve_two(_sum([views[k], *data.values()]), q, x, lost[1])


def _solve_two(p: Bytes, q: Bytes, x: int, y: int) -> dict[int, memoryview]:
    """Solve D_x + D_y = p and g^x D_x + g^y D_y = q."""
    divisor = _inverse(_power(x) ^ _power(y))
    d_x = _sum([_times(divisor, q), _times(_product(divisor, _power(y)), p)])
    return {x: d_x.data, y: _sum([p, d_x]).data}


def _sum(terms: Sequence[Bytes]) -> Bytes:
    total = terms[0].copy()
    for term in terms[1:]:
        total ^= term
    return total


def _weighted_sum(terms: Mapping[int, Bytes]) -> Bytes:
    """Return the sum of 2^i times term i by Horner's rule, a block at a time."""
    length = len(next(iter(terms.values())))
    padded = -(-length // 8) * 8
    total = np.zeros(padded, np.uint8)
    carry = np.empty(_BLOCK // 8, np.uint64)
    for start in range(0, length, _BLOCK):
        block = total[start : start + _BLOCK]
        lanes = block.view(np.uint64)
        for index in range(max(terms), -1, -1):
            _double(lanes, carry[: len(lanes)])
            if index in terms:
                term = terms[index][start : start + _BLOCK]
                np.bitwise_xor(block[: len(term)], term, out=block[: len(term)])
    return total[:length]


def _double(lanes: npt.NDArray[np.uint64], carry: npt.NDArray[np.uint64]) -> None:
    """Multiply every byte by 2, eight at once."""
    np.right_shift(lanes, 7, out=carry)
    np.bitwise_and(carry, _HIGH_BITS, out=carry)
    np.multiply(carry, _REDUCED, out=carry)
    np.left_shift(lanes, 1, out=lanes)
    np.bitwise_and(lanes, _LOW_SEVEN, out=lanes)
    np.bitwise_xor(lanes, carry, out=lanes)


def _times(constant: int, piece: Bytes) -> Bytes:
    return np.take(_multiples(constant), piece)


@cache
def _multiples(constant: int) -> Bytes:
    return np.array([_product(constant, value) for value in range(256)], np.uint8)


def _product(one: int, other: int) -> int:
    result = 0
    while other:
        if other & 1:
            result ^= one
        one = (one << 1) ^ (POLYNOMIAL if one & 0x80 else 0)
        other >>= 1
    return result


def _power(exponent: int) -> int:
    """Return the generator 2 to this power."""
    result = 1
    for _ in range(exponent % 255):
        result = _product(result, 2)
    return result


def _inverse(value: int) -> int:
    """Return the inverse: in a field of 256 elements it is the 254th power."""
    result = 1
    for _ in range(254):
        result = _product(result, value)
    return result
