"""The headers of tus 1.0.0 as values; what is not as the protocol says is refused."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from flask import request

from balancecloud.library.upload_errors import BadUploadHeader

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,termination,expiration,checksum"
BODY_TYPE: Final = "application/offset+octet-stream"
ALGORITHMS: Final = ("sha256", "sha1")
# Beyond this no number is a length: 2^63 - 1 is what the database holds.
LARGEST: Final = (1 << 63) - 1
DIGITS: Final = re.compile(r"^[0-9]{1,19}$")
KEY: Final = re.compile(r"^[!-+\--~]{1,64}$")  # printable ASCII, no comma, no space
MOST_PAIRS: Final = 32
LONGEST_METADATA: Final = 8192
# A file's time as browsers say it, in milliseconds; the year 9999 is the last one that has a name.
LAST_MOMENT: Final = 253_402_300_799_999


class Checksum:
    """What Upload-Checksum says that a body hashes to, and what it hashes to so far."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        self._expected = expected
        # sha1 is the protocol's own, against damage on the way: nobody relies on it for more.
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, plaintext: bytes | bytearray | memoryview) -> None:
        """Take bytes that arrived."""
        self._hash.update(plaintext)

    def is_right(self) -> bool:
        """Say whether the bytes are those that were sent."""
        return hmac.compare_digest(self._hash.digest(), self._expected)


def number(name: str) -> int:
    """Return a header's whole number, 0 or more."""
    text = request.headers.get(name, "")
    if not DIGITS.match(text) or int(text) > LARGEST:
        raise BadUploadHeader(f"{name} must be there, a whole number of bytes.")
    return int(text)


def checksum() -> Checksum | None:
    """Return what Upload-Checksum asks for, None without one."""
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, space, encoded = text.partition(" ")
    if algorithm not in ALGORITHMS:
        known = " and ".join(ALGORITHMS)
        raise BadUploadHeader(f"Upload-Checksum is not of a kind this server knows: {known}.")
    expected = _decode(encoded, "Upload-Checksum") if space else b""
    if len(expected) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise BadUploadHeader("Upload-Checksum does not hold a checksum in Base64.")
    return Checksum(algorithm, expected)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Upload-Metadata as it came, and what it says."""

    told: str
    values: Mapping[str, str]

    def get(self, name: str) -> str:
        """Return a value, empty where it is not there."""
        return self.values.get(name, "")


def metadata() -> Metadata:
    """Return what Upload-Metadata says: pairs of a key and a value in Base64."""
    told = request.headers.get("Upload-Metadata", "").strip()
    if len(told) > LONGEST_METADATA:
        raise BadUploadHeader("Upload-Metadata is too long.")
    values: dict[str, str] = {}
    for pair in told.split(",") if told else ():
        key, _, encoded = pair.strip().partition(" ")
        if not KEY.match(key) or key in values or len(values) == MOST_PAIRS:
            raise BadUploadHeader("Upload-Metadata must hold pairs, each key once.")
        try:
            values[key] = _decode(encoded.strip(), "Upload-Metadata").decode()
        except UnicodeDecodeError as problem:
            raise BadUploadHeader("The values of Upload-Metadata must be UTF-8.") from problem
    return Metadata(told, values)


def moment(text: str) -> datetime | None:
    """Return the time that lastModified says in milliseconds since 1970; None without one."""
    if not text:
        return None
    if not DIGITS.match(text) or int(text) > LAST_MOMENT:
        raise BadUploadHeader("lastModified is a number of milliseconds since 1970.")
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def _decode(encoded: str, name: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadUploadHeader(f"{name} must be in Base64.") from problem
