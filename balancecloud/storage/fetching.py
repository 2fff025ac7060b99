"""Getting a stretch of a chunk: from the cache, from its data shards, or decoded from others.

A stretch is a range of one chunk's plaintext. Its sealed bytes are fetched as rows: a row is the
same positions of each piece, so that any k answers give it. Where nearly a whole pack is wanted it
is one row of whole pieces, and the k accounts that are soonest give it.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from balancecloud.crypto import chunks, shards
from balancecloud.crypto.chunks import Span, SpanOpener
from balancecloud.crypto.places import Place
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import BadRange, IntegrityError, ProviderError
from balancecloud.storage import damage, erasure
from balancecloud.storage.cache import Cache, HeldRuns
from balancecloud.storage.damage import Ring
from balancecloud.storage.packing import VersionKeys
from balancecloud.storage.racing import Ask, Inbox, Race, Row, Track
from balancecloud.storage.stored_packs import StoredChunk, StoredPack, StoredShard
from balancecloud.storage.tools import Tools

logger = logging.getLogger(__name__)

# Opened at once: what is fetched stays sealed in memory until the reader wants it. Joined, opened
# and joined again it is there three times for a moment.
OPENED_BYTES = 256 << 10
# Wanted is so much of a pack: then whole pieces cost hardly more, and any k of them do.
NEARLY_WHOLE = 7 / 8


@dataclass(frozen=True, slots=True)
class Wire:
    """One download's way to the accounts."""

    tools: Tools
    ring: Ring
    inbox: Inbox

    def track(self) -> Track:
        """Return what races need, asking for the pieces of shards."""
        return Track(self.tools.clock.monotonic, self.tools.links.paces, self.send)

    def send(self, ask: Ask) -> None:
        """Have a row of a shard's piece fetched in its account's lane."""
        row = ask.race.row
        self.submit(ask, shards.HEADER_LENGTH + row.position, row.length)

    def submit(self, ask: Ask, start: int, length: int) -> None:
        """Have bytes of a shard fetched, unless nobody wants them any more by then."""
        pace = self.tools.links.paces.of(ask.shard.account_id)

        def task() -> None:
            if ask.is_over:
                pace.ended(ask.sent)
                return
            pace.begin(ask.sent, self.tools.clock.monotonic())
            piece = None
            try:
                piece = get(self.tools, ask.race.pack, ask.shard, (start, length), self.ring)
            finally:
                if piece is None:
                    pace.ended(ask.sent)
                else:
                    pace.answered(ask.sent, self.tools.clock.monotonic())
                self.inbox.put((ask, piece))

        self.tools.links.lanes.submit(ask.shard.account_id, task, length)


