"""A proxy that leads every CONNECT to the simulator, whatever host was asked for.

With it a client that knows only the real hosts' names reaches the simulator, without root and
without changed names: it needs the address of this proxy and trust in the simulator's authority.
"""

import contextlib
import socket
import threading

from cloudsim.wire.listener import Listener

_PIECE = 1 << 16
_HEAD_AT_MOST = 1 << 14
_DIAL_S = 10.0


class Tunnel:
    """Listens on this machine only."""

    def __init__(self, port: int, simulator: tuple[str, int]) -> None:
        self._listener = Listener("127.0.0.1", port)
        self._simulator = simulator

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.port}"

    def serve(self) -> None:
        """Lead connections until stop() is called from another thread."""
        self._listener.follow(self._lead)

    def stop(self) -> None:
        self._listener.stop()

    def _lead(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = _read_head(client)
            if not head.startswith(b"CONNECT "):
                client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(self._simulator, _DIAL_S) as simulator:
                simulator.settimeout(client.gettimeout())
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(simulator, client), daemon=True)
                back.start()
                _pump(client, simulator)
                back.join()


def _read_head(client: socket.socket) -> bytes:
    """Read up to the empty line; a client that waits for the answer sends nothing behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD_AT_MOST:
        piece = client.recv(_PIECE)
        if not piece:
            break
        head += piece
    return head


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Carry one direction to its end, and tell the other side that it ended."""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
