"""Sending an answer as its delivery says: at a pace, altered, cut, or never."""

import select
import socket
import threading
from collections.abc import Iterator
from itertools import repeat

from cloudsim.wire.delivery import Bucket, Delivery
from cloudsim.wire.messages import FileSlice, Hangup, Response

_PIECE = 262_144
_LOOK_MS = 100  # how often a silent server looks whether the silence is over
_FILLER = b" " * 65536


def send_oddly(sock: socket.socket, head: bytes, response: Response) -> None:
    """Send head and body; Hangup where the connection cannot go on."""
    delivery = response.delivery
    if delivery is None:
        raise ValueError("This answer has no delivery of its own.")
    if delivery.silence is not None:
        _be_silent(sock, delivery.silence)
    _send_piece(sock, head, delivery, slow=delivery.slow_head)
    if response.file and delivery.bucket and delivery.is_only_paced:
        _send_file_paced(sock, response.file, delivery.bucket)
        return
    for piece in _altered(_pieces(response), delivery):
        _send_piece(sock, piece, delivery, slow=True)
    if delivery.ends_connection:
        raise Hangup("The body was cut, or had no end.")


def _be_silent(sock: socket.socket, until: threading.Event) -> None:
    """Say nothing until the silence is over or the other side has left; then hang up."""
    watch = select.poll()
    watch.register(sock, select.POLLRDHUP)
    while not until.is_set() and not watch.poll(_LOOK_MS):
        pass
    raise Hangup("Silence.")


def _send_file_paced(sock: socket.socket, part: FileSlice, bucket: Bucket) -> None:
    at, end = part.start, part.start + part.length
    while at < end:
        count = min(bucket.slice_bytes, end - at)
        bucket.take(count)
        if sock.sendfile(part.file, at, count) < count:
            raise Hangup("The file is shorter than it was.")
        at += count


def _send_piece(
    sock: socket.socket, piece: bytes | memoryview, delivery: Delivery, *, slow: bool
) -> None:
    if slow and delivery.byte_pause_s:
        for byte in bytes(piece):
            sock.sendall(bytes([byte]))
            delivery.pause(delivery.byte_pause_s)
        return
    bucket = delivery.bucket
    if not slow or bucket is None:
        sock.sendall(piece)
        return
    left = memoryview(piece)
    while left:
        part = left[: bucket.slice_bytes]
        bucket.take(len(part))
        sock.sendall(part)
        left = left[len(part) :]


def _pieces(response: Response) -> Iterator[bytes]:
    if response.file is None:
        yield response.body
        return
    yield from _file_pieces(response.file)


def _file_pieces(part: FileSlice) -> Iterator[bytes]:
    part.file.seek(part.start)
    left = part.length
    while left:
        piece = part.file.read(min(_PIECE, left))
        if not piece:
            raise Hangup("The file is shorter than it was.")
        left -= len(piece)
        yield piece


def _altered(pieces: Iterator[bytes], delivery: Delivery) -> Iterator[bytes]:
    """Flip, cut and lengthen as the delivery says."""
    at = 0
    for piece in pieces:
        sent = _flipped(piece, delivery.flip_at, at)
        if delivery.cut_at is not None and at + len(sent) >= delivery.cut_at:
            yield sent[: delivery.cut_at - at]
            return
        at += len(sent)
        yield sent
    if delivery.endless:
        yield from repeat(_FILLER)
    for begin in range(0, delivery.filler, len(_FILLER)):
        yield _FILLER[: delivery.filler - begin]


def _flipped(piece: bytes, flip_at: int | None, at: int) -> bytes:
    if flip_at is None or not at <= flip_at < at + len(piece):
        return piece
    damaged = bytearray(piece)
    damaged[flip_at - at] ^= 1
    return bytes(damaged)
