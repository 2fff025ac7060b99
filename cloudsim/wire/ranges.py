"""Range and Content-Range."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)\Z")


class NotSatisfiable(Exception):
    """The range lies wholly past the end."""


@dataclass(frozen=True)
class Span:
    """A stretch of bytes by its first place and its length."""

    start: int
    length: int


def wanted_span(header: str, size: int) -> Span | None:
    """Read the one stretch a Range asks for; None for the whole, or for odd forms."""
    match = _RANGE.match(header)
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        if not length:
            raise NotSatisfiable
        return Span(size - length, length)
    start = int(match[1])
    end = int(match[2]) if match[2] else size - 1
    if match[2] and end < start:
        return None
    if start >= size:
        raise NotSatisfiable
    return Span(start, min(end, size - 1) - start + 1)


@dataclass(frozen=True)
class SentRange:
    """What a Content-Range says of an upload; a question about its state has no span."""

    span: Span | None
    total: int | None


def sent_range(header: str) -> SentRange | None:
    """Read a Content-Range; None when it is not one."""
    match = _CONTENT_RANGE.match(header.strip())
    if not match:
        return None
    total = None if match[3] == "*" else int(match[3])
    if match[1] is None:
        return SentRange(None, total)
    start, end = int(match[1]), int(match[2])
    if end < start or (total is not None and end >= total):
        return None
    return SentRange(Span(start, end - start + 1), total)
