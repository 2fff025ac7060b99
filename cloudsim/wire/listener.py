"""The listening socket, and a thread for each connection."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable

from cloudsim.wire.connection import Application, serve_connection

_IDLE_S = 300.0  # a kept-alive connection that says nothing for so long is closed
_HANDSHAKE = b"\x16"  # the first byte of TLS, and never the first of a request


class Listener:
    """Accepts connections until it is stopped; bound as soon as it exists.

    With a TLS context the same port answers HTTP and HTTPS, told apart by the first byte.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=512)
        self._tls = tls
        self._open: dict[threading.Thread, socket.socket] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()

    @property
    def port(self) -> int:
        number: int = self._socket.getsockname()[1]
        return number

    def serve(self, application: Application) -> None:
        """Answer with the application until stop() is called from another thread."""
        self.follow(lambda sock: self._answer(sock, application))

    def _answer(self, sock: socket.socket, application: Application) -> None:
        try:
            sock = self._secured(sock)
        except OSError:  # the client left, or does not trust our authority
            sock.close()
            return
        serve_connection(sock, application)

    def _secured(self, sock: socket.socket) -> socket.socket:
        """Shake hands with a client that begins by it; others go on as they are."""
        if self._tls is None or sock.recv(1, socket.MSG_PEEK) != _HANDSHAKE:
            return sock
        secured = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._note(secured)
        try:
            secured.do_handshake()
        except OSError:
            secured.close()
            raise
        return secured

    def follow(self, conversation: Callable[[socket.socket], None]) -> None:
        """Hold the conversation with each client, in a thread of its own, until stop()."""
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                # A client that left between its SYN and our accept, or no descriptor free: go on.
                if self._stopping.wait(0.05):
                    return
                continue
            sock.settimeout(_IDLE_S)
            thread = threading.Thread(target=self._follow, args=(sock, conversation), daemon=True)
            with self._guard:
                self._open[thread] = sock
            thread.start()

    def _note(self, sock: socket.socket) -> None:
        """Let stop() know the socket this thread's connection goes on with."""
        with self._guard:
            self._open[threading.current_thread()] = sock

    def _follow(self, sock: socket.socket, conversation: Callable[[socket.socket], None]) -> None:
        try:
            conversation(sock)
        finally:
            with self._guard:
                del self._open[threading.current_thread()]

    def stop(self) -> None:
        """Stop accepting and cut every connection; stopping twice is fine."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._guard:
            still_open = list(self._open.values())
        for sock in still_open:
            with contextlib.suppress(OSError):
                # The plain method: that of a TLS socket would pull it from under its reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Wait until every connection has ended, for so long at most each."""
        with self._guard:
            threads = list(self._open)
        for thread in threads:
            thread.join(seconds)
