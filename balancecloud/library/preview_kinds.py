"""What a file can be shown as: its name and its first bytes must both say so.

Whatever a sender declared is not asked. What is listed here is shown as it is or made anew; all
else is text, escaped, or nothing. SVG, HTML and XML are text.
"""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal["picture", "audio", "video", "pdf", "text", "other", "mismatch"]

HEAD_BYTES: Final = 4096  # that are looked at
# What a name that ends so promises.
PROMISED: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".avif": "image/avif",
        ".gif": "image/gif",
        ".jfif": "image/jpeg",
        ".jpe": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".jpg": "image/jpeg",
        ".png": "image/png",
        ".webp": "image/webp",
        ".m4v": "video/mp4",
        ".mp4": "video/mp4",
        ".webm": "video/webm",
        ".mp3": "audio/mpeg",
        ".oga": "audio/ogg",
        ".ogg": "audio/ogg",
        ".opus": "audio/ogg",
        ".wav": "audio/wav",
        ".pdf": "application/pdf",
    }
)
KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {"image": "picture", "audio": "audio", "video": "video", "application": "pdf"}
)
MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Signs that text has: tab, line feed, form feed, carriage return and escape, and no others.
PLAIN_SIGNS: Final = frozenset(b"\t\n\f\r\x1b")
STRANGE: Final = bytes(sign for sign in range(32) if sign not in PLAIN_SIGNS)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file is shown as; `mime_type` is that of what can be played."""

    kind: Kind
    mime_type: str


def promised(name: str) -> str | None:
    """Return the type that a name promises, of those that are shown as more than text."""
    return PROMISED.get(PurePosixPath(name).suffix.lower())


def is_picture(name: str) -> bool:
    """Say whether a name promises a picture that can be shown."""
    return (promised(name) or "").startswith("image/")


def shown_as(name: str, head: bytes) -> Shown:
    """Return what a file of this name with these first bytes is shown as."""
    wanted, found = promised(name), sniffed(head)
    if wanted is None:
        # A picture is made anew in any case. The rest is played only where the name says it, too.
        if found and found.startswith("image/"):
            return Shown("picture", found)
        return Shown("text" if looks_like_text(head) else "other", "text/plain")
    family = KINDS[wanted.partition("/")[0]]
    if found == wanted or (found and family == "picture" and found.startswith("image/")):
        return Shown(family, found)
    return Shown("mismatch" if head else "text", wanted)


def sniffed(head: bytes) -> str | None:
    """Return the type that the first bytes show, of those that a name can promise."""
    starts: tuple[tuple[bytes, str], ...] = (
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"OggS", "audio/ogg"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"ID3", "audio/mpeg"),
    )
    for start, mime_type in starts:
        if head.startswith(start):
            return mime_type
    return _by_container(head)


def _by_container(head: bytes) -> str | None:
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4], "big")
        brands = head[8:12] + head[16 : max(16, min(length, len(head)))]
        names = {brands[at : at + 4] for at in range(0, len(brands), 4)}
        if names & {b"avif", b"avis"}:
            return "image/avif"
        return None if names & {b"heic", b"heix", b"mif1"} else "video/mp4"
    # A frame of MPEG audio, layer III: eleven set bits, then version and layer.
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return "audio/mpeg"
    return None


def looks_like_text(head: bytes) -> bool:
    """Say whether people could read this: it has a mark, is UTF-8, or holds no strange signs."""
    if head.startswith(MARKS):
        return True
    if head.translate(None, STRANGE) != head:
        return False
    try:
        # The last sign may be cut off.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        high = sum(1 for sign in head if sign >= 0x80)
        return high * 3 < len(head)
    return True
