"""A proxy as one meets them: it refuses, cuts, stalls or drips, as told; it counts what it saw."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

PASS: Final = 0
CUT: Final = -1
STALL: Final = -2
LITTLE: Final = 256 << 10  # what the gateway reads at once
NOW_AND_THEN_SECONDS: Final = 2.0  # an upload's lease is over after five
DROPS: Final = 12
DROP_SECONDS: Final = 0.04  # two frames of a browser and a half
HOP_BY_HOP: Final = {"connection", "keep-alive", "transfer-encoding", "content-length"}

Rule = Callable[[str, int], int]


class Proxy(ThreadingHTTPServer):
    """Stands before `target`; `rule(method, offset)` is a status to refuse with, or one of these.

    A stalled request arrives but for its last half, of which a little comes now and then until
    `goes_on` is set: the target sees that it lives. By `is_stalled` the target has read of it all
    that no socket holds. With `drips` a page's body comes in drops, each late enough that a browser
    has drawn what it has.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.target = target
        self.rule: Rule = lambda _method, _offset: PASS
        self.drips = False
        self.seen: Counter[str] = Counter()
        self.sent_bytes = 0  # of files, also those that were cut
        self.peak = 0
        self.is_stalled, self.goes_on = threading.Event(), threading.Event()
        self._inside = 0
        self._lock = threading.Lock()

    @property
    def base(self) -> str:
        return f"http://localhost:{self.server_port}"

    @contextmanager
    def counted(self, method: str, size: int) -> Iterator[None]:
        with self._lock:
            self.seen[method] += 1
            self.sent_bytes += size
            self._inside += 1
            self.peak = max(self.peak, self._inside)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.startswith("/api/uploads") or self.command == "GET":
            return self._forward(body)
        method = self.headers.get("X-HTTP-Method-Override") or self.command
        with self.server.counted(self.command, len(body)):
            verdict = self.server.rule(self.command, int(self.headers.get("Upload-Offset", 0)))
            if verdict in {PASS, STALL}:
                return self._forward(body, stalls=verdict == STALL)
            self.server.seen[f"refused {method}"] += 1
        if verdict == CUT:
            self.close_connection = True
        else:
            self._answer(verdict, [], b"")
        return None

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - its base names them

    def _forward(self, body: bytes, *, stalls: bool = False) -> None:
        host = urlsplit(self.server.target)
        there = http.client.HTTPConnection(host.hostname or "", host.port, timeout=60)
        headers = {
            name: value for name, value in self.headers.items() if name.lower() != "connection"
        }
        try:
            there.request(
                self.command, self.path, self._halting(body) if stalls else body or None, headers
            )
            answer = there.getresponse()
            self._answer(answer.status, answer.getheaders(), answer.read())
        except (OSError, http.client.HTTPException):
            self._answer(502, [], b"")
        finally:
            there.close()

    def _halting(self, body: bytes) -> Iterator[bytes]:
        begin = len(body) // 2
        yield body[:begin]
        self.server.is_stalled.set()
        for start in range(begin, len(body), LITTLE):
            self.server.goes_on.wait(NOW_AND_THEN_SECONDS)
            yield body[start : start + LITTLE]

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                    self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self._drip(body) if self.server.drips else self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def _drip(self, page: bytes) -> None:
        head, end, body = page.partition(b"</head>")
        self.wfile.write(head + end)
        size = len(body) // DROPS + 1
        for start in range(0, len(body), size):
            time.sleep(DROP_SECONDS)
            self.wfile.write(body[start : start + size])


@contextmanager
def standing_before(target: str) -> Iterator[Proxy]:
    """Run a proxy before this address."""
    proxy = Proxy(target)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    yield proxy
    proxy.shutdown()
    proxy.server_close()
    thread.join()
