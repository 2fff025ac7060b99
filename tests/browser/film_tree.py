"""The folder of the newcomer's film: 300 small files, three levels, names from everywhere."""

import io
import zipfile
from itertools import product
from pathlib import Path
from random import Random
from typing import Final

TOP: Final = "Travel"
PLACES: Final = ("Lisbon 2026", "Tōkyō 🗼", "חיפה", "Örnsköldsvik & co", "Porto")
KINDS: Final = {"photos": "photo", "notes, all": "note", "tickets": "ticket"}
EACH: Final = 20

Contents = dict[str, bytes]


def make(seed: int) -> Contents:
    """Return 300 files by their paths, of 0 to 4096 bytes, no two alike but for the empty one."""
    random = Random(seed)
    found = {
        f"{TOP}/{place}/{kind}/{number:02} {called}.txt": random.randbytes(random.randint(8, 4096))
        for place, (kind, called), number in product(PLACES, KINDS.items(), range(EACH))
    }
    found[f"{TOP}/Porto/tickets/00 ticket.txt"] = b""
    found[f"{TOP}/Porto/photos/07 photo.txt"] = b"The ferry leaves at nine.\n" * 20
    return found


def write(contents: Contents, target: Path) -> Path:
    """Write it below `target`; returns the folder's path."""
    for path, content in contents.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
    return target / TOP


def unzip(archive: bytes) -> Contents:
    """Return the files of a ZIP by their paths; each is checked against its sum on the way."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        names = [entry.filename for entry in opened.infolist() if not entry.is_dir()]
        assert len(names) == len(set(names))
        return {name: opened.read(name) for name in names}
