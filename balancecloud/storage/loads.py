"""What is to become one pack: a full chunk of a run, or small last chunks of several files."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from balancecloud.errors import IntegrityError, Unavailable
from balancecloud.models.library import Version
from balancecloud.storage.intents import Intended
from balancecloud.storage.packing import Opened, SealedPack, VersionKeys, place_of, seal_pack
from balancecloud.storage.spooled import SpooledUpload
from balancecloud.storage.tools import Tools

# While it is made a pack is in memory as plaintext, sealed, and as shards: with m = 2 and k = 1
# three times as such.
COPIES: Final = 4


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """One chunk of a version that is being stored, and where its plaintext is."""

    version: Version  # detached: facts only
    index: int
    keys: VersionKeys
    source: SpooledUpload
    work_id: uuid.UUID | None = None  # of a small chunk that waited for a pack

    @property
    def sealed_bytes(self) -> int:
        """How long it is in its pack."""
        return place_of(self.version, self.index).sealed_len


# Told of a member that cannot be read or sealed; raises where the whole load is to end.
Spoiled = Callable[[Member, IntegrityError | Unavailable], None]


@dataclass(slots=True, repr=False)
class Load:
    """Chunks that go into one pack, until it is stored; used by one thread at a time."""

    members: Sequence[Member]
    spoiled: Spoiled
    intended: Intended | None = None
    refused: set[uuid.UUID] = field(default_factory=set)
    rounds: int = 0

    @property
    def versions(self) -> list[Version]:
        """The versions whose chunks these are."""
        return [member.version for member in self.members]

    @property
    def sealed_bytes(self) -> int:
        """How long the pack will be."""
        return sum(member.sealed_bytes for member in self.members)

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes at most while it is made."""
        return COPIES * self.sealed_bytes

    def drop(self, versions: set[uuid.UUID]) -> None:
        """Go on without these: the pack is another one then."""
        self.members = [m for m in self.members if m.version.id not in versions]
        self.intended = None

    def seal(self, tools: Tools) -> SealedPack | None:
        """Read and seal every member; None when none is left that can be.

        One that was sealed before must give the same bytes: else its plaintext is another now.
        """
        salts = self.intended.salts if self.intended else {}
        while self.members:
            opened, bad = self._read(tools)
            if not bad:
                pack = seal_pack(opened)
                bad = {
                    chunk.version.id
                    for chunk in pack.chunks
                    if salts.get((chunk.version.id, chunk.index), chunk.salt) != chunk.salt
                }
                for member in self.members:
                    if member.version.id in bad:
                        self.spoiled(member, IntegrityError("salt"))
                if not bad:
                    return pack
            self.drop(bad)
        return None

    def _read(self, tools: Tools) -> tuple[list[Opened], set[uuid.UUID]]:
        opened, bad = [], set()
        for member in self.members:
            place = place_of(member.version, member.index)
            begin = member.index * member.version.chunk_size
            try:
                plaintext = memoryview(bytearray(place.plain_len))
                member.source.read_into(tools.spool, begin, plaintext)
            except (IntegrityError, Unavailable) as error:
                self.spoiled(member, error)
                bad.add(member.version.id)
            else:
                opened.append(Opened(member.version, member.index, member.keys, plaintext))
        return opened, bad
