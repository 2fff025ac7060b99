"""What a folder or a file may be called (docs/threat-model.md, user content)."""

import re
import unicodedata
from typing import Final

from balancecloud.errors import Invalid

LONGEST_BYTES: Final = 255
LONGEST_EXTENSION: Final = 32  # what is longer is no extension, and leaves no room for a number
DEEPEST: Final = 64
# Characters that change how others are shown, or show nothing: names must be what they look like.
BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE: Final = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2061\u2062\u2063\u2064"
    "\u206a\u206b\u206c\u206d\u206e\u206f\u2800\u3164\ufeff\uffa0\ufff9\ufffa\ufffb"
)
# Joiners belong inside emoji and several scripts, never beside plain ASCII.
JOINERS: Final = frozenset("\u200c\u200d")
# What common systems cannot hold: a file that comes back must be able to be saved.
DEVICE: Final = re.compile(r"(?i)^(con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³]) *(\..*)?$")
DRIVE: Final = re.compile(r"^[A-Za-z]:")


def clean_name(raw: str) -> str:
    """Return a name as it is kept, in NFC; Invalid with a sentence when it can't be one."""
    name = unicodedata.normalize("NFC", raw.strip())
    problem = _problem(name)
    if problem:
        raise Invalid({"name": [problem]}, problem)
    return name


def split_path(raw: str) -> list[str]:
    """Return the clean names of a relative path; Invalid for absolute ones and for climbing."""
    if raw.startswith("/") or "\\" in raw:
        problem = "A path must be relative and use forward slashes."
        raise Invalid({"path": [problem]}, problem)
    names = [clean_name(part) for part in raw.split("/")]
    if len(names) > DEEPEST:
        problem = f"Folders can be at most {DEEPEST} deep."
        raise Invalid({"path": [problem]}, problem)
    return names


def numbered(name: str, number: int) -> str:
    """Return "name (2).ext", short enough to be kept."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > LONGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    tail = f" ({number}){dot}{extension}"
    room = LONGEST_BYTES - len(tail.encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + tail


def _problem(name: str) -> str | None:
    if not name:
        return "A name can't be empty."
    if name in {".", ".."} or "/" in name or "\\" in name:
        return "A name can't be a path."
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_BYTES:
        return f"A name can have at most {LONGEST_BYTES} bytes."
    if any(_is_refused(name, index) for index in range(len(name))):
        return "A name can't contain control characters or invisible ones."
    if DEVICE.match(name) or DRIVE.match(name) or name.endswith("."):
        return "That name could not be saved on common computers. Choose another one."
    return None


def _is_refused(name: str, index: int) -> bool:
    character = name[index]
    if character in JOINERS:
        return index == 0 or name[index - 1].isascii()
    category = unicodedata.category(character)
    return category in {"Cc", "Cs", "Zl", "Zp"} or character in BIDI or character in INVISIBLE
