"""One connection: requests are read, answered and read again until either side is done."""

import io
import socket
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus

from cloudsim.wire.bodies import AnyBody, ChunkedBody, PromptedBody, SizedBody, drain, prompt_by
from cloudsim.wire.messages import FileSlice, Hangup, Request, Response
from cloudsim.wire.odd_sending import send_oddly

Application = Callable[[Request], Response]

_LINE_AT_MOST = 65536
_HEADERS_AT_MOST = 100
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {
    308: "Resume Incomplete",
    499: "Client Closed Request",
    507: "Insufficient Storage",
}


def serve_connection(sock: socket.socket, application: Application) -> None:
    """Answer one request after the other; a client that goes away is no error."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        with sock, sock.makefile("rb") as reader:
            while _serve_one(sock, reader, application):
                pass
    except (Hangup, OSError):
        return


def _serve_one(sock: socket.socket, reader: io.BufferedReader, application: Application) -> bool:
    start = reader.readline(_LINE_AT_MOST)
    if not start.strip():
        return bool(start)  # an empty line before a request may be; nothing at all is the end
    method, target, version = _start_line(start)
    headers = _headers(reader)
    body = _body(sock, reader, headers)
    path, _, query_text = target.partition("?")
    response = application(Request(method, path, query_text, headers, body))
    keep = _keeps_alive(version, headers)
    if keep and not _may_follow(body):
        keep = False
    _send(sock, method, response, keep=keep)
    return keep


def _start_line(line: bytes) -> tuple[str, str, str]:
    parts = line.decode("latin-1").rstrip("\r\n").split(" ")
    if len(parts) != 3 or parts[0] not in _METHODS or not parts[2].startswith("HTTP/1."):
        raise Hangup("Not a request of HTTP/1.")
    target = parts[1]
    if "://" in target.split("?", 1)[0]:  # the absolute form, as sent through a proxy
        target = "/" + target.split("://", 1)[1].partition("/")[2]
    return parts[0], target, parts[2]


def _headers(reader: io.BufferedReader) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_HEADERS_AT_MOST):
        line = reader.readline(_LINE_AT_MOST)
        if not line.endswith(b"\n"):
            raise Hangup("The head ended early.")
        line = line.rstrip(b"\r\n")
        if not line:
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise Hangup("A header without a colon.")
        headers[name.lower()] = value.strip()
    raise Hangup("Too many headers.")


def _body(sock: socket.socket, reader: io.BufferedReader, headers: Mapping[str, str]) -> AnyBody:
    body: SizedBody | ChunkedBody
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = ChunkedBody(reader)
    else:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise Hangup("Content-Length is not a number.")
        body = SizedBody(reader, int(length))
    if headers.get("expect", "").lower() == "100-continue":
        return PromptedBody(body, prompt_by(sock))
    return body


def _keeps_alive(version: str, headers: Mapping[str, str]) -> bool:
    wish = headers.get("connection", "").lower()
    return "close" not in wish if version == "HTTP/1.1" else "keep-alive" in wish


def _may_follow(body: AnyBody) -> bool:
    try:
        return drain(body)
    except Hangup:
        return False


def _send(sock: socket.socket, method: str, response: Response, *, keep: bool) -> None:
    try:
        _send_now(sock, method, response, keep=keep)
    finally:
        response.leave()


def _send_now(sock: socket.socket, method: str, response: Response, *, keep: bool) -> None:
    lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {_one_line(value)}" for name, value in response.headers]
    if response.status not in {204, 304} and response.told_length is not None:
        lines.append(f"Content-Length: {response.told_length}")
    lines += [f"Date: {formatdate(usegmt=True)}", "Server: cloudsim"]
    lines.append("Connection: keep-alive" if keep else "Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    if response.delivery is not None and not response.delivery.is_plain:
        send_oddly(sock, head, response)
    elif response.file is None:
        sock.sendall(head if method == "HEAD" else head + response.body)
    else:
        _send_file(sock, head, response.file)


def _one_line(value: str) -> str:
    """Keep a value that came from a client, such as a type, from becoming a header of its own."""
    return value.replace("\r", " ").replace("\n", " ")


def _send_file(sock: socket.socket, head: bytes, part: FileSlice) -> None:
    with part.file as file:
        sock.sendall(head, socket.MSG_MORE)
        if part.length and sock.sendfile(file, part.start, part.length) < part.length:
            raise Hangup("The file is shorter than it was.")
