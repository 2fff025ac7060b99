"""Reading a version back: from the spool while it is there, else from the clouds.

Every byte is passed on only after the tag of its frame held (docs/format.md 7.3). What is read
ahead begins small, so that the first byte of a seek is cheap, and grows while the reader takes it,
up to what the download's part of the process's budget allows.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Final

from sqlalchemy.orm import Session

from balancecloud.errors import Unavailable
from balancecloud.models.library import Version
from balancecloud.storage import racing, spooled, version_keys
from balancecloud.storage.damage import Ring, ring_nobody
from balancecloud.storage.fetching import Wanted, Wire
from balancecloud.storage.packing import VersionKeys, place_of
from balancecloud.storage.racing import Race
from balancecloud.storage.read_budget import LEAST_BYTES, Seat
from balancecloud.storage.spooled import SpooledUpload
from balancecloud.storage.stored_packs import StoredChunk, load_chunks
from balancecloud.storage.stretches import FromClouds, FromSpool, Stretch
from balancecloud.storage.tools import Tools
from balancecloud.storage.whole_packs import open_from_whole

# The first stretch: three frames of the usual size, so that a seek fetches less than 256 KiB.
FIRST_BYTES: Final = 192 << 10
# Whoever begins at the first byte hardly seeks: so much is asked for at once.
START_BYTES: Final = 8 << 20
GROWTH: Final = 8  # of what is read ahead, with every stretch the reader took
SPOOLED_BYTES: Final = 4 << 20
# Chunks are looked up in the index so many at once.
LOOKED_UP: Final = 8


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """One version being read."""

    tools: Tools
    version: Version  # detached: facts only
    keys: VersionKeys
    source: SpooledUpload | None


def open_version(tools: Tools, session: Session, version: Version) -> Reading:
    """Open a version's keys and part it from the session; nothing is fetched yet.

    Whoever reads may then give the session's connection back: nothing is loaded by it again.
    """
    user_key = version_keys.user_key(session, tools.keys, version.user_id, version.epoch)
    keys = VersionKeys(user_key, version_keys.file_key(version, user_key))
    source = spooled.of_version(session, tools.keys, version.id)
    session.expunge(version)
    return Reading(tools, version, keys, source)


def stream(reading: Reading, begin: int, end: int, ring: Ring = ring_nobody) -> Iterator[bytes]:
    """Yield the bytes `begin` to `end` of the version, the end excluded, piece by piece.

    Raises Unavailable or IntegrityError; what was yielded before is right, but the answer must then
    be aborted. The first piece is opened before the first byte is yielded. `ring` is told the ids
    of repairs that turned out to be due.
    """
    with reading.tools.links.budget.seat() as seat:
        under_way = _Stream(reading, begin, end, seat, ring)
        try:
            yield from under_way.pieces()
        finally:
            under_way.let_go()


class _Stream:
    """A range under way: the stretches read ahead, in order."""

    def __init__(self, reading: Reading, begin: int, end: int, seat: Seat, ring: Ring) -> None:
        self._reading = reading
        self._at, self._end = begin, end
        self._seat = seat
        self._wire = Wire(reading.tools, ring, SimpleQueue())
        self._window = FIRST_BYTES if begin else START_BYTES
        self._longest = FIRST_BYTES  # of the next stretch
        self._stretches: deque[tuple[Stretch, int]] = deque()
        self._index: dict[int, StoredChunk] = {}
        cache = reading.tools.links.cache
        self._fills = cache is not None and end - begin <= cache.largest_stream

    def pieces(self) -> Iterator[bytes]:
        """Yield opened pieces, reading on ahead meanwhile."""
        if self._reading.version.size == 0:
            yield self._empty()
            return
        self._read_on()
        while self._stretches:
            stretch, held = self._stretches[0]
            for piece in stretch.pieces():
                self._read_on()
                yield piece
            self._stretches.popleft()
            stretch.let_go()
            self._seat.give_back(held)
            self._window = min(self._window * GROWTH, self._seat.share)
            self._read_on()

    def _empty(self) -> bytes:
        """Return the bytes of an empty file: its one empty chunk is opened whole."""
        if self._reading.source is not None:
            return b""
        return open_from_whole(self._wire, self._wanted(0, 0, 0), ())

    def let_go(self) -> None:
        """Want nothing any more, and hold nothing."""
        for stretch, _ in self._stretches:
            stretch.let_go()

    def _races(self) -> list[Race]:
        return [race for stretch, _ in self._stretches for race in stretch.races]

    def _wait(self, races: Sequence[Race]) -> None:
        racing.drive(self._races(), self._wire.inbox, races)

    def _read_on(self) -> None:
        """Take what has come, and ask for what is to be read ahead now."""
        racing.catch_up(self._races(), self._wire.inbox)
        while self._at < self._end:
            stop = self._next_stop(min(self._longest, self._window))
            wanted = stop - self._at
            if self._stretches and self._seat.held + wanted > self._window:
                return
            if not self._seat.take(wanted):
                if self._stretches:
                    return
                stop = self._next_stop(LEAST_BYTES)
                self._seat.take_least(stop - self._at)
            self._begin(stop)

    def _begin(self, stop: int) -> None:
        held, chunk_size = stop - self._at, self._reading.version.chunk_size
        self._longest = chunk_size
        index, begin = divmod(self._at, chunk_size)
        self._at = stop
        self._stretches.append((self._stretch(index, begin, begin + held), held))

    def _next_stop(self, length: int) -> int:
        """Return where a stretch of about this length ends: in its chunk, after whole frames."""
        version = self._reading.version
        frame = 1 << version.frame_log2
        if self._reading.source is not None:
            length = min(length, SPOOLED_BYTES)
        if 2 * version.chunk_size > self._seat.share:
            length = min(length, self._seat.share // 3)
        chunk_end = (self._at // version.chunk_size + 1) * version.chunk_size
        frames_end = (max(self._at + length, self._at + 1) // frame) * frame
        if frames_end <= self._at:
            frames_end = (self._at // frame + 1) * frame
        return min(self._end, chunk_end, frames_end)

    def _stretch(self, index: int, begin: int, end: int) -> Stretch:
        reading, wire = self._reading, self._wire
        if reading.source is None:
            return self._from_clouds(index, begin, end)
        start = index * reading.version.chunk_size
        later = partial(self._from_clouds, index, begin, end)
        return FromSpool(wire, reading.source, start + begin, start + end, later)

    def _from_clouds(self, index: int, begin: int, end: int) -> FromClouds:
        wanted = self._wanted(index, begin, end)
        again = partial(self._wanted, index, begin, end, is_afresh=True)
        return FromClouds(self._wire, wanted, self._wait, again, fills=self._fills)

    def _wanted(self, index: int, begin: int, end: int, *, is_afresh: bool = False) -> Wanted:
        """Look a chunk up in the index, with those that follow it."""
        if is_afresh or index not in self._index:
            with self._reading.tools.sessions() as session:
                beyond = -(-self._end // self._reading.version.chunk_size)
                following = range(index, max(index + 1, min(index + LOOKED_UP, beyond)))
                self._index = load_chunks(session, self._reading.version.id, following)
        if index not in self._index:
            raise Unavailable
        place = place_of(self._reading.version, index)
        return Wanted(self._index[index], place, self._reading.keys, begin, end)
