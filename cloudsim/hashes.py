"""The checksums both providers report, computed while the bytes pass by."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_REGISTER_BITS = 160
_PERIOD = 160  # byte i lands at bit (11 * i) mod 160, so the place repeats every 160 bytes
# Which bits of the folded bytes meet in each bit of the register.
_PLACES = (11 * np.arange(_PERIOD)[:, None] + np.arange(8)).ravel() % _REGISTER_BITS
_SOURCES = np.argsort(_PLACES, kind="stable").reshape(_REGISTER_BITS, 8)


class Hasher(Protocol):
    """What hashlib's objects and QuickXor have in common here."""

    def update(self, piece: memoryview, /) -> None: ...


class QuickXor:
    """OneDrive's quickXorHash: 160 bits into which each byte is XORed 11 bits further on."""

    def __init__(self) -> None:
        self._folded = np.zeros(_PERIOD, dtype=np.uint8)
        self._length = 0

    def update(self, piece: memoryview, /) -> None:
        """Take the next bytes in."""
        taken = np.frombuffer(piece, dtype=np.uint8)
        start = min((-self._length) % _PERIOD, len(taken))
        self._fold(taken[:start])
        whole = start + (len(taken) - start) // _PERIOD * _PERIOD
        if whole > start:
            rows = taken[start:whole].reshape(-1, _PERIOD)
            self._folded ^= np.bitwise_xor.reduce(rows, axis=0)
            self._length += whole - start
        self._fold(taken[whole:])

    def _fold(self, rest: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
        at = self._length % _PERIOD
        self._folded[at : at + len(rest)] ^= rest
        self._length += len(rest)

    def base64(self) -> str:
        """Finish the hash, in the standard alphabet as Graph writes it."""
        bits = np.unpackbits(self._folded, bitorder="little")
        register = np.bitwise_xor.reduce(bits[_SOURCES], axis=1)
        digest = bytearray(np.packbits(register, bitorder="little").tobytes())
        for index, byte in enumerate(self._length.to_bytes(8, "little")):
            digest[12 + index] ^= byte
        return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class Digests:
    """The checksums of one content; a provider keeps only those it reports."""

    md5: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    quick_xor: str | None = None


class GoogleHashes:
    """md5, sha1 and sha256 at once."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def update(self, piece: memoryview, /) -> None:
        self._md5.update(piece)
        self._sha1.update(piece)
        self._sha256.update(piece)

    def digests(self) -> Digests:
        return Digests(self._md5.hexdigest(), self._sha1.hexdigest(), self._sha256.hexdigest())


class MicrosoftHashes:
    """quickXorHash alone: the only one on both kinds of account."""

    def __init__(self) -> None:
        self._quick_xor = QuickXor()

    def update(self, piece: memoryview, /) -> None:
        self._quick_xor.update(piece)

    def digests(self) -> Digests:
        return Digests(quick_xor=self._quick_xor.base64())


@dataclass(frozen=True)
class Known:
    """Checksums that are already known, of bytes that are all there."""

    found: Digests

    def update(self, piece: memoryview, /) -> None:
        raise ValueError(f"{len(piece)} bytes come behind the last one.")

    def digests(self) -> Digests:
        return self.found


ContentHashes = GoogleHashes | MicrosoftHashes


def hashes_of(provider: str) -> ContentHashes:
    """Start a fresh set of the hashes this provider reports."""
    return GoogleHashes() if provider == "google" else MicrosoftHashes()


def digest_pieces(provider: str, pieces: Iterable[memoryview]) -> Digests:
    """Compute the provider's hashes over all the pieces."""
    hashes = hashes_of(provider)
    for piece in pieces:
        hashes.update(piece)
    return hashes.digests()
