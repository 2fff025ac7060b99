"""Stretches of a version that is being read: begun ahead, opened piece by piece in their turn."""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Final, Protocol

from balancecloud.crypto.chunks import Span, SpanOpener
from balancecloud.crypto.primitives import Buffer
from balancecloud.errors import BalanceCloudError, IntegrityError, Unavailable
from balancecloud.storage import damage
from balancecloud.storage.fetching import Fetch, Wanted, Wire
from balancecloud.storage.racing import Race
from balancecloud.storage.spooled import SpooledUpload
from balancecloud.storage.whole_packs import open_from_whole

# The spool's place among the lanes of the accounts.
SPOOL_LANE: Final = uuid.UUID(int=0)

logger = logging.getLogger(__name__)

Wait = Callable[[Sequence[Race]], None]  # until these races are over, driving all others too


class Stretch(Protocol):
    """Some bytes of a version, on their way."""

    @property
    def races(self) -> Sequence[Race]:
        """What is being asked for it."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Wait for it and yield its bytes; each was checked."""
        ...

    def let_go(self) -> None:
        """Want nothing of it any more, and hold nothing."""
        ...


class FromClouds:
    """A stretch of one chunk. `again` looks the chunk up anew, in case it was moved meanwhile."""

    def __init__(
        self, wire: Wire, wanted: Wanted, wait: Wait, again: Callable[[], Wanted], *, fills: bool
    ) -> None:
        wanted.check()
        self._wire = wire
        self._wanted = wanted
        self._wait = wait
        self._again = again
        self._fills = fills
        self._fetch = Fetch(wire, wanted)
        self._opener: SpanOpener | None = None
        self._whole: bytes | None = None  # the chunk's plaintext, where its frames did not open

    @property
    def races(self) -> Sequence[Race]:
        """What is being asked for it."""
        return self._fetch.races

    def pieces(self) -> Iterator[bytes]:
        """Wait for it and yield its bytes; each was checked."""
        for span in self._wanted.parts():
            yield self._piece(span)
        if self._fills and self._whole is None:
            self._fetch.keep()

    def let_go(self) -> None:
        """Want nothing of it any more, and hold nothing."""
        self._fetch.let_go()
        self._whole = None

    def _piece(self, span: Span) -> bytes:
        try:
            return self._open(span)
        except (Unavailable, IntegrityError):
            if not self._has_moved():
                raise
        return self._open(span)

    def _has_moved(self) -> bool:
        """Look the chunk up anew; if it lies elsewhere by now, begin again there."""
        wanted = self._again()
        before = self._wanted.chunk.pack
        places = {(shard.index, shard.account_id, shard.object_id) for shard in before.shards}
        now = wanted.chunk.pack
        new = {(shard.index, shard.account_id, shard.object_id) for shard in now.shards}
        if now.pack_id == before.pack_id and new <= places:
            return False
        wanted.check()
        self._fetch.let_go()
        self._wanted, self._opener, self._whole = wanted, None, None
        self._fetch = Fetch(self._wire, wanted)
        return True

    def _open(self, span: Span) -> bytes:
        """Open a part: from what came, else from the whole pack."""
        if self._whole is None:
            try:
                return self._open_cached(span) or self._open_fetched(span)
            except IntegrityError as problem:
                pack_id = self._wanted.chunk.pack.pack_id
                logger.warning("A range of pack %s did not open (%s).", pack_id, problem.cause)
            self._whole = open_from_whole(self._wire, self._wanted, self._fetch.suspects())
        return self._whole[span.begin : span.end]

    def _open_cached(self, span: Span) -> bytes | None:
        """Open a part from the cache; None, and it is asked of the accounts, if that fails."""
        if not self._fetch.is_cached:
            return None
        sealed = self._fetch.sealed(span)
        if sealed is not None:
            try:
                return self._unseal(span, sealed)
            except IntegrityError as problem:
                logger.info("A run in the cache did not open (%s).", problem.cause)
        self._fetch.forget()
        self._fetch.ask()
        return None

    def _open_fetched(self, span: Span) -> bytes:
        self._wait(self._fetch.races)
        sealed = self._fetch.sealed(span)
        if sealed is None:
            raise damage.too_few(self._wire.tools, self._wanted.chunk.pack)
        return self._unseal(span, sealed)

    def _unseal(self, span: Span, sealed: Buffer) -> bytes:
        """Open the sealed bytes of a part; IntegrityError unless every frame of it holds."""
        if self._opener is None:
            self._opener = self._wanted.opener()
        return self._opener.open(span, sealed)


class FromSpool:
    """A stretch that lies in the spool; from the clouds where it was removed meanwhile."""

    def __init__(
        self, wire: Wire, source: SpooledUpload, begin: int, end: int, later: Callable[[], Stretch]
    ) -> None:
        self._later = later
        self._stretch: Stretch | None = None
        self._answer: SimpleQueue[bytes | BalanceCloudError] = SimpleQueue()
        self._is_wanted = True

        def task() -> None:
            if self._is_wanted:
                self._answer.put(_read(wire, source, begin, end))

        wire.tools.links.lanes.submit(SPOOL_LANE, task, end - begin)

    @property
    def races(self) -> Sequence[Race]:
        """What is asked in its place."""
        return self._stretch.races if self._stretch else ()

    def pieces(self) -> Iterator[bytes]:
        """Wait for it and yield its bytes; each was checked."""
        found = self._answer.get()
        if isinstance(found, Unavailable):
            # The version was stored meanwhile and its spool emptied: the clouds have it now.
            self._stretch = self._later()
            yield from self._stretch.pieces()
        elif isinstance(found, BalanceCloudError):
            raise found
        else:
            yield found

    def let_go(self) -> None:
        """Want nothing of it any more, and hold nothing."""
        self._is_wanted = False
        if self._stretch is not None:
            self._stretch.let_go()


def _read(wire: Wire, source: SpooledUpload, begin: int, end: int) -> bytes | BalanceCloudError:
    try:
        return source.read(wire.tools.spool, begin, end)
    except BalanceCloudError as problem:
        return problem
    except Exception as problem:  # noqa: BLE001 - whoever waits for it must be answered
        logger.error("The spool could not be read: %s.", type(problem).__name__)  # noqa: TRY400
        return Unavailable()
