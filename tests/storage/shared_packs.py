"""A pack that holds the chunks of several stored files, as small files share one."""

import secrets
import uuid
from collections.abc import Sequence

from sqlalchemy import select

from balancecloud.clouds.provider import Shard, ShardName
from balancecloud.crypto import names, packs, shards
from balancecloud.crypto.shards import Layout
from balancecloud.models.clouds import Chunk, Pack, ShardRow
from balancecloud.models.library import Version
from balancecloud.models.states import ShardState
from balancecloud.storage import erasure, version_keys
from tests.fakes.memory_provider import MemoryProvider
from tests.storage.world import Person


def put_together(
    person: Person, versions: Sequence[Version], *, k: int = 2, epoch: int = 1
) -> uuid.UUID:
    """Store the chunks of these versions once more, back to back, in a pack of this epoch."""
    pack_id = uuid.uuid4()
    with person.tools.sessions.begin() as session:
        rows = [session.get_one(Chunk, (version.id, 0)) for version in versions]
        sealed = [sealed_pack(person, row.pack_id) for row in rows]
        body = b"".join(sealed)
        digest = packs.digest([packs.header_of(one) for one in sealed])
        session.add(
            Pack(id=pack_id, user_id=person.user_id, epoch=epoch, length=len(body),
                 digest=digest, k=k, m=1)
        )  # fmt: skip
        session.flush()
        for row, one in zip(rows, sealed, strict=True):
            row.pack_id, row.offset = pack_id, body.index(one)
        layout = Layout(pack_id.bytes, len(body), k, 1, digest)
        key = version_keys.user_key(session, person.tools.keys, person.user_id, epoch)
        for index, piece in enumerate(erasure.encode(body, k, 1)):
            made = shards.seal_shard(key, layout, index, piece)
            name = ShardName(names.shard_name(key, pack_id.bytes, k, 1, index))
            account_id = person.account_ids[index]
            provider = person.providers[account_id]
            stored = provider.put(name, Shard(made.body, made.sha256), None)
            session.add(
                ShardRow(pack_id=pack_id, index=index, account_id=account_id, name=name,
                         object_id=stored.object_id, length=len(made.body), sha256=made.sha256,
                         state=ShardState.STORED)
            )  # fmt: skip
    return pack_id


def sealed_pack(person: Person, pack_id: uuid.UUID) -> bytes:
    """Return a pack's bytes from its data shards."""
    with person.tools.sessions() as session:
        pack = session.get_one(Pack, pack_id)
        rows = session.scalars(
            select(ShardRow)
            .where(ShardRow.pack_id == pack_id, ShardRow.index < pack.k)
            .order_by(ShardRow.index)
        ).all()
    pieces = []
    for row in rows:
        memory = person.providers[row.account_id]
        assert isinstance(memory, MemoryProvider)
        whole = next(body for name, body in memory.objects.values() if name == row.name)
        pieces.append(whole[shards.HEADER_LENGTH : -shards.MAC_LENGTH])
    return erasure.join(pieces, pack.length)


def small_files(person: Person, *sizes: int) -> list[tuple[Version, bytes]]:
    """Store files of these sizes, each in a pack of its own, and return them with their bytes."""
    made = []
    for number, size in enumerate(sizes):
        content = secrets.token_bytes(size)
        arrived = person.upload(content, name=f"small-{number}")
        assert person.work() == []
        made.append((person.version(arrived), content))
    return made
