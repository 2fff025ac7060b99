"""A server that says exactly the bytes it is told to, and notes what it was asked."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Script = bytes | Callable[[socket.socket], None]


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a whole answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class ScriptedServer:
    """Serves one script per request, in order; the last one is repeated."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with self._lock:
                    self.connections += 1
                    self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while request := _read_request(connection):
                with self._lock:
                    self.requests.append(request)
                    script = self._scripts[0]
                    if len(self._scripts) > 1:
                        self._scripts.pop(0)
                if callable(script):
                    script(connection)
                else:
                    connection.sendall(script)


def _read_request(connection: socket.socket) -> bytes:
    seen = b""
    while b"\r\n\r\n" not in seen:
        piece = connection.recv(65536)
        if not piece:
            return b""
        seen += piece
    head, _, body = seen.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


def then_close(*pieces: bytes) -> Script:
    """Send the pieces and hang up."""

    def run(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_RDWR)

    return run


def for_ever(head: bytes, piece: bytes, pause: threading.Event, seconds: float = 0.0) -> Script:
    """Send the head, and the piece again and again until the event is set or the line is cut."""

    def run(connection: socket.socket) -> None:
        connection.sendall(head)
        while not pause.wait(seconds):
            connection.sendall(piece)

    return run
