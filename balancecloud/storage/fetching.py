"""Getting ranges of a pack from its shards: data shards first, others where one is missing."""

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from balancecloud.crypto import chunks, packs, shards
from balancecloud.crypto.chunks import Span
from balancecloud.crypto.places import Place
from balancecloud.errors import (
    BadRange,
    BalanceCloudError,
    IntegrityError,
    ObjectMissing,
    ProviderError,
    Unavailable,
)
from balancecloud.models.clouds import CloudAccount, ShardRow
from balancecloud.models.states import AccountState, ShardState
from balancecloud.storage import erasure, health, version_keys
from balancecloud.storage.erasure import PieceSpan
from balancecloud.storage.packing import VersionKeys
from balancecloud.storage.stored_packs import MARKED, READABLE, StoredChunk, StoredPack, StoredShard
from balancecloud.storage.tools import Tools

logger = logging.getLogger(__name__)


def open_chunk_range(
    tools: Tools, chunk: StoredChunk, place: Place, keys: VersionKeys, wanted: tuple[int, int]
) -> bytes:
    """Return plaintext bytes of a chunk; IntegrityError or Unavailable when that is impossible."""
    begin, end = wanted
    _check_bounds(chunk, place)
    if begin == end:
        return _open_from_whole(tools, chunk, place, keys)[begin:end]
    span = chunks.frame_span(place, begin, end)
    try:
        sealed = _fetch(tools, chunk, span)
        return chunks.open_span(place, keys.file_key, keys.user_key, chunk.salt, span, sealed)
    except IntegrityError as problem:
        logger.warning("A range of pack %s did not open (%s).", chunk.pack.pack_id, problem.cause)
    return _open_from_whole(tools, chunk, place, keys)[begin:end]


def _check_bounds(chunk: StoredChunk, place: Place) -> None:
    """Refuse what the index cannot mean: another person's pack, or a chunk beyond its end."""
    if chunk.pack.user_id.bytes != place.user:
        raise IntegrityError("context")
    if chunk.offset < 0 or chunk.offset + place.sealed_len > chunk.pack.layout.pack_length:
        raise IntegrityError("length")


def _fetch(tools: Tools, chunk: StoredChunk, span: Span) -> bytes:
    """Return the sealed bytes of a span, column by column of the pieces they lie in."""
    pack = chunk.pack
    columns = erasure.spans(chunk.offset + span.start, span.length, pack.layout.piece_length)
    with ThreadPoolExecutor(max(1, len(columns)), thread_name_prefix="fetch") as pool:
        return b"".join(pool.map(lambda column: _fetch_column(tools, pack, column), columns))


def _fetch_column(tools: Tools, pack: StoredPack, column: PieceSpan) -> bytes:
    """Return one column from its data shard, else decoded from the same column of k others."""
    direct = [shard for shard in pack.shards if shard.index == column.index and shard.is_at_hand]
    for shard in direct:
        found = _get(tools, pack, shard, column)
        if found is not None:
            return found
    others = [shard for shard in pack.shards if shard not in direct]
    pieces = _gather(tools, pack, others, column)
    k, m = pack.layout.k, pack.layout.m
    return bytes(erasure.decode(pieces, k, m, column.length)[column.index])


def _gather(
    tools: Tools, pack: StoredPack, candidates: Sequence[StoredShard], column: PieceSpan
) -> dict[int, bytes]:
    """Fetch the same column of k shards, those at hand first; an error when too few are given."""
    k = pack.layout.k
    waiting = sorted(candidates, key=lambda shard: (not shard.is_at_hand, shard.index))
    pieces: dict[int, bytes] = {}
    with ThreadPoolExecutor(k, thread_name_prefix="gather") as pool:
        while len(pieces) < k and waiting:
            asked, waiting = waiting[: k - len(pieces)], waiting[k - len(pieces) :]
            answers = pool.map(lambda shard: _get(tools, pack, shard, column), asked)
            pieces |= {
                shard.index: answer
                for shard, answer in zip(asked, answers, strict=True)
                if answer is not None
            }
    if len(pieces) < k:
        raise _too_few(tools, pack)
    return pieces


