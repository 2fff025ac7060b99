"""Reading chunks that share a pack with those of other files."""

import secrets
import uuid

import pytest

from balancecloud.clouds.provider import ObjectId
from balancecloud.crypto import wrapping
from balancecloud.errors import IntegrityError
from balancecloud.models.clouds import Chunk, ShardRow
from balancecloud.models.people import UserKeyRow
from balancecloud.models.states import ShardState
from tests.storage.shared_packs import put_together, small_files
from tests.storage.test_damage import flip
from tests.storage.world import Person

pytestmark = pytest.mark.real

SIZES = (10, 700, 0, 2500, 1)


def change(person: Person, pack_id: uuid.UUID, index: int) -> None:
    """Turn a bit in the middle of each frame of one shard."""
    with person.tools.sessions() as session:
        row = session.get_one(ShardRow, (pack_id, index))
    objects = next(m for m in person.memory if ObjectId(str(row.object_id)) in m.objects).objects
    name, body = objects[ObjectId(str(row.object_id))]
    for position in range(200, len(body) - 32, 100):
        body = flip(body, position)
    objects[ObjectId(str(row.object_id))] = (name, body)


def test_each_chunk_is_read_at_its_own_place(person: Person) -> None:
    files = small_files(person, *SIZES)
    put_together(person, [version for version, _ in files])

    for version, content in files:
        assert person.read(version.id) == content
        assert person.read(version.id, len(content) // 2) == content[len(content) // 2 :]


@pytest.mark.parametrize("index", range(2))
def test_each_chunk_is_cut_from_the_whole_pack_where_a_shard_is_damaged(
    person: Person, index: int
) -> None:
    files = small_files(person, *SIZES)
    pack_id = put_together(person, [version for version, _ in files])
    change(person, pack_id, index)

    for version, content in files:
        assert person.read(version.id) == content
    with person.tools.sessions() as session:
        assert session.get_one(ShardRow, (pack_id, index)).state is ShardState.DAMAGED


def test_a_chunk_of_another_epoch_than_its_pack_is_read_from_the_whole(person: Person) -> None:
    older, newer = small_files(person, 900, 800)
    begin_epoch(person, 2)
    pack_id = put_together(person, [older[0], newer[0]], epoch=2)
    change(person, pack_id, 0)

    for version, content in (older, newer):
        assert person.read(version.id) == content


def begin_epoch(person: Person, epoch: int) -> None:
    keys = person.tools.keys
    row = wrapping.user_key_row(person.user_id.bytes, epoch)
    wrapped = wrapping.wrap(keys.writing, row, secrets.token_bytes(32))
    with person.tools.sessions.begin() as session:
        session.add(
            UserKeyRow(user_id=person.user_id, epoch=epoch, master_version=1, wrapped=wrapped)
        )


@pytest.mark.parametrize("offset", [-1, 10**6])
def test_a_chunk_that_would_lie_outside_its_pack_is_refused(person: Person, offset: int) -> None:
    (version, _), *_ = small_files(person, 900)
    with person.tools.sessions.begin() as session:
        session.get_one(Chunk, (version.id, 0)).offset = offset

    with pytest.raises(IntegrityError):
        person.read(version.id)
