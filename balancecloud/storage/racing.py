"""Asking for the same positions of a pack's shards: those that are needed, and others when late.

Any k pieces give the data. So whoever is late is not waited for: another shard is asked, the first
k that answer win, and what the losers bring is dropped. An account that is late with something
already is asked last. One reader drives its races; only the asking itself happens in other threads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from balancecloud.crypto.primitives import Buffer
from balancecloud.storage import erasure
from balancecloud.storage.pace import Paces, Sent
from balancecloud.storage.stored_packs import StoredPack, StoredShard

# A late answer costs needless requests, which are counted; beyond so many times its patience the
# account has stalled, and another is asked whatever was saved.
STALLED = 3.0
# How much sooner parity must be there to be preferred to data, as it has to be decoded. What is
# short is not worth a guess: data is asked unless its account is late already.
DECODING_FACTOR = 1.25
DECODING_SECONDS = 0.02
LONG_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Row:
    """The same positions of every shard's piece, and which data pieces are needed of them."""

    position: int
    length: int
    needed: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Ask:
    """One shard asked for one row."""

    race: "Race"
    shard: StoredShard
    sent: Sent
    is_over: bool = False  # answered, refused, or nobody wants it any more


Inbox = SimpleQueue[tuple[Ask, bytes | None]]
Sender = Callable[[Ask], None]  # has the answer put into the inbox, None for a refusal


@dataclass(frozen=True, slots=True)
class Track:
    """What races need: time, how the accounts are, and how to ask."""

    now: Callable[[], float]
    paces: Paces
    send: Sender


