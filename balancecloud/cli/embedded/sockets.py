"""Where sockets lie: in a folder only we may enter, at a path short enough for the system."""

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from balancecloud.cli.embedded.processes import CannotStart

# The system allows 103 (macOS) or 107 (Linux) bytes in all; `.s.PGSQL.5432.lock` takes 19.
LONGEST_FOLDER: Final = 80


def socket_folder(data_dir: Path) -> Path:
    """Return the folder for a data folder's sockets, made and checked.

    It lies in the data folder, or under /tmp when that path is too long; there its name follows
    from the data folder's, so that the next start finds what the last one left.
    """
    folder = data_dir / "run"
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        folder = Path("/tmp") / f"balancecloud-{os.geteuid()}-{digest}"  # noqa: S108 - checked below
    folder.mkdir(mode=0o700, exist_ok=True)
    _refuse_foreign(folder)
    return folder


def _refuse_foreign(folder: Path) -> None:
    """Raise CannotStart when somebody else made it first: they could watch or replace it."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise CannotStart(f"{folder} belongs to somebody else. Remove it, or move the data folder.")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
