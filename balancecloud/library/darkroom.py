"""Making small pictures of large ones, never in this process: see `developing`, which does it.

What a picture holds is decoded by a process without secrets, files or network. Bytes go there as
they are read, so this process never holds a whole file (docs/architecture.md).
"""

import contextlib
import socket
import struct
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from balancecloud.errors import NotReady

# As in `developing`, which is not imported: this process need not hold the decoders at all.
ASKED: Final = struct.Struct("!I")
ANSWERED: Final = struct.Struct("!4sII")
SCRIPT: Final = Path(__file__).with_name("developing.py")
TYPES: Final = {b"JPEG": "image/jpeg", b"WEBP": "image/webp"}
SEATS: Final = 2  # pictures decoded at once: each may take 640 MiB for a moment
LINE: Final = 6  # so many more may wait: each holds a thread of the web
WAIT_SECONDS: Final = 20.0
STEP_SECONDS: Final = 15.0  # in which the other side takes or gives something, decoding included
LONGEST_ANSWER: Final = 8 << 20
KEPT_BYTES: Final = 24 << 20


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A picture made here, without anything else its file held."""

    mime_type: str
    width: int
    height: int
    content: bytes


class NoPicture(Exception):
    """These bytes make no picture that is shown."""


class Undeveloped(NotReady):
    """Whoever decoded it ended without a word: killed, out of time or of memory."""

    sentence = "This picture could not be made just now. Try again in a moment."


class Crowded(Undeveloped):
    """Too many pictures are being made just now, or this one's bytes came too slowly."""

    sentence = "Too many pictures are being made just now. Try again in a moment."


class Darkroom:
    """Hands pictures to the process that decodes them; starts it when the first one comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seats = threading.Semaphore(SEATS)
        self._line = threading.Semaphore(SEATS + LINE)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def develop(self, pieces: Iterator[bytes], side: int) -> Picture:
        """Return the picture in these bytes, its sides at most so long.

        Raises NoPicture for what is none or too large a one, which it will always be, Undeveloped
        or Crowded for what may go well another time, and whatever `pieces` raises.
        """
        with self._seat(), self._handed_over() as wire:
            try:
                self._send(wire, pieces, side)
            except OSError as problem:
                raise Crowded from problem  # it reads all before it judges: its time was over
            try:
                return _picture(_read(wire))
            except OSError as problem:
                raise Undeveloped from problem

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    @contextlib.contextmanager
    def _seat(self) -> Iterator[None]:
        if not self._line.acquire(blocking=False):
            raise Crowded
        try:
            if not self._seats.acquire(timeout=WAIT_SECONDS):
                raise Crowded
            try:
                yield
            finally:
                self._seats.release()
        finally:
            self._line.release()

    def _send(self, wire: socket.socket, pieces: Iterator[bytes], side: int) -> None:
        wire.settimeout(STEP_SECONDS)
        wire.sendall(ASKED.pack(side))
        for piece in pieces:
            wire.sendall(piece)
        wire.shutdown(socket.SHUT_WR)

    @contextlib.contextmanager
    def _handed_over(self) -> Iterator[socket.socket]:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._hand_over(theirs)
            yield ours

    def _hand_over(self, wire: socket.socket) -> None:
        with self._lock:
            try:
                socket.send_fds(self._door(), [b"p"], [wire.fileno()])
            except OSError:
                self._end()  # it was killed: once more with a new one
                socket.send_fds(self._door(), [b"p"], [wire.fileno()])

    def _door(self) -> socket.socket:
        if self._control is None:
            self._control, theirs = socket.socketpair()
            with theirs:
                self._process = _start(theirs.fileno())
        return self._control

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


def _start(control: int) -> subprocess.Popen[bytes]:
    # Nothing of this process goes along: no environment, no open file, no console.
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-I", str(SCRIPT), str(control)],
        pass_fds=(control,),
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _read(wire: socket.socket) -> bytes:
    taken = bytearray()
    while piece := wire.recv(1 << 18):
        taken += piece
        if len(taken) > LONGEST_ANSWER:
            raise NoPicture
    return bytes(taken)


def _picture(answer: bytes) -> Picture:
    if len(answer) < ANSWERED.size:
        raise Undeveloped
    name, width, height = ANSWERED.unpack_from(answer)
    if name not in TYPES:
        raise NoPicture
    return Picture(TYPES[name], width, height, answer[ANSWERED.size :])


class Album:
    """The pictures made last, in memory, up to so many bytes. Thread-safe.

    That something is no picture is remembered too. Whoever asks has proved before that they may
    see it; what is kept is never written anywhere.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most = most_bytes
        self._held = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], Picture | None] = OrderedDict()

    def find(self, version: str, side: int) -> Picture | None:
        """Return the picture of a version; KeyError when it is not kept, None where it has none."""
        with self._lock:
            self._kept.move_to_end((version, side))
            return self._kept[version, side]

    def keep(self, version: str, side: int, picture: Picture | None) -> None:
        """Keep a picture, and let go of those asked for least lately."""
        with self._lock:
            if (version, side) in self._kept:
                self._held -= _weight(self._kept.pop((version, side)))
            self._kept[version, side] = picture
            self._held += _weight(picture)
            while self._held > self._most:
                _, gone = self._kept.popitem(last=False)
                self._held -= _weight(gone)


def _weight(picture: Picture | None) -> int:
    return 500 + (len(picture.content) if picture else 0)
