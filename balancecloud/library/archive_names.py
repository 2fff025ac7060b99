"""Names inside an archive: safe to unpack anywhere, and no two alike for any common system."""

import unicodedata
from typing import Final

from balancecloud.library.names import DEVICE, LONGEST_BYTES, numbered

UNSAFE: Final = frozenset('/\\:*?"<>|')  # separators, and what Windows can't keep


class Names:
    """The paths that are taken. Those that differ by case or composition alone count as one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def take(self, folder: str, name: str) -> str:
        """Return a free path for a name in a folder, which is empty or ends with a slash."""
        name = safe(name)
        path = f"{folder}{name}"
        number = self._last.get(_folded(path), 1)
        while _folded(path) in self._taken:
            number += 1
            path = f"{folder}{numbered(name, number)}"
        self._last[_folded(f"{folder}{name}")] = number
        self._taken.add(_folded(path))
        return path


def safe(name: str) -> str:
    """Return a name that is one step of a path on every common system, and never climbs."""
    kept = "".join("_" if _is_unsafe(one) else one for one in name).rstrip(" .")
    kept = kept.encode("utf-8", "replace")[:LONGEST_BYTES].decode("utf-8", "ignore")
    return f"_{kept}" if not kept or DEVICE.match(kept) else kept


def _is_unsafe(character: str) -> bool:
    return character in UNSAFE or unicodedata.category(character) in {"Cc", "Cs"}


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
