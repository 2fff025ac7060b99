"""Reading what was damaged, lost or lied about: the right bytes, or an error. Never other bytes."""

import secrets
import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import update

from balancecloud.clouds.provider import ObjectId, Provider, ShardName
from balancecloud.errors import IntegrityError, Unavailable
from balancecloud.models.clouds import Chunk, CloudAccount, ShardRow
from balancecloud.models.library import Version
from balancecloud.models.states import AccountState, ShardState
from balancecloud.storage.tools import Tools
from tests.fakes.memory_provider import MemoryProvider
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

HEADERS = 144 + 192  # of a shard and of the chunk in it
Hands = tuple[Tools, dict[uuid.UUID, Provider]]


@dataclass(frozen=True)
class Stored:
    """A stored file of three chunks, k = 2 and m = 1."""

    person: Person
    version: Version
    content: bytes

    def read(self) -> bytes:
        return self.person.read(self.version.id)

    def shard(self, chunk: int, index: int) -> ShardRow:
        return self.person.shards(self.version.id)[chunk * 3 + index]

    def forget_marks(self) -> None:
        with self.person.tools.sessions.begin() as session:
            session.execute(update(ShardRow).values(state=ShardState.STORED))

    def account(self, row: ShardRow) -> MemoryProvider:
        provider = self.person.providers[row.account_id]
        assert isinstance(provider, MemoryProvider)
        return provider

    def body(self, row: ShardRow) -> bytes:
        return self.account(row).objects[ObjectId(str(row.object_id))][1]

    def replace(self, row: ShardRow, body: bytes) -> None:
        objects = self.account(row).objects
        name, _ = objects[ObjectId(str(row.object_id))]
        objects[ObjectId(str(row.object_id))] = (name, body)

    def swap(self, one: ShardRow, other: ShardRow) -> None:
        bodies = self.body(one), self.body(other)
        self.replace(one, bodies[1])
        self.replace(other, bodies[0])


def store(person: Person, content: bytes) -> Stored:
    arrived = person.upload(content)
    assert person.work() == []
    return Stored(person, person.version(arrived), content)


@pytest.fixture
def stored(person: Person) -> Stored:
    return store(person, secrets.token_bytes(2 * CHUNK + 100))


def flip(body: bytes, position: int) -> bytes:
    return body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]


# --- one shard: another is used -------------------------------------------------------------


@pytest.mark.parametrize("index", range(3))
def test_a_missing_shard_is_replaced_and_marked(stored: Stored, index: int) -> None:
    row = stored.shard(0, index)
    stored.account(row).objects.clear()

    assert stored.read() == stored.content

    if index < 2:  # parity is not asked for while the data is there
        assert stored.shard(0, index).state is ShardState.MISSING


@pytest.mark.parametrize("index", range(3))
def test_c_07_a_flipped_bit_in_one_shard_changes_no_byte(stored: Stored, index: int) -> None:
    row = stored.shard(0, index)
    whole = stored.body(row)
    for position in (0, 4, 16, 48, 64, 143, 144, HEADERS, HEADERS + 700, row.length - 33, -1):
        stored.replace(row, flip(whole, position % row.length))
        assert stored.read() == stored.content
        stored.forget_marks()


