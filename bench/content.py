"""Bytes to send that need no disk and hardly any processor, and what a form around them is."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.journey.client import Program

MB = 1_000_000
PIECE = 1 << 20


@dataclass(frozen=True)
class Content:
    """One random piece again and again, each time with its number in front."""

    size: int
    piece: bytes = field(default_factory=lambda: os.urandom(PIECE), repr=False)

    def __iter__(self) -> Iterator[bytes]:
        for begin in range(0, self.size, PIECE):
            numbered = (begin // PIECE).to_bytes(8, "big") + self.piece[8:]
            yield numbered[: self.size - begin]

    def range(self, begin: int, length: int) -> bytes:
        """Return a stretch of it."""
        first, last = begin // PIECE, (begin + length - 1) // PIECE
        pieces = (number.to_bytes(8, "big") + self.piece[8:] for number in range(first, last + 1))
        joined = b"".join(pieces)[: self.size - first * PIECE]
        return joined[begin - first * PIECE :][:length]

    def digest(self) -> str:
        """Return the SHA-256 of all of it."""
        digest = hashlib.sha256()
        for piece in self:
            digest.update(piece)
        return digest.hexdigest()

    def write(self, path: Path) -> Path:
        """Write it to a file, for a program that reads files."""
        with path.open("wb") as file:
            file.writelines(self)
        return path


# As long as those of browsers: a short one is found in random bytes again and again.
BOUNDARY = "----balancecloud-bench-7MA4YWxkTrZu0gW"


def upload(program: Program, content: Content, name: str = "source.bin") -> dict[str, str]:
    """Send one file as a multipart form without holding it in memory: its id and its job's."""
    front = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    back = f"\r\n--{BOUNDARY}--\r\n".encode()

    def body() -> Iterator[bytes]:
        yield front
        yield from content
        yield back

    connection = HTTPConnection(urlsplit(program.base).netloc, timeout=600)
    headers = {
        "Authorization": str(program.session.headers["Authorization"]),
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(front) + content.size + len(back)),
    }
    connection.request("POST", "/api/files/upload", body=body(), headers=headers)
    reply = connection.getresponse()
    answer = json.load(reply)
    connection.close()
    if reply.status != 201:
        raise RuntimeError(f"The upload was answered {reply.status}.")
    return {"id": answer["id"], "job_id": answer["job_id"]}
