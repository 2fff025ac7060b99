"""What comes in and what goes out, as values."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol
from urllib.parse import parse_qs

from cloudsim.wire.delivery import Delivery

_BODY_AT_MOST = 1 << 20  # metadata and forms; a body of content is streamed instead


class Hangup(Exception):
    """The other side went away, or sent what cannot be followed; the connection ends."""


class BadBody(Exception):
    """The body is not the JSON or form that was asked for."""


class Body(Protocol):
    """The bytes of a request, in the order they arrive."""

    length: int | None

    def readinto(self, buffer: memoryview) -> int:
        """Fill some of the buffer; 0 at the end; Hangup when the body was cut."""
        ...


@dataclass(frozen=True)
class Params:
    """Names with values, as in a query or a form; the first value of a name counts."""

    values: Mapping[str, list[str]] = field(default_factory=dict, repr=False)

    def get(self, name: str, default: str = "") -> str:
        found = self.values.get(name)
        return found[0] if found else default

    def all(self, name: str) -> list[str]:
        return list(self.values.get(name, ()))

    def __contains__(self, name: str) -> bool:
        return name in self.values


def read_params(text: str) -> Params:
    """Parse a query or a urlencoded form."""
    return Params(parse_qs(text, keep_blank_values=True)) if text else Params()


@dataclass(frozen=True)
class Request:
    """One request, its path and query still as they came."""

    method: str
    path: str
    query_text: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: Body = field(repr=False)

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    def whole_body(self) -> bytes:
        """Read a small body; BadBody above 1 MiB."""
        taken = bytearray()
        buffer = memoryview(bytearray(65536))
        while count := self.body.readinto(buffer):
            taken += buffer[:count]
            if len(taken) > _BODY_AT_MOST:
                raise BadBody("The body is too large for this request.")
        return bytes(taken)

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object; nothing sent is an empty one."""
        return read_json(self.whole_body())

    def form(self) -> Params:
        try:
            return read_params(self.whole_body().decode())
        except UnicodeDecodeError as error:
            raise BadBody("The form is not UTF-8.") from error


def read_json(text: bytes) -> dict[str, Any]:
    """Read a JSON object from its text; BadBody when it is anything else."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadBody("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise BadBody("The body is not a JSON object.")
    return value


@dataclass(frozen=True)
class FileSlice:
    """A stretch of an open file, sent straight from the disk; the connection closes the file."""

    file: BinaryIO
    start: int
    length: int


@dataclass(frozen=True)
class Response:
    """One answer: either a small body or a stretch of a file."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    file: FileSlice | None = None
    delivery: Delivery | None = field(default=None, repr=False)

    @property
    def length(self) -> int:
        return self.file.length if self.file else len(self.body)

    @property
    def told_length(self) -> int | None:
        """The length its head announces, if any."""
        way = self.delivery
        if way is None:
            return self.length
        if way.endless:
            return None
        return self.length + (way.filler if way.filler_told else 0)

    def leave(self) -> None:
        """Let go of the file and tell whoever waits that it has left, or never will."""
        if self.file:
            self.file.file.close()
        if self.delivery:
            self.delivery.done()

    def with_headers(self, *more: tuple[str, str]) -> "Response":
        return replace(self, headers=self.headers + more)


def json_response(
    value: object, status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """Answer in JSON."""
    body = json.dumps(value, separators=(",", ":")).encode()
    kind = ("Content-Type", "application/json; charset=UTF-8")
    return Response(status, body, (kind, *headers))


def html_response(page: str, status: int = 200) -> Response:
    """Answer with a page; it runs no script and is shown in nobody's frame."""
    policy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    return Response(
        status,
        page.encode(),
        (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ),
    )


def redirect_response(address: str) -> Response:
    return Response(302, headers=(("Location", address), ("Cache-Control", "no-store")))
