"""Room used again: what was made of one chunk is untouched by the next, and by other threads."""

import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from balancecloud.crypto import chunks
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.places import Place
from balancecloud.errors import IntegrityError
from balancecloud.models.library import Version
from balancecloud.storage.packing import (
    Opened,
    VersionKeys,
    layout_of,
    parcels,
    seal_alone,
    seal_pack,
)
from balancecloud.storage.placement import Candidate, plan
from balancecloud.storage.scratch import Scratch

USER = uuid.uuid4()
USER_KEY = UserKey(USER.bytes, 1, secrets.token_bytes(32))
SIZE = 300_000


def opened(plaintext: bytes) -> Opened:
    version = Version(
        user_id=USER,
        file_id=uuid.uuid4(),
        number=1,
        size=len(plaintext),
        chunk_size=1 << 20,
        frame_log2=16,
        pad=True,
    )
    return Opened(version, 0, VersionKeys(USER_KEY, secrets.token_bytes(32)), plaintext)


def shards_of(one: Opened, room: Scratch | None) -> list[bytes]:
    """Seal a chunk, into a thread's room or into its own, and code it for three accounts."""
    accounts = [Candidate(uuid.UUID(int=n), f"domain {n}", "folder", 0, 1 << 40) for n in (1, 2, 3)]
    pack = seal_alone(one, room) if room is not None else seal_pack([one])
    pack_id = uuid.UUID(int=7)
    chosen = plan(pack_id, len(pack.body), 1, accounts)
    made = parcels(USER_KEY, layout_of(pack_id, pack, chosen.k, chosen.m), pack, chosen)
    return [bytes(parcel.shard.body) for parcel in made]


def test_shards_of_one_chunk_outlive_the_next() -> None:
    room = Scratch()
    first, second = (opened(secrets.token_bytes(SIZE - n)) for n in (0, 77))

    kept = shards_of(first, room)
    after = shards_of(second, room)

    assert kept == shards_of(first, None)
    assert after == shards_of(second, None)


def test_threads_do_not_share_room() -> None:
    room = Scratch()
    all_of_them = [opened(secrets.token_bytes(SIZE)) for _ in range(12)]

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda one: shards_of(one, room), all_of_them))

    assert made == [shards_of(one, None) for one in all_of_them]


def test_room_grows_and_is_handed_out_again() -> None:
    room = Scratch()
    small = room.plain(10)
    small[:] = b"0123456789"

    assert bytes(room.plain(10)) == b"0123456789"
    assert len(room.plain(1000)) == 1000
    assert len(room.sealed(5)) == 5


def test_room_of_another_length_than_the_chunks_is_refused() -> None:
    place = Place(USER.bytes, uuid.uuid4().bytes, 1, 0, 100, 1 << 20, 16, True)

    for length in (place.sealed_len - 1, place.sealed_len + 1):
        with pytest.raises(IntegrityError):
            chunks.seal_into(memoryview(bytearray(length)), place, bytes(32), USER_KEY, bytes(100))