def _too_few(tools: Tools, pack: StoredPack) -> BalanceCloudError:
    """Say why k shards are not to be had: damaged beyond mending, or away for now."""
    with tools.sessions() as session:
        lost = session.scalars(
            select(func.count())
            .select_from(ShardRow)
            .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
            .where(
                ShardRow.pack_id == pack.pack_id,
                ShardRow.state.in_(MARKED),
                CloudAccount.state != AccountState.UNLINKED,
            )
        ).one()
    return IntegrityError("shards") if lost > pack.layout.m else Unavailable()


def _get(tools: Tools, pack: StoredPack, shard: StoredShard, column: PieceSpan) -> bytes | None:
    """Return a column of one shard; None when its account does not give it, which is noted."""
    start = shards.HEADER_LENGTH + column.position
    return _get_range(tools, pack, shard, start, column.length)


def _get_range(
    tools: Tools, pack: StoredPack, shard: StoredShard, start: int, length: int
) -> bytes | None:
    try:
        found = tools.open_provider(shard.account_id).get(shard.object_id, start, length)
    except ProviderError as refusal:
        _note(tools, pack, shard, refusal)
        return None
    if len(found) != length:
        _note(tools, pack, shard, BadRange())
        return None
    if not shard.is_at_hand:
        with tools.sessions.begin() as session:
            health.note_success(session, shard.account_id)
    return found


def _note(tools: Tools, pack: StoredPack, shard: StoredShard, refusal: ProviderError) -> None:
    with tools.sessions.begin() as session:
        if isinstance(refusal, ObjectMissing):
            _mark(session, pack, [shard.index], ShardState.MISSING)
        elif isinstance(refusal, BadRange):
            # What lies there is shorter than what was stored.
            _mark(session, pack, [shard.index], ShardState.DAMAGED)
        else:
            health.note_failure(session, shard.account_id, refusal)


def _mark(session: Session, pack: StoredPack, indexes: Iterable[int], state: ShardState) -> None:
    session.execute(
        update(ShardRow)
        .where(
            ShardRow.pack_id == pack.pack_id,
            ShardRow.index.in_(list(indexes)),
            ShardRow.state.in_(READABLE),
        )
        .values(state=state)
    )


def _open_from_whole(tools: Tools, chunk: StoredChunk, place: Place, keys: VersionKeys) -> bytes:
    """Read whole shards with their MAC, drop the bad ones, join k good ones, open the chunk."""
    pack = chunk.pack
    good = _good_pieces(tools, pack)
    k, m = pack.layout.k, pack.layout.m
    if len(good) < k:
        raise _too_few(tools, pack)
    problem = IntegrityError("shards")
    for chosen in itertools.combinations(sorted(good), k):
        try:
            data = erasure.decode({i: good[i] for i in chosen}, k, m, pack.layout.piece_length)
            body = erasure.join(data, pack.layout.pack_length)
            packs.check_digest(body, pack.layout.digest)
            sealed = packs.cut(body, chunk.offset, place)
            return chunks.open_whole(place, keys.file_key, keys.user_key, chunk.salt, sealed)
        except IntegrityError as refusal:
            problem = refusal
    raise problem


def _good_pieces(tools: Tools, pack: StoredPack) -> Mapping[int, memoryview]:
    """Return the pieces of whole shards that proved themselves under the key of their epoch."""
    with tools.sessions() as session:
        user_key = version_keys.user_key(session, tools.keys, pack.user_id, pack.epoch)
    good: dict[int, memoryview] = {}
    damaged = []
    for shard in pack.shards:
        whole = _get_range(tools, pack, shard, 0, pack.layout.object_length)
        if whole is None:
            continue
        try:
            good[shard.index] = shards.check_whole(user_key, pack.layout, shard.index, whole)
        except IntegrityError as problem:
            logger.warning("Shard %s of %s failed: %s.", shard.index, pack.pack_id, problem.cause)
            damaged.append(shard.index)
    with tools.sessions.begin() as session:
        _mark(session, pack, damaged, ShardState.DAMAGED)
        _unmark(session, pack, good)
    return good


def _unmark(session: Session, pack: StoredPack, indexes: Iterable[int]) -> None:
    """Trust shards again that were missing or damaged and now proved themselves."""
    session.execute(
        update(ShardRow)
        .where(
            ShardRow.pack_id == pack.pack_id,
            ShardRow.index.in_(list(indexes)),
            ShardRow.state.in_(MARKED),
        )
        .values(state=ShardState.VERIFIED, verified_at=func.now())
    )
