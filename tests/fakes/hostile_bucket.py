"""A server that takes segments and gives wrong answers, one kind at a time."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

from balancecloud.buckets import SpoolBucket, parse_spool_url
from tests.services.bucket_server import KEY_ID, SECRET_KEY

ERROR: Final = "<Error><Code>{code}</Code><Message>CANARY in the reply</Message></Error>"
# Of the 20 bytes that are asked for: how many a 2xx says to hold, and how many it holds.
SAID: Final = {"cut": 20, "short": 10, "long": 500_000, "whole": 64, "empty": 0}
SENT: Final = SAID | {"cut": 10}
HUGE: Final = 1 << 30


class HostileBucket:
    """`answer` says how it misbehaves; `puts` counts what was sent to it."""

    def __init__(self) -> None:
        self.answer = "garbage"
        self.puts = 0
        self.over = threading.Event()
        self.cut = threading.Event()  # the client went away before the end
        self.sent = 0
        self.sums: list[tuple[str, bytes]] = []
        self.kept: dict[str, bytes] = {}
        handler = type("BoundHandler", (Handler,), {"bucket": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def bucket(self) -> SpoolBucket:
        endpoint = f"http://127.0.0.1:{self._server.server_port}"
        return parse_spool_url(f"s3://hostile/parts?endpoint={endpoint}", KEY_ID, SECRET_KEY)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One request; `bucket` is set by a subclass for each server."""

    bucket: HostileBucket

    def do_GET(self) -> None:
        answer = self.bucket.answer
        if answer == "silence":
            self.bucket.over.wait()
        elif answer == "endless":
            self._send_until_cut()
        elif answer == "denied":
            self._send(403, ERROR.format(code="AccessDenied").encode())
        elif answer == "lost":
            self._send(206, self.bucket.kept[self.path])
        elif answer == "garbage":
            self.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n")
            self.close_connection = True
        else:
            self._send(200 if answer == "whole" else 206, bytes(SENT[answer]), SAID[answer])

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.bucket.puts += 1
        self.bucket.sums.append((self.headers["Content-MD5"], content))
        if self.bucket.answer == "silence":
            self.bucket.over.wait()
        elif self.bucket.answer == "full":
            self._send(507, ERROR.format(code="XMinioStorageFull").encode())
        elif self.bucket.answer != "lost":
            self._send(403, ERROR.format(code="AccessDenied").encode())
        elif self.path in self.bucket.kept:
            self._send(412, ERROR.format(code="PreconditionFailed").encode())
        else:
            self.bucket.kept[self.path] = content
            self.close_connection = True

    def _send(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _send_until_cut(self) -> None:
        """Send a GiB, or as much as the other side lets us."""
        self._send(206, b"", HUGE)
        try:
            while self.bucket.sent < HUGE:
                self.bucket.sent += self.wfile.write(bytes(1 << 20))
        except OSError:
            self.bucket.cut.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""
