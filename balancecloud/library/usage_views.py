"""What a library holds by kind and by folder, as pages show it."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from balancecloud.library.views import AccountView


@dataclass(frozen=True, slots=True)
class KindUse:
    """What a library holds of one kind of file: of each file the version that is shown."""

    kind: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class KindsUse:
    """What a library holds by kind, the largest first; null: it is being counted."""

    kinds: tuple[KindUse, ...] | None
    counted_at: datetime | None = None  # null: just now

    @property
    def bytes(self) -> int:
        """Of all kinds."""
        return sum(one.bytes for one in self.kinds or ())


@dataclass(frozen=True, slots=True)
class FolderUse:
    """What lies in a folder and all below it: of each file the version that is shown."""

    id: uuid.UUID
    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FoldersUse:
    """The largest folders in a folder, and what else is there; null: it is being counted."""

    folders: tuple[FolderUse, ...] | None
    files: int = 0  # of this folder and all below it
    bytes: int = 0
    counted_at: datetime | None = None  # null: just now

    @property
    def other_files(self) -> int:
        """What lies in no folder listed."""
        return max(0, self.files - sum(one.files for one in self.folders or ()))

    @property
    def other_bytes(self) -> int:
        """The bytes of those."""
        return max(0, self.bytes - sum(one.bytes for one in self.folders or ()))


@dataclass(frozen=True, slots=True)
class Usage:
    """A person's use in plaintext bytes; `total_bytes` null: unlimited.

    Files of a large library are counted by the schedule: null until that is done the first time.
    """

    used_bytes: int
    reserved_bytes: int
    total_bytes: int | None
    files: int | None
    accounts: tuple[AccountView, ...]
    less_protected: int | None = 0  # versions, old ones and the trash among them
    survives: int = 0  # so many accounts may be lost, where nothing is less protected
    repair_job_id: uuid.UUID | None = None  # the job that mends what is less protected
    counted_at: datetime | None = None  # when files were counted, if not just now
