"""A load of requests over a few kept-alive connections, one after the other on each."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

# Head and body of a request; the body is sent as it is, however long.
Sent = tuple[bytes, bytes]


@dataclass
class Rate:
    """What a load came to."""

    requests: int
    requests_per_second: float
    megabytes_per_second: float


def head(method: str, target: str, length: int, *lines: str) -> bytes:
    text = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {length}", *lines, "", ""]
    return "\r\n".join(text).encode()


def load(
    base: str, shares: Sequence[Iterator[Sent]], keep: Callable[[bytes], None] | None = None
) -> Rate:
    """Send each share over a connection of its own, all at once; an error ends the run."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(shares)) as pool:
        counts = list(pool.map(lambda share: _converse(base, share, keep), shares))
    seconds = time.perf_counter() - began
    requests, moved = (sum(column) for column in zip(*counts, strict=True))
    return Rate(requests, requests / seconds, moved / seconds / 1e6)


def _converse(
    base: str, share: Iterator[Sent], keep: Callable[[bytes], None] | None
) -> tuple[int, int]:
    parts = urlsplit(base)
    count = moved = 0
    buffer = bytearray(1 << 20)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for head_, body in share:
            if len(body) < 65536:
                sock.sendall(head_ + body)
            else:
                sock.sendall(head_)
                sock.sendall(body)
            answer, length = _answer(sock, buffer)
            if keep is not None:
                keep(answer)
            count += 1
            moved += len(body) + length
    return count, moved


def _answer(sock: socket.socket, buffer: bytearray) -> tuple[bytes, int]:
    """Read one answer: a small one whole, of a large one the length."""
    taken = end = 0
    while not end:
        taken += _more(sock, memoryview(buffer)[taken:])
        end = buffer.find(b"\r\n\r\n", 0, taken) + 4
        end = end if end > 3 else 0
    top = bytes(buffer[:end])
    if not top.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201", b"HTTP/1.1 206")):
        raise SystemExit(f"Refused: {bytes(buffer[:taken])!r}")
    length = int(top.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    if end + length <= len(buffer):
        while taken < end + length:
            taken += _more(sock, memoryview(buffer)[taken:])
        return bytes(buffer[end : end + length]), length
    left = length - (taken - end)
    while left:
        left -= _more(sock, memoryview(buffer)[: min(left, len(buffer))])
    return b"", length


def _more(sock: socket.socket, room: memoryview) -> int:
    count = sock.recv_into(room)
    if not count:
        raise SystemExit("The server hung up.")
    return count
