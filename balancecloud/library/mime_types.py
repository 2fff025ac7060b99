"""What a file is taken for: a hint for people and players, never trusted to run anything."""

import mimetypes
import re
from typing import Final

UNKNOWN: Final = "application/octet-stream"
SHAPE: Final = re.compile(r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$")
# Only the table that is the same on every machine, so that one file has one type everywhere.
TABLE: Final = mimetypes.MimeTypes(filenames=())
# Served as they are: nothing here can carry a script that a browser would run.
SERVED: Final = frozenset(
    {
        "application/pdf",
        "application/zip",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
        "video/mp4",
        "video/webm",
    }
)


def of(name: str, declared: str | None) -> str:
    """Return a file's type by its name, else what the sender says, else unknown."""
    guessed, _ = TABLE.guess_type(name)
    if guessed:
        return guessed
    wanted = (declared or "").partition(";")[0].strip().lower()
    return wanted if SHAPE.match(wanted) else UNKNOWN


def served(mime_type: str) -> str:
    """Return the type a download is labelled with: from the list above, else unknown."""
    return mime_type if mime_type in SERVED else UNKNOWN