def get(
    tools: Tools, pack: StoredPack, shard: StoredShard, span: tuple[int, int], ring: Ring
) -> bytes | None:
    """Return bytes of one shard; None when its account does not give them, which is noted."""
    start, length = span
    try:
        found = tools.open_provider(shard.account_id).get(shard.object_id, start, length)
    except ProviderError as refusal:
        damage.note_refusal(tools, pack, shard, refusal, ring)
        return None
    if len(found) != length:
        damage.note_refusal(tools, pack, shard, BadRange(), ring)
        return None
    damage.note_answer(tools, shard)
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """Plaintext `begin` to `end` of the chunk at `place`, and how it is opened."""

    chunk: StoredChunk
    place: Place
    keys: VersionKeys
    begin: int
    end: int

    def check(self) -> None:
        """Refuse what the index cannot mean: another person's pack, or a chunk beyond its end."""
        if self.chunk.pack.user_id.bytes != self.place.user:
            raise IntegrityError("context")
        end = self.chunk.offset + self.place.sealed_len
        if self.chunk.offset < 0 or end > self.chunk.pack.layout.pack_length:
            raise IntegrityError("length")

    @property
    def span(self) -> Span:
        """The sealed bytes that hold it."""
        return chunks.frame_span(self.place, self.begin, self.end)

    def parts(self) -> Iterator[Span]:
        """Yield the span in parts that are opened one after another."""
        step = max(OPENED_BYTES, 1 << self.place.frame_log2)
        at = self.begin
        while at < self.end:
            stop = min(self.end, (at // step + 1) * step)
            yield chunks.frame_span(self.place, at, stop)
            at = stop

    def opener(self) -> SpanOpener:
        """Return what opens the sealed bytes of its parts."""
        keys = self.keys
        return SpanOpener.of(self.place, keys.file_key, keys.user_key, self.chunk.salt)


def rows_of(pack: StoredPack, start: int, length: int) -> list[Row]:
    """Return the rows that hold these bytes of a pack."""
    columns = erasure.spans(start, length, pack.layout.piece_length)
    if length >= NEARLY_WHOLE * pack.layout.pack_length:
        needed = tuple(column.index for column in columns)
        return [Row(0, pack.layout.piece_length, needed)]
    return [Row(column.position, column.length, (column.index,)) for column in columns]


class Fetch:
    """A stretch on its way. Begun at once; opened part by part when it has come."""

    def __init__(self, wire: Wire, wanted: Wanted) -> None:
        self.wanted = wanted
        self._wire = wire
        self.races: list[Race] = []
        span = wanted.span
        self._start, self._length = wanted.chunk.offset + span.start, span.length
        self._held = self._find()
        if self._held is None:
            self.ask()

    @property
    def is_cached(self) -> bool:
        """Whether it comes from the cache."""
        return self._held is not None

    def ask(self) -> None:
        """Ask the accounts, whatever the cache holds."""
        self._held = None
        pack = self.wanted.chunk.pack
        track = self._wire.track()
        self.races = [Race(pack, row, track) for row in rows_of(pack, self._start, self._length)]
        for race in self.races:
            race.start()

    def sealed(self, span: Span) -> bytes | None:
        """Return the sealed bytes of a part once all races are over; None where one is lost."""
        start = self.wanted.chunk.offset + span.start
        if self._held is not None:
            return self._held.read(start, span.length)
        return self._joined(start, span.length)

    def suspects(self) -> list[StoredShard]:
        """Return the shards whose answers are in what did not open."""
        answered = {index for race in self.races for index in race.answered}
        return [shard for shard in self.wanted.chunk.pack.shards if shard.index in answered]

    def forget(self) -> None:
        """Remove it from the cache: it did not open."""
        if self._held is not None:
            self._held.forget()

    def keep(self) -> None:
        """Put it into the cache, all of it having been opened."""
        cache = self._cache
        if cache is not None and self._held is None:
            slices = list(self._slices(self._start, self._length))
            cache.put(self.wanted.chunk.pack.pack_id, self._start, slices)

    def let_go(self) -> None:
        """Want nothing of it any more, and hold nothing."""
        for race in self.races:
            race.let_go()

    @property
    def _cache(self) -> Cache | None:
        return self._wire.tools.links.cache

    def _find(self) -> HeldRuns | None:
        if self._cache is None:
            return None
        return self._cache.find(self.wanted.chunk.pack.pack_id, self._start, self._length)

    def _joined(self, start: int, length: int) -> bytes | None:
        if not all(race.is_won for race in self.races):
            return None
        return b"".join(self._slices(start, length))

    def _slices(self, start: int, length: int) -> Iterator[memoryview]:
        """Yield these bytes of the pack out of the columns that came."""
        piece_length = self.wanted.chunk.pack.layout.piece_length
        columns = self._columns()
        for span in erasure.spans(start, length, piece_length):
            position, column = next(
                (position, column)
                for index, position, column in columns
                if index == span.index and position <= span.position < position + len(column)
            )
            begin = span.position - position
            yield memoryview(column)[begin : begin + span.length]

    def _columns(self) -> list[tuple[int, int, Buffer]]:
        """Return index, position and bytes of each column, decoded where a data shard lacks."""
        return [
            (index, race.row.position, race.columns()[index])
            for race in self.races
            for index in race.row.needed
        ]