@dataclass(slots=True, eq=False)
class Race:
    """One row of one pack on its way."""

    pack: StoredPack
    row: Row
    track: Track
    asks: dict[int, Ask] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)  # those that came in time
    pieces: dict[int, bytes] = field(default_factory=dict)
    _solved: Mapping[int, Buffer] | None = None
    _is_done_with: bool = False

    @property
    def is_won(self) -> bool:
        """Whether what is needed is there."""
        return self._solved is not None

    @property
    def is_over(self) -> bool:
        """Whether it is won, or nobody is left to ask."""
        return self._is_done_with or self.is_won or not (self._under_way() or self._not_asked())

    @property
    def _needed(self) -> set[int]:
        return set(self.row.needed)

    def start(self) -> None:
        """Ask the shards that promise to be there first."""
        for shard in self._first():
            self._ask(shard)
            self.track.paces.earn()

    def take(self, ask: Ask, piece: bytes | None) -> None:
        """Take an answer, or ask another where there was none."""
        ask.is_over = True
        if self._is_done_with or self.is_won:
            return
        if piece is not None:
            self.pieces[ask.shard.index] = piece
            self.answered.add(ask.shard.index)
        if len(self.pieces) >= self.pack.layout.k or self._needed <= self.pieces.keys():
            self.cancel()
            self._solve()
        elif piece is None:
            self._reach(self._under_way(), is_free=True)

    def look(self) -> None:
        """Ask others in the place of those that are late by now."""
        if self.is_over:
            return
        now = self.track.now()
        in_time = [ask for ask in self._under_way() if self._late_at(ask) > now]
        stalled = [ask for ask in self._under_way() if self._late_at(ask, STALLED) <= now]
        self._reach(in_time, is_free=bool(stalled))

    def next_look(self) -> float:
        """Return when the next of its answers is late."""
        now = self.track.now()
        times = [
            moment
            for ask in self._under_way()
            for moment in (self._late_at(ask), self._late_at(ask, STALLED))
            if moment > now
        ]
        return min(times, default=float("inf"))

    def cancel(self) -> None:
        """Leave the losers alone: those not sent yet never are, the others are not waited for."""
        for ask in self.asks.values():
            ask.is_over = True

    def let_go(self) -> None:
        """Want nothing more, and hold nothing: an ask under way would keep all of it alive."""
        self.cancel()
        self._is_done_with = True
        self.pieces = {}
        self._solved = None

    def columns(self) -> Mapping[int, Buffer]:
        """Return the needed pieces once it is won."""
        if self._solved is None:
            raise AssertionError("It is not won.")
        return self._solved

    def _solve(self) -> None:
        """Work out what is needed, and keep nothing else: it may wait long to be read."""
        found: Mapping[int, Buffer] = self.pieces
        if not self._needed <= self.pieces.keys():
            layout = self.pack.layout
            found = dict(
                enumerate(erasure.decode(self.pieces, layout.k, layout.m, self.row.length))
            )
        self._solved = {index: found[index] for index in self.row.needed}
        self.pieces = {}

    # --- whom to ask ----------------------------------------------------------------------------

    def _first(self) -> Sequence[StoredShard]:
        """Return whom to ask first: the data that is needed, or any k where that is sooner."""
        ranked = self._ranked()
        k = self.pack.layout.k
        direct = [shard for rank, shard in ranked if shard.index in self._needed and not rank[0]]
        if len(self.row.needed) < k and len(direct) == len(self.row.needed):
            return direct
        return [shard for _, shard in ranked[:k]]

    def _reach(self, hoped: Sequence[Ask], *, is_free: bool) -> None:
        """Ask so many more that what is hoped for is enough."""
        reached = {ask.shard.index for ask in hoped} | self.pieces.keys()
        missing = self.pack.layout.k - len(reached)
        if missing <= 0 or self._needed <= reached:
            return
        more = [shard for _, shard in self._ranked() if shard.index not in self.asks]
        if not more or not (is_free or self.track.paces.spend(min(missing, len(more)))):
            return
        for shard in more[:missing]:
            self._ask(shard)

    def _ranked(self) -> list[tuple[tuple[int, float], StoredShard]]:
        """Return the shards, the most promising first; rank 0 is well, 1 late, 2 not at hand."""
        return sorted(
            ((self._rank(shard), shard) for shard in self.pack.shards),
            key=lambda ranked: (ranked[0], ranked[1].index),
        )

    def _rank(self, shard: StoredShard) -> tuple[int, float]:
        pace = self.track.paces.of(shard.account_id)
        is_late, seconds = pace.expected(self.row.length, self.track.now())
        if self.row.length < LONG_BYTES:
            seconds = 0.0 if shard.index in self.row.needed else 1.0
        elif shard.index not in self.row.needed:
            seconds = seconds * DECODING_FACTOR + DECODING_SECONDS
        return (0 if shard.is_at_hand and not is_late else 1 if shard.is_at_hand else 2), seconds

    def _ask(self, shard: StoredShard) -> None:
        pace = self.track.paces.of(shard.account_id)
        ask = Ask(self, shard, pace.send(self.row.length))
        self.asks[shard.index] = ask
        self.track.send(ask)

    def _under_way(self) -> list[Ask]:
        return [ask for ask in self.asks.values() if not ask.is_over]

    def _not_asked(self) -> list[StoredShard]:
        return [shard for shard in self.pack.shards if shard.index not in self.asks]

    def _late_at(self, ask: Ask, times: float = 1.0) -> float:
        return self.track.paces.of(ask.shard.account_id).late_at(ask.sent, times)


def drive(races: Sequence[Race], inbox: Inbox, first: Sequence[Race]) -> None:
    """Drive races until the first of them are over."""
    while not all(race.is_over for race in first):
        running = [race for race in races if not race.is_over]
        now = first[0].track.now()
        wait = min((race.next_look() for race in running), default=now) - now
        try:
            ask, piece = inbox.get(timeout=min(max(wait, 0.0), 1.0))
        except Empty:
            pass
        else:
            ask.race.take(ask, piece)
        for race in running:
            race.look()


def catch_up(races: Sequence[Race], inbox: Inbox) -> None:
    """Take what has come in meanwhile, without waiting."""
    while True:
        try:
            ask, piece = inbox.get_nowait()
        except Empty:
            break
        ask.race.take(ask, piece)
    for race in races:
        race.look()
