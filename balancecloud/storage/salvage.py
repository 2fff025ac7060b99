"""Getting the bytes of a pack back from any k of its shards, whole and proven.

Each shard is read whole and checked by its MAC; the joined pack is checked by its digest. What
fails is marked and not used. At most k shards are held at once, unless a digest does not match.
"""

import itertools
import logging
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId, ShardName
from balancecloud.crypto import packs, shards
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.shards import Layout
from balancecloud.errors import (
    BadRange,
    IntegrityError,
    ObjectMissing,
    ProviderError,
    Temporary,
)
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.states import AccountState, ShardState
from balancecloud.storage import erasure, health, upkeep
from balancecloud.storage.standing import HELD
from balancecloud.storage.stored_packs import MARKED
from balancecloud.storage.tools import Tools

logger = logging.getLogger(__name__)

_OF_THE_OBJECT = (BadRange, ObjectMissing)


@dataclass(frozen=True, slots=True)
class KnownShard:
    """A shard as the index knows it. `is_good`: it counts when protection is asked for."""

    index: int
    account_id: uuid.UUID
    domain: str
    name: ShardName
    object_id: ObjectId | None
    length: int
    sha256: bytes
    state: ShardState
    is_linked: bool
    is_good: bool
    is_away: bool

    @property
    def may_be_read(self) -> bool:
        """Whether something could lie there: every shard proves itself."""
        return self.is_linked and self.object_id is not None and self.state in {*HELD, *MARKED}


@dataclass(frozen=True, slots=True)
class KnownChunk:
    """A chunk that lies in a pack."""

    version_id: uuid.UUID
    index: int
    offset: int


@dataclass(frozen=True, slots=True)
class KnownPack:
    """A pack with its shards and the chunks that are still wanted, both in order."""

    id: uuid.UUID
    user_id: uuid.UUID
    epoch: int
    layout: Layout
    shards: tuple[KnownShard, ...]
    chunks: tuple[KnownChunk, ...]


def load(session: Session, pack: Pack) -> KnownPack:
    """Return a pack as the index knows it."""
    rows = session.execute(
        select(
            ShardRow, CloudAccount.domain, CloudAccount.state, upkeep.is_lost(), health.is_away()
        )
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(ShardRow.pack_id == pack.id)
        .order_by(ShardRow.index)
        .execution_options(populate_existing=True)
    ).all()
    found: list[KnownShard] = []
    for row, domain, account_state, is_lost, is_away in rows:
        is_alone = all(other.domain != domain for other in found if other.is_good)
        is_good = row.state in HELD and not is_lost and is_alone
        is_linked = account_state is not AccountState.UNLINKED
        found.append(_known(row, domain, is_linked, is_good, is_away))
    chunks = session.execute(
        select(Chunk.version_id, Chunk.index, Chunk.offset)
        .where(Chunk.pack_id == pack.id)
        .order_by(Chunk.offset)
    )
    layout = Layout(pack.id.bytes, pack.length, pack.k, pack.m, pack.digest)
    listed = tuple(KnownChunk(*chunk) for chunk in chunks)
    return KnownPack(pack.id, pack.user_id, pack.epoch, layout, tuple(found), listed)


def _known(
    row: ShardRow,
    domain: str,
    is_linked: bool,  # noqa: FBT001 - facts of the account, as the query gave them
    is_good: bool,  # noqa: FBT001
    is_away: bool,  # noqa: FBT001
) -> KnownShard:
    return KnownShard(
        row.index,
        row.account_id,
        domain,
        ShardName(row.name),
        ObjectId(row.object_id) if row.object_id else None,
        row.length,
        row.sha256,
        row.state,
        is_linked,
        is_good,
        is_away,
    )


def fetch_body(tools: Tools, pack: KnownPack, user_key: UserKey) -> bytes:
    """Return the pack's bytes from k shards.

    Raises what its accounts said where too few answer, IntegrityError where too few are whole.
    """
    reading = _Reading(tools, pack, user_key)
    layout = pack.layout
    reading.read(layout.k)
    while True:
        body = _join(layout, reading.pieces)
        if body is not None:
            return body
        # Every MAC held and yet the digest does not match: one more, and another choice of k.
        reading.read(len(reading.pieces) + 1)


