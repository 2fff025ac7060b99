"""What one person sent and was promised, written down as the answers came."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from tests.soak.contents import Content


@dataclass(frozen=True)
class Promise:
    """An upload that was acknowledged: this content is a version of this file."""

    job_id: str
    node_id: str
    folder_id: str | None
    content: Content


@dataclass
class Ledger:
    """Kept by several threads."""

    promises: list[Promise] = field(default_factory=list)
    sent: dict[bytes, Content] = field(default_factory=dict)  # acknowledged or not, by hash
    names: dict[str, str] = field(default_factory=dict)  # of files that should be there, by id
    folders: dict[str, str | None] = field(default_factory=dict)  # of the same files
    removed: set[str] = field(default_factory=set)  # files and folders
    perhaps_removed: set[str] = field(default_factory=set)  # whose removal was not answered
    cancelled: set[str] = field(default_factory=set)  # jobs that were asked to end
    counts: Counter[str] = field(default_factory=Counter)
    lies: list[str] = field(default_factory=list)
    bytes_out: int = 0
    bytes_in: int = 0
    _guard: threading.RLock = field(default_factory=threading.RLock)

    def will_send(self, content: Content) -> None:
        """Write down what may arrive from now on."""
        with self._guard:
            self.sent[content.sha256] = content

    def promised(self, promise: Promise, name: str) -> None:
        """Write down an acknowledged upload."""
        with self._guard:
            self.promises.append(promise)
            self.bytes_out += promise.content.size
            if not {promise.node_id, promise.folder_id} & self.removed:
                self.names[promise.node_id] = name
                self.folders[promise.node_id] = promise.folder_id

    def will_remove(self, node_id: str) -> None:
        """Write down that a file or folder may be gone from now on."""
        with self._guard:
            self.perhaps_removed.add(node_id)
            self._forget(node_id)

    def was_removed(self, node_id: str) -> None:
        """Write down that it is gone."""
        with self._guard:
            self.removed.add(node_id)
            self._forget(node_id)

    def count(self, what: str, outcome: str) -> None:
        """Count how something went."""
        with self._guard:
            self.counts[f"{what}: {outcome}"] += 1

    def lie(self, sentence: str) -> None:
        """Write down what must never be."""
        with self._guard:
            self.lies.append(sentence)

    def received(self, size: int) -> None:
        """Count bytes that came back equal."""
        with self._guard:
            self.bytes_in += size

    def files(self) -> list[tuple[str, str]]:
        """Return id and name of the files that should be there."""
        with self._guard:
            return list(self.names.items())

    def filled_folders(self) -> list[str]:
        """Return the folders in which something should be."""
        with self._guard:
            return sorted({folder for folder in self.folders.values() if folder})

    def recent_jobs(self, count: int) -> list[str]:
        """Return the newest jobs."""
        with self._guard:
            return [one.job_id for one in self.promises[-count:]]

    def kept_bytes(self) -> int:
        """Return about how much the person keeps."""
        with self._guard:
            return sum(one.content.size for one in self.promises if one.node_id in self.names)

    def held(self) -> list[Promise]:
        """Return the promises that nobody took back."""
        with self._guard:
            gone = self.removed | self.perhaps_removed
            return [
                one
                for one in self.promises
                if not {one.node_id, one.folder_id} & gone and one.job_id not in self.cancelled
            ]

    def _forget(self, node_id: str) -> None:
        for file_id in [f for f, folder in self.folders.items() if node_id in {f, folder}]:
            self.names.pop(file_id, None)
            self.folders.pop(file_id, None)
