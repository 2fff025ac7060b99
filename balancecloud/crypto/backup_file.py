"""Backup files: a stream sealed under a passphrase, in runs of frames (docs/operations.md).

    header   "BALCBACK" | version 1 | salt[32] | commitment[32]
    body     frames of 64 KiB under a key and a prefix of their own, tied to the header

The commitment tells a wrong passphrase from a damaged file, and no second passphrase opens one.
"""

import hashlib
from typing import Final

from balancecloud.crypto.frames import SECRET_LENGTH, FrameCipher, body_length
from balancecloud.crypto.primitives import KEY_LENGTH, SALT_LENGTH, Buffer, equal, hkdf
from balancecloud.errors import IntegrityError

MAGIC: Final = b"BALCBACK\1"
HEADER_LENGTH: Final = len(MAGIC) + SALT_LENGTH + KEY_LENGTH
FRAME_LOG2: Final = 16
RUN_FRAMES: Final = 16
RUN_LENGTH: Final = RUN_FRAMES << FRAME_LOG2
SEALED_RUN_LENGTH: Final = body_length(RUN_LENGTH, FRAME_LOG2)
# scrypt with 128 MiB, about half a second: a guess costs whoever stole the file as much.
_SCRYPT: Final = {"n": 1 << 17, "r": 8, "p": 1, "maxmem": 160 << 20}


class BackupSealer:
    """Seals one stream; `header` stands before it."""

    def __init__(self, passphrase: bytes, salt: bytes) -> None:
        if len(salt) != SALT_LENGTH:
            raise ValueError("A backup's salt has 32 bytes.")
        commitment, secret = _derive(passphrase, salt)
        self.header = MAGIC + salt + commitment
        self._cipher = FrameCipher(secret, self.header, FRAME_LOG2)
        self._frames = 0

    def seal(self, run: Buffer) -> bytes:
        """Seal the next run, of exactly RUN_LENGTH bytes."""
        if len(run) != RUN_LENGTH:
            raise ValueError("Only the last run is shorter.")
        return self._seal(run, ends=False)

    def finish(self, rest: Buffer) -> bytes:
        """Seal what is left, less than a run and perhaps nothing, and end the stream."""
        if len(rest) >= RUN_LENGTH:
            raise ValueError("The last run is shorter.")
        return self._seal(rest, ends=True)

    def _seal(self, run: Buffer, *, ends: bool) -> bytes:
        sealed = bytearray(body_length(len(run), FRAME_LOG2))
        self._cipher.seal_into(memoryview(sealed), self._frames, run, ends=ends)
        self._frames += RUN_FRAMES
        return bytes(sealed)


class BackupOpener:
    """Opens one stream, run by run; IntegrityError for another passphrase or changed bytes."""

    def __init__(self, passphrase: bytes, header: bytes) -> None:
        if len(header) != HEADER_LENGTH or not header.startswith(MAGIC):
            raise IntegrityError("not a backup")
        salt = header[len(MAGIC) : len(MAGIC) + SALT_LENGTH]
        commitment, secret = _derive(passphrase, salt)
        if not equal(commitment, header[-KEY_LENGTH:]):
            raise IntegrityError("passphrase")
        self._cipher = FrameCipher(secret, header, FRAME_LOG2)
        self._frames = 0

    def open(self, sealed: Buffer, *, ends: bool) -> bytes:
        """Open the next run, as long as it was sealed; `ends` says that nothing follows."""
        opened = self._cipher.open_run(self._frames, sealed, ends=ends)
        self._frames += RUN_FRAMES
        return opened


def _derive(passphrase: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return the commitment and the frames' secret."""
    stretched = hashlib.scrypt(passphrase, salt=salt, dklen=KEY_LENGTH, **_SCRYPT)
    derived = hkdf(stretched, salt, b"backup", KEY_LENGTH + SECRET_LENGTH)
    return derived[:KEY_LENGTH], derived[KEY_LENGTH:]