def _join(layout: Layout, pieces: dict[int, memoryview]) -> bytes | None:
    for chosen in itertools.combinations(sorted(pieces), layout.k):
        data = erasure.decode(
            {i: pieces[i] for i in chosen}, layout.k, layout.m, layout.piece_length
        )
        try:
            body = erasure.join(data, layout.pack_length)
            packs.check_digest(body, layout.digest)
        except IntegrityError as problem:
            logger.warning("Shards of a pack do not fit together: %s.", problem.cause)
        else:
            return body
    return None


class _Reading:
    """Reads shards until enough are whole: the good ones first, others as a last resort."""

    def __init__(self, tools: Tools, pack: KnownPack, user_key: UserKey) -> None:
        self._tools = tools
        self._pack = pack
        self._user_key = user_key
        self._refusals: list[ProviderError] = []
        self._waiting = sorted(
            (shard for shard in pack.shards if shard.may_be_read),
            key=lambda s: (s.state not in HELD, s.is_away, not s.is_good, s.index),
        )
        self.pieces: dict[int, memoryview] = {}

    def read(self, count: int) -> None:
        """Have so many whole pieces; raise when there are not as many."""
        with ThreadPoolExecutor(self._pack.layout.k, thread_name_prefix="salvage") as pool:
            while len(self.pieces) < count and self._waiting:
                wanted = count - len(self.pieces)
                asked, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
                self._take(asked, list(pool.map(self._get, asked)))
        if len(self.pieces) < count:
            raise self._too_few()

    def _take(
        self, asked: Sequence[KnownShard], answers: Sequence[memoryview | ProviderError | None]
    ) -> None:
        """Keep what is whole; mark what is not, and trust again what proved itself."""
        with self._tools.sessions.begin() as session:
            for shard, answer in zip(asked, answers, strict=True):
                if isinstance(answer, memoryview):
                    self.pieces[shard.index] = answer
                    _mark(session, self._pack.id, shard.index, MARKED, ShardState.VERIFIED)
                elif answer is None or isinstance(answer, BadRange):
                    _mark(session, self._pack.id, shard.index, HELD, ShardState.DAMAGED)
                elif isinstance(answer, ObjectMissing):
                    _mark(session, self._pack.id, shard.index, HELD, ShardState.MISSING)
        for shard, answer in zip(asked, answers, strict=True):
            if isinstance(answer, ProviderError) and not isinstance(answer, _OF_THE_OBJECT):
                self._refusals.append(answer)
                with self._tools.sessions.begin() as session:
                    health.note_failure(session, shard.account_id, answer)

    def _get(self, shard: KnownShard) -> memoryview | ProviderError | None:
        """Return the piece, what its account said instead, or None where the bytes are not it."""
        layout = self._pack.layout
        try:
            provider = self._tools.open_provider(shard.account_id)
            object_id = shard.object_id or ObjectId("")
            whole = provider.get(object_id, 0, layout.object_length)
            return shards.check_whole(self._user_key, layout, shard.index, whole)
        except ProviderError as refusal:
            return refusal
        except IntegrityError as problem:
            logger.warning("Shard %s of %s failed: %s.", shard.index, self._pack.id, problem.cause)
            return None

    def _too_few(self) -> Exception:
        """Say why: an account that is away comes back; what is damaged does not."""
        if not self._refusals:
            return IntegrityError("shards")
        passing = [refusal for refusal in self._refusals if isinstance(refusal, Temporary)]
        return [*passing, *self._refusals][0]


def _mark(
    session: Session, pack_id: uuid.UUID, index: int, before: Iterable[ShardState], now: ShardState
) -> None:
    verified = {"verified_at": func.now()} if now is ShardState.VERIFIED else {}
    session.execute(
        update(ShardRow)
        .where(
            and_(ShardRow.pack_id == pack_id, ShardRow.index == index),
            ShardRow.state.in_(tuple(before)),
        )
        .values(state=now, **verified)
        .execution_options(synchronize_session=False)
    )
