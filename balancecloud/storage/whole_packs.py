"""The last resort of reading: whole shards with their MAC, of which the bad ones are dropped.

Where frames did not open, some shard lied. All are fetched whole; those that fail are marked, any
k good ones are joined, and the chunk is opened from the pack (docs/format.md 7.3).
"""

import itertools
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final

from balancecloud.crypto import chunks, packs, shards
from balancecloud.crypto.keys import UserKey
from balancecloud.errors import IntegrityError
from balancecloud.models.states import ShardState
from balancecloud.storage import damage, erasure, version_keys
from balancecloud.storage.fetching import Wanted, Wire, get
from balancecloud.storage.stored_packs import StoredPack, StoredShard

# Those that answered wrongly are waited for, so that they are marked; a stalled one is not.
SUSPECT_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)

Answers = SimpleQueue[tuple[StoredShard, bytes | None]]


@dataclass(slots=True)
class _Proof:
    """What whole shards have shown so far."""

    good: dict[int, memoryview] = field(default_factory=dict)
    damaged: list[StoredShard] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    tried: set[tuple[int, ...]] = field(default_factory=set)
    problem: IntegrityError | None = None


def open_from_whole(wire: Wire, wanted: Wanted, suspects: Collection[StoredShard]) -> bytes:
    """Return the whole chunk's plaintext; IntegrityError or Unavailable when it is not to be had.

    `suspects` gave what did not open: they are waited for, to be marked.
    """
    pack = wanted.chunk.pack
    user_key = _key(wire, pack)
    answers = _ask_all(wire, pack)
    proof = _Proof()
    plaintext: bytes | None = None
    guilty = {shard.index for shard in suspects}
    until = wire.tools.clock.monotonic() + SUSPECT_SECONDS
    while len(proof.answered) < len(pack.shards):
        is_enough = plaintext is not None and guilty <= proof.answered
        left = until - wire.tools.clock.monotonic()
        if is_enough or (plaintext is not None and left <= 0):
            break
        try:
            shard, whole = answers.get(timeout=max(left, 0.1) if plaintext is not None else None)
        except Empty:
            break
        _take(proof, pack, user_key, shard, whole)
        if plaintext is None:
            plaintext = _try_open(proof, wanted)
    _write_down(wire, pack, proof)
    if plaintext is None:
        raise proof.problem or damage.too_few(wire.tools, pack)
    return plaintext


def _key(wire: Wire, pack: StoredPack) -> UserKey:
    with wire.tools.sessions() as session:
        return version_keys.user_key(session, wire.tools.keys, pack.user_id, pack.epoch)


def _ask_all(wire: Wire, pack: StoredPack) -> Answers:
    """Have every shard fetched whole, each in its account's lane."""
    answers: Answers = SimpleQueue()
    length = pack.layout.object_length
    for shard in pack.shards:

        def task(shard: StoredShard = shard) -> None:
            whole = None
            try:
                whole = get(wire.tools, pack, shard, (0, length), wire.ring)
            finally:
                answers.put((shard, whole))

        wire.tools.links.lanes.submit(shard.account_id, task, length)
    return answers


def _take(
    proof: _Proof, pack: StoredPack, user_key: UserKey, shard: StoredShard, whole: bytes | None
) -> None:
    proof.answered.add(shard.index)
    if whole is None:
        return
    try:
        proof.good[shard.index] = shards.check_whole(user_key, pack.layout, shard.index, whole)
    except IntegrityError as problem:
        logger.warning("Shard %s of %s failed: %s.", shard.index, pack.pack_id, problem.cause)
        proof.damaged.append(shard)


def _try_open(proof: _Proof, wanted: Wanted) -> bytes | None:
    """Open the chunk from any k good pieces that were not tried together before."""
    for chosen in _choices(proof, wanted.chunk.pack.layout.k):
        proof.tried.add(chosen)
        try:
            return _open(proof, wanted, chosen)
        except IntegrityError as refusal:
            proof.problem = refusal
    return None


def _choices(proof: _Proof, k: int) -> Iterable[tuple[int, ...]]:
    found = itertools.combinations(sorted(proof.good), k)
    return [chosen for chosen in found if chosen not in proof.tried]


def _open(proof: _Proof, wanted: Wanted, chosen: tuple[int, ...]) -> bytes:
    layout, place, keys = wanted.chunk.pack.layout, wanted.place, wanted.keys
    pieces = {index: proof.good[index] for index in chosen}
    data = erasure.decode(pieces, layout.k, layout.m, layout.piece_length)
    body = erasure.join(data, layout.pack_length)
    packs.check_digest(body, layout.digest)
    sealed = packs.cut(body, wanted.chunk.offset, place)
    return chunks.open_whole(place, keys.file_key, keys.user_key, wanted.chunk.salt, sealed)


def _write_down(wire: Wire, pack: StoredPack, proof: _Proof) -> None:
    damage.mark(wire.tools, pack, proof.damaged, ShardState.DAMAGED, wire.ring)
    damage.unmark(wire.tools, pack, proof.good.keys())
