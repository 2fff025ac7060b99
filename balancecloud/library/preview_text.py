"""Turning a file's bytes into text to read: UTF-8, UTF-16 with its mark, else Windows-1252."""

import codecs
from typing import Final

# Signs that a page can't hold or would act on are shown as the pictures Unicode has of them.
PICTURES: Final = {sign: 0x2400 + sign for sign in range(32) if chr(sign) not in "\t\n"} | {
    0x7F: 0x2421
}
MARKED: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read(content: bytes) -> str:
    """Return text of bytes that may end within a sign; what is no sign is shown as one missing."""
    return _decoded(content).replace("\r\n", "\n").replace("\r", "\n").translate(PICTURES)


def first_lines(content: bytes, most: int) -> str:
    """Return the first lines of a text."""
    return "\n".join(read(content).split("\n", most)[:most])


def _decoded(content: bytes) -> str:
    for mark, encoding in MARKED:
        if content.startswith(mark):
            return _forgiving(content[len(mark) :], encoding)
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        # What calls itself Latin-1 is this nearly always; where it differs it has signs, not holes.
        return content.decode("cp1252", "replace")


def _forgiving(content: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)("replace").decode(content)
