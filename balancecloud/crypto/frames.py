"""Frames: a stream sealed piece by piece, of which any run can be opened (docs/format.md, 4)."""

from balancecloud.crypto.primitives import KEY_LENGTH, TAG_LENGTH, Buffer, Gcm
from balancecloud.errors import IntegrityError

PREFIX_LENGTH = 7
SECRET_LENGTH = KEY_LENGTH + PREFIX_LENGTH
SMALLEST_LOG2 = 8
LARGEST_LOG2 = 20


def frame_count(length: int, frame_log2: int) -> int:
    """Return how many frames hold so many plaintext bytes; an empty stream has one."""
    return max(1, -(-length >> frame_log2))


def body_length(length: int, frame_log2: int) -> int:
    """Return the sealed length of so many plaintext bytes."""
    return length + TAG_LENGTH * frame_count(length, frame_log2)


class FrameCipher:
    """Seals and opens runs of frames of one stream, each under its number and its last flag."""

    def __init__(self, secret: bytes, associated: bytes, frame_log2: int) -> None:
        if len(secret) != SECRET_LENGTH:
            raise ValueError("Frames need a 32-byte key and a 7-byte prefix.")
        self._gcm = Gcm(secret[:KEY_LENGTH])
        self._prefix = secret[KEY_LENGTH:]
        self._associated = associated
        self._frame = 1 << frame_log2

    def seal_into(self, target: memoryview, first: int, plaintext: Buffer, *, ends: bool) -> None:
        """Seal the frames from number `first` on; `ends` says that the stream ends with them.

        `target` has exactly the sealed length. A run that does not end the stream is whole frames.
        """
        source = memoryview(plaintext)
        step = self._frame + TAG_LENGTH
        count = self._count(len(source), self._frame, ends=ends)
        for offset in range(count):
            begin, end = offset * self._frame, (offset + 1) * self._frame
            nonce = self._nonce(first + offset, last=ends and offset == count - 1)
            slot = target[offset * step : (offset + 1) * step]
            self._gcm.encrypt_into(nonce, self._associated, source[begin:end], slot)

    def open_run(self, first: int, sealed: Buffer, *, ends: bool) -> bytes:
        """Open the frames from number `first` on; not one byte comes back unless all of them open.

        The caller has compared the length with the one it expects.
        """
        source = memoryview(sealed)
        step = self._frame + TAG_LENGTH
        count = self._count(len(source), step, ends=ends)
        opened = []
        for offset in range(count):
            nonce = self._nonce(first + offset, last=ends and offset == count - 1)
            frame = source[offset * step : (offset + 1) * step]
            opened.append(self._gcm.decrypt(nonce, self._associated, frame, "frame"))
        return opened[0] if count == 1 else b"".join(opened)

    def open_into(self, target: memoryview, first: int, sealed: Buffer, *, ends: bool) -> None:
        """Open the frames from number `first` on into `target`, which has their plaintext's length.

        Unless all of them open, all of it is zero afterwards.
        """
        source = memoryview(sealed)
        step = self._frame + TAG_LENGTH
        count = self._count(len(source), step, ends=ends)
        try:
            for offset in range(count):
                nonce = self._nonce(first + offset, last=ends and offset == count - 1)
                frame = source[offset * step : (offset + 1) * step]
                slot = target[offset * self._frame : (offset + 1) * self._frame]
                self._gcm.decrypt_into(nonce, self._associated, frame, slot, "frame")
        except BaseException:
            target[:] = bytes(len(target))
            raise

    def _count(self, length: int, step: int, *, ends: bool) -> int:
        if ends:
            return max(1, -(-length // step))
        if length % step:
            raise IntegrityError("length")
        return length // step

    def _nonce(self, number: int, *, last: bool) -> bytes:
        return self._prefix + number.to_bytes(4) + (b"\1" if last else b"\0")
