"""Making a pack and its shards: pure steps from plaintext to what is to be stored where."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from balancecloud.clouds.provider import Shard, ShardName
from balancecloud.crypto import chunks, names, packs, shards
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.places import Place
from balancecloud.crypto.primitives import Buffer
from balancecloud.crypto.shards import Layout
from balancecloud.models.library import Version
from balancecloud.storage import erasure
from balancecloud.storage.placement import Placed, Plan


@dataclass(frozen=True, slots=True, repr=False)
class VersionKeys:
    """What sealing and opening one version needs."""

    user_key: UserKey
    file_key: bytes


@dataclass(frozen=True, slots=True, repr=False)
class SealedChunk:
    """One chunk of a pack: whose it is, where it begins, the salt that pins its plaintext."""

    version: Version  # detached: facts only
    index: int
    offset: int
    salt: bytes

    @property
    def plain_bytes(self) -> int:
        """Its plaintext bytes."""
        return place_of(self.version, self.index).plain_len


@dataclass(frozen=True, slots=True, repr=False)
class SealedPack:
    """A pack, sealed: its bytes, its digest, and its chunks in the order they lie in it."""

    body: bytes | bytearray
    digest: bytes
    chunks: tuple[SealedChunk, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Parcel:
    """One shard on its way: what is stored under which name on which account."""

    index: int
    account: uuid.UUID
    name: ShardName
    shard: Shard


def place_of(version: Version, index: int) -> Place:
    """Return the place of a version's chunk."""
    return Place(
        version.user_id.bytes,
        version.file_id.bytes,
        version.number,
        index,
        version.size,
        version.chunk_size,
        version.frame_log2,
        version.pad,
    )


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """One chunk with its plaintext, to be sealed."""

    version: Version
    index: int
    keys: VersionKeys
    plaintext: Buffer


def seal_pack(opened: Iterable[Opened]) -> SealedPack:
    """Seal chunks back to back. The same chunks in the same order give the same bytes."""
    bodies, made, offset = [], [], 0
    for one in opened:
        place = place_of(one.version, one.index)
        body = chunks.seal(place, one.keys.file_key, one.keys.user_key, one.plaintext)
        made.append(SealedChunk(one.version, one.index, offset, chunks.salt_of(body)))
        bodies.append(body)
        offset += len(body)
    digest = packs.digest(packs.header_of(body) for body in bodies)
    return SealedPack(bodies[0] if len(bodies) == 1 else b"".join(bodies), digest, tuple(made))


def layout_of(pack_id: uuid.UUID, pack: SealedPack, k: int, m: int) -> Layout:
    """Return how a pack is cut."""
    return Layout(pack_id.bytes, len(pack.body), k, m, pack.digest)


def parcels(
    user_key: UserKey, layout: Layout, pack: SealedPack, plan: Plan, *, is_new: bool = False
) -> tuple[Parcel, ...]:
    """Code a pack and seal its shards for the accounts of a plan; a new one was never sent."""
    pieces = erasure.encode(pack.body, plan.k, plan.m)
    return tuple(
        _parcel(user_key, layout, placed, pieces[placed.index], is_new=is_new)
        for placed in plan.shards
    )


def _parcel(
    user_key: UserKey, layout: Layout, placed: Placed, piece: Buffer, *, is_new: bool
) -> Parcel:
    sealed = shards.seal_shard(user_key, layout, placed.index, piece)
    name = names.shard_name(user_key, layout.pack_id, layout.k, layout.m, placed.index)
    shard = Shard(sealed.body, sealed.sha256, is_new)
    return Parcel(placed.index, placed.account, ShardName(name), shard)