@pytest.mark.parametrize("index", range(2))
def test_a_damaged_data_shard_is_marked(stored: Stored, index: int) -> None:
    for chunk in range(2):
        row = stored.shard(chunk, index)
        stored.replace(row, flip(stored.body(row), row.length // 2))

    assert stored.read() == stored.content
    assert [stored.shard(chunk, index).state for chunk in range(2)] == [ShardState.DAMAGED] * 2
    assert stored.read() == stored.content


def test_c_08_a_cut_shard_is_replaced_and_marked(stored: Stored) -> None:
    row = stored.shard(0, 0)
    whole = stored.body(row)
    for kept in (0, 1, 15, 16, 48, 144, 145, 500, row.length - 40):
        stored.replace(row, whole[:kept])
        assert stored.read() == stored.content
        assert stored.shard(0, 0).state is ShardState.DAMAGED
        stored.forget_marks()


def test_c_08_bytes_behind_a_shard_are_never_read(stored: Stored) -> None:
    for chunk in range(3):
        for index in range(3):
            row = stored.shard(chunk, index)
            stored.replace(row, stored.body(row) + b"more")

    assert stored.read() == stored.content


class Liar(MemoryProvider):
    """Answers every read with too little or too much."""

    def __init__(self, honest: MemoryProvider, extra: int) -> None:
        super().__init__()
        self._honest = honest
        self._extra = extra

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        found = self._honest.get(object_id, start, length)
        return found[: self._extra] if self._extra < 0 else found + bytes(self._extra)


@pytest.mark.parametrize("extra", [-1, 1, 5000])
def test_c_08_an_answer_of_another_length_is_not_used(stored: Stored, extra: int) -> None:
    row = stored.shard(0, 0)
    stored.person.providers[row.account_id] = Liar(stored.account(row), extra)

    assert stored.read() == stored.content


@pytest.mark.parametrize("gone", range(3))
def test_any_one_account_may_be_gone(stored: Stored, gone: int) -> None:
    stored.person.memory[gone].is_down = True

    assert stored.read() == stored.content
    assert stored.person.read(stored.version.id, 5, CHUNK + 7) == stored.content[5 : CHUNK + 7]


@pytest.mark.parametrize("state", [AccountState.SIGN_IN_AGAIN, AccountState.SILENT])
def test_an_account_that_is_known_to_be_away_is_not_waited_for(
    stored: Stored, state: AccountState
) -> None:
    away = stored.shard(0, 0).account_id
    with stored.person.tools.sessions.begin() as session:
        session.execute(update(CloudAccount).where(CloudAccount.id == away).values(state=state))
    provider = stored.account(stored.shard(0, 0))
    provider.calls.clear()

    assert stored.read() == stored.content
    assert "get" not in provider.calls


def test_two_accounts_may_be_gone_at_protection_two(hands: Hands) -> None:
    person = Person.new(*hands, accounts=5, protection=2)
    stored = store(person, secrets.token_bytes(2 * CHUNK))
    for gone in ((0, 1), (2, 4), (1, 3)):
        for number, account in enumerate(person.memory):
            account.is_down = number in gone
        assert stored.read() == stored.content


def test_what_was_missing_is_used_again_when_it_comes_back(stored: Stored) -> None:
    kept = dict(stored.person.memory[0].objects)
    stored.person.memory[0].objects.clear()
    assert stored.read() == stored.content

    stored.person.memory[0].objects.update(kept)
    stored.person.memory[1].is_down = True

    assert stored.read() == stored.content


# --- too many: an error, never other bytes --------------------------------------------------


def test_f_34_too_many_accounts_away_is_unavailable_and_passes(stored: Stored) -> None:
    for account in stored.person.memory[:2]:
        account.is_down = True
    with pytest.raises(Unavailable):
        stored.read()

    for account in stored.person.memory:
        account.is_down = False

    assert stored.read() == stored.content


def test_damage_beyond_mending_is_an_integrity_error_each_time(stored: Stored) -> None:
    for index in range(2):
        row = stored.shard(0, index)
        stored.replace(row, flip(stored.body(row), 300))

    for _ in range(3):
        with pytest.raises(IntegrityError):
            stored.read()
    assert stored.person.read(stored.version.id, CHUNK) == stored.content[CHUNK:]


def test_shards_lost_for_good_are_not_said_to_come_back(stored: Stored) -> None:
    for account in stored.person.memory[:2]:
        account.objects.clear()

    for _ in range(2):
        with pytest.raises(IntegrityError):
            stored.read()


def test_damage_that_may_be_mended_by_an_account_that_is_away_is_unavailable(
    stored: Stored,
) -> None:
    row = stored.shard(0, 0)
    stored.replace(row, flip(stored.body(row), 300))
    away = stored.account(stored.shard(0, 1))
    away.is_down = True
    with pytest.raises(Unavailable):
        stored.read()

    away.is_down = False

    assert stored.read() == stored.content


def test_c_07_without_protection_every_flip_of_sealed_bytes_is_refused(hands: Hands) -> None:
    stored = store(Person.new(*hands, accounts=1), secrets.token_bytes(900))
    row = stored.person.shards(stored.version.id)[0]
    whole = stored.body(row)
    # Headers are rebuilt, not read, so that only the frames between them and the MAC decide.
    for position in range(HEADERS, row.length - 32, 61):
        stored.replace(row, flip(whole, position))
        with pytest.raises(IntegrityError):
            stored.read()
    stored.replace(row, whole)

    assert stored.read() == stored.content


# --- shards of other places -----------------------------------------------------------------


def pairs(stored: Stored) -> list[tuple[ShardRow, ShardRow]]:
    """Return the shards of chunks 0 and 1 that lie on the same account."""
    others = {row.account_id: row for row in (stored.shard(1, index) for index in range(3))}
    return [(row, others[row.account_id]) for row in (stored.shard(0, i) for i in range(3))]


def test_c_01_two_chunks_swapped_at_one_account_are_noticed_and_read(stored: Stored) -> None:
    stored.swap(*pairs(stored)[0])

    assert stored.read() == stored.content


def test_c_01_two_chunks_swapped_at_every_account_are_refused(stored: Stored) -> None:
    for one, other in pairs(stored):
        stored.swap(one, other)

    with pytest.raises(IntegrityError):
        stored.read()
    assert stored.person.read(stored.version.id, 2 * CHUNK) == stored.content[2 * CHUNK :]


def test_c_01_chunk_rows_swapped_in_the_index_are_refused(stored: Stored) -> None:
    with stored.person.tools.sessions.begin() as session:
        first, second = (session.get_one(Chunk, (stored.version.id, n)) for n in range(2))
        first.pack_id, second.pack_id = second.pack_id, first.pack_id
        first.salt, second.salt = second.salt, first.salt

    with pytest.raises(IntegrityError):
        stored.read()


def graft(stored: Stored, other: Stored) -> None:
    """Serve another file's first chunk for ours, index and all."""
    with stored.person.tools.sessions.begin() as session:
        ours = session.get_one(Chunk, (stored.version.id, 0))
        theirs = session.get_one(Chunk, (other.version.id, 0))
        ours.pack_id, ours.salt = theirs.pack_id, theirs.salt


def test_c_02_a_chunk_of_another_file_is_refused(stored: Stored) -> None:
    other = store(stored.person, secrets.token_bytes(2 * CHUNK + 100))
    graft(stored, other)

    with pytest.raises(IntegrityError):
        stored.read()


def test_c_03_a_chunk_of_another_person_is_refused(stored: Stored, hands: Hands) -> None:
    other = store(Person.new(*hands, accounts=3), secrets.token_bytes(2 * CHUNK + 100))
    graft(stored, other)

    with pytest.raises(IntegrityError):
        stored.read()


def test_c_04_a_chunk_of_the_version_before_is_refused(stored: Stored) -> None:
    newer = store(stored.person, secrets.token_bytes(len(stored.content)))
    assert newer.version.file_id == stored.version.file_id
    graft(newer, stored)

    with pytest.raises(IntegrityError):
        newer.read()
    assert stored.read() == stored.content


def test_c_06_a_chunk_more_changes_nothing(stored: Stored) -> None:
    with stored.person.tools.sessions.begin() as session:
        last = session.get_one(Chunk, (stored.version.id, 2))
        session.add(
            Chunk(
                version_id=stored.version.id,
                index=3,
                pack_id=last.pack_id,
                offset=0,
                salt=last.salt,
            )
        )

    assert stored.read() == stored.content


def test_c_17_a_valid_shard_of_another_index_is_dropped(stored: Stored) -> None:
    data, parity = stored.shard(0, 0), stored.shard(0, 2)
    stored.replace(data, stored.body(parity))

    assert stored.read() == stored.content
    assert stored.shard(0, 0).state is ShardState.DAMAGED


def test_c_16_garbage_behind_a_good_answer_is_found_when_read(person: Person) -> None:
    person.memory[0].objects = Forgetful()
    stored = store(person, secrets.token_bytes(3 * CHUNK))

    assert stored.read() == stored.content


class Forgetful(dict[ObjectId, tuple[ShardName, bytes]]):
    """Says that it keeps what it was given, and gives garbage of the same length back."""

    def __getitem__(self, key: ObjectId) -> tuple[ShardName, bytes]:
        name, body = super().__getitem__(key)
        return name, bytes(len(body))
