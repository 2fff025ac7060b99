"""Accounts that count, stall and lie while they are read, and a file that lies on them."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from sqlalchemy import select, update

from balancecloud.clouds.provider import ObjectId
from balancecloud.errors import BadRange, ObjectMissing, ProviderError, Unreachable
from balancecloud.models.clouds import ShardRow
from balancecloud.models.jobs import Work
from balancecloud.models.library import Version
from balancecloud.models.states import ShardState, WorkKind
from balancecloud.storage import reader
from balancecloud.storage.links import Links
from tests.fakes.memory_provider import MemoryProvider
from tests.storage.world import Person


@dataclass
class ReadAccount(MemoryProvider):
    """Counts what is read; does not answer while `is_stalled`; spoils reads as told."""

    gets: list[tuple[int, int]] = field(default_factory=list)
    spoil: str = ""
    _going: threading.Event = field(default_factory=threading.Event)
    _may_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._may_go.set()

    def stall(self) -> None:
        """Answer nothing until released."""
        self._may_go.clear()

    def release(self) -> None:
        self._may_go.set()

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        self.gets.append((start, length))
        if not self._may_go.wait(20):
            raise Unreachable
        if self.spoil in REFUSALS:
            raise REFUSALS[self.spoil]
        content = super().get(object_id, start, length)
        match self.spoil:
            case "flipped":
                middle = length // 2
                return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
            case "short":
                return content[:-1]
            case "long":
                return content + b"\0"
            case "zeros":
                return bytes(length)
            case _:
                return content


REFUSALS: dict[str, type[ProviderError]] = {
    "away": Unreachable,
    "missing": ObjectMissing,
    "cut": BadRange,
}
FAULTS = ("away", "missing", "cut", "flipped", "short", "long", "zeros")


@dataclass
class Shelf:
    """A person with a file on accounts that can be watched."""

    person: Person
    version: Version
    content: bytes

    @property
    def accounts(self) -> list[ReadAccount]:
        return [one for one in self.person.memory if isinstance(one, ReadAccount)]

    def stream(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        tools = self.person.tools
        with tools.sessions() as session:
            version = session.get_one(Version, self.version.id)
            reading = reader.open_version(tools, session, version)
        stop = version.size if end is None else end
        return reader.stream(reading, begin, stop, self.rung.append)

    def __post_init__(self) -> None:
        self.rung: list[uuid.UUID] = []

    def read(self, begin: int = 0, end: int | None = None) -> bytes:
        with closing(self.stream(begin, end)) as pieces:  # type: ignore[type-var]
            return b"".join(pieces)

    def gets(self) -> list[tuple[int, int]]:
        return [get for account in self.accounts for get in account.gets]

    def forget_gets(self) -> None:
        for account in self.accounts:
            account.gets.clear()

    def heal(self) -> None:
        """Let all accounts be well, and the index not know that they were not."""
        for account in self.accounts:
            account.spoil = ""
        with self.person.tools.sessions.begin() as session:
            session.execute(update(ShardRow).values(state=ShardState.STORED))

    def with_links(self, links: Links) -> "Shelf":
        self.person.tools = replace(self.person.tools, links=links)
        return self

    def repairs(self) -> list[Work]:
        with self.person.tools.sessions() as session:
            return list(session.scalars(select(Work).where(Work.kind == WorkKind.REPAIR)))


def shelf(person: Person, content: bytes, accounts: int) -> Shelf:
    """Store a file on so many accounts."""
    for number in range(accounts):
        account = ReadAccount(subject=f"read-{number}")
        person.memory.append(account)
        person.link(account)
    arrived = person.upload(content)
    assert person.work() == []
    return Shelf(person, person.version(arrived), content)
