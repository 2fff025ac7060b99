"""What a library holds by kind and by folder, as pages show it."""

import uuid
from dataclasses import dataclass
from datetime import datetime


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
