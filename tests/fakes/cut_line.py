"""A client whose line breaks in the middle of what it sends; the far end is real."""

import http.client
import socket
from urllib.parse import urlsplit

from balancecloud.clock import Clock
from balancecloud.clouds.http import Answer, HostRules, HttpClient, Request
from balancecloud.errors import Unreachable


class CutLine(HttpClient):
    """Each number of `cuts` is how many bytes of the next large body still get through."""

    def __init__(self, rules: HostRules, clock: Clock, *cuts: int) -> None:
        super().__init__(rules, clock)
        self.cuts = list(cuts)
        self.sent: list[Request] = []

    def send(self, request: Request) -> Answer:
        self.sent.append(request)
        if not self.cuts or max((len(part) for part in request.parts), default=0) < 1000:
            return super().send(request)
        self._send_some(request, self.cuts.pop(0))
        raise Unreachable

    def _send_some(self, request: Request, count: int) -> None:
        parts = urlsplit(request.url)
        line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        line.putrequest(request.method, f"{parts.path}?{parts.query}")
        for name, value in {**request.headers, "Content-Length": str(request.length)}.items():
            line.putheader(name, value)
        if request.bearer:
            line.putheader("Authorization", f"Bearer {request.bearer}")
        line.endheaders()
        line.send(b"".join(bytes(part) for part in request.parts)[:count])
        line.sock.shutdown(socket.SHUT_WR)
        while line.sock.recv(65536):
            pass  # until the far end has noticed, too
        line.close()
