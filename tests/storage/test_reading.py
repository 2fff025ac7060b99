"""Reading from the accounts: exact bytes or an error, little for a seek, nobody waited for."""

import random
import secrets
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.clouds.provider import Provider
from balancecloud.errors import IntegrityError, Unavailable
from balancecloud.models.clouds import Chunk, ShardRow
from balancecloud.models.library import Version
from balancecloud.models.states import ShardState
from balancecloud.storage import reader
from balancecloud.storage.cache import Cache
from balancecloud.storage.links import Links
from balancecloud.storage.pace import Paces
from balancecloud.storage.read_budget import LEAST_BYTES, ReadBudget
from balancecloud.storage.reader import Reading
from balancecloud.storage.tools import Tools
from tests.storage.reading_world import FAULTS, Shelf, shelf
from tests.storage.world import CHUNK, PATIENCE, Person

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]
SEED = 20261125


def patient(cache: Cache | None = None) -> Links:
    return Links(paces=Paces(spare=PATIENCE), cache=cache)


@pytest.fixture
def file(hands: Hands) -> Shelf:
    """A file of some chunks, 2 + 1 or 3 + 1 on four accounts."""
    return shelf(Person.new(*hands), secrets.token_bytes(5 * CHUNK + 321), 4)


@pytest.fixture
def real_frames(hands: Hands) -> Shelf:
    """A file of 2 MiB with frames of the usual size, in two chunks."""
    tools, providers = hands
    config = replace(tools.config, chunk_size=1 << 20, frame_log2=16)
    person = Person.new(replace(tools, config=config), providers)
    return shelf(person, secrets.token_bytes(2 << 20), 4)


# --- without the database -------------------------------------------------------------------------


def open_and_let_go(file: Shelf, session: Session) -> Reading:
    """Open a file as a request does, which gives its connection back before the first byte."""
    version = session.get_one(Version, file.version.id)
    reading = reader.open_version(file.person.tools, session, version)
    session.rollback()
    return reading


def test_who_reads_holds_no_connection_of_the_request(file: Shelf) -> None:
    with file.person.tools.sessions() as session:
        reading = open_and_let_go(file, session)
        pieces = reader.stream(reading, 0, len(file.content))

        assert b"".join(pieces) == file.content
        assert not session.in_transaction()


def test_a_file_deleted_before_its_first_byte_is_read_is_not_there(file: Shelf) -> None:
    with file.person.tools.sessions() as session:
        reading = open_and_let_go(file, session)
        file.person.delete_node(file.version.file_id)

        with pytest.raises(Unavailable):
            next(reader.stream(reading, 0, len(file.content)))


# --- exactly those bytes --------------------------------------------------------------------------


def some_range(chance: random.Random, size: int) -> tuple[int, int]:
    begin = chance.randrange(size)
    return begin, chance.randint(begin + 1, min(size, begin + chance.choice((9, 600, size))))


@pytest.mark.parametrize("protection", [1, 2])
def test_any_range_with_at_most_m_faults_is_exact(hands: Hands, protection: int) -> None:
    person = Person.new(*hands, protection=protection)
    file = shelf(person, secrets.token_bytes(3 * CHUNK + 777), 4)
    chance = random.Random(SEED + protection)
    for number in range(30):
        for account in chance.sample(file.accounts, protection):
            account.spoil = chance.choice(FAULTS)
        begin, end = some_range(chance, len(file.content))

        told = (number, begin, end, [account.spoil for account in file.accounts])
        assert file.read(begin, end) == file.content[begin:end], told
        file.heal()


def test_with_more_faults_it_is_exact_or_an_error(file: Shelf) -> None:
    chance = random.Random(SEED)
    ends = {"exact": 0, "refused": 0}
    for _ in range(40):
        for account in chance.sample(file.accounts, 2):
            account.spoil = chance.choice(FAULTS)
        begin, end = some_range(chance, len(file.content))
        try:
            assert file.read(begin, end) == file.content[begin:end]
            ends["exact"] += 1
        except (IntegrityError, Unavailable):
            ends["refused"] += 1
        file.heal()

    assert all(ends.values()), ends


# --- little for a seek ----------------------------------------------------------------------------


def test_a_small_range_costs_the_frames_it_covers_and_one_round(real_frames: Shelf) -> None:
    chance = random.Random(SEED)
    for _ in range(10):
        begin = chance.randrange((2 << 20) - 65_536)
        real_frames.forget_gets()

        assert real_frames.read(begin, begin + 65_536) == real_frames.content[begin:][:65_536]

        gets = real_frames.gets()
        assert sum(length for _, length in gets) <= 3 * (65_536 + 16)
        assert len(gets) <= 3  # at a chunk's or a piece's end, all at once


def test_the_first_byte_of_an_open_range_is_not_behind_more_than_256_kib(
    real_frames: Shelf,
) -> None:
    for begin in (1, 100_000, 700_000, (1 << 20) - 10):
        real_frames.forget_gets()
        pieces = real_frames.stream(begin)

        first = next(pieces)

        assert real_frames.content[begin : begin + len(first)] == first
        assert sum(length for _, length in real_frames.gets()) <= 256 << 10
        assert first + b"".join(pieces) == real_frames.content[begin:]


def test_a_whole_file_is_fetched_about_once(real_frames: Shelf) -> None:
    assert real_frames.read() == real_frames.content

    fetched = sum(length for _, length in real_frames.gets())
    assert fetched <= 1.01 * len(real_frames.content)


# --- nobody is waited for -------------------------------------------------------------------------


def test_a_stalled_account_holds_nothing_up(file: Shelf) -> None:
    file.with_links(Links())
    for account in file.accounts:
        for _ in range(3):
            assert file.read() == file.content
        account.stall()
        try:
            assert file.read() == file.content
            assert file.read(CHUNK + 5, CHUNK + 600) == file.content[CHUNK + 5 : CHUNK + 600]
        finally:
            account.release()


def test_who_leaves_is_not_kept_and_holds_nothing_any_more(real_frames: Shelf) -> None:
    real_frames.with_links(Links())
    pieces = real_frames.stream()
    next(pieces)
    for account in real_frames.accounts:
        account.stall()

    pieces.close()  # type: ignore[attr-defined]

    assert real_frames.person.tools.links.budget.held == 0
    for account in real_frames.accounts:
        account.release()


# --- bounded memory -------------------------------------------------------------------------------


def test_twenty_downloads_that_nobody_takes_hold_no_more_than_the_budget(
    real_frames: Shelf,
) -> None:
    total = 4 << 20
    budget = ReadBudget(total=total, alone=total, beside=0)
    real_frames.with_links(replace(patient(), budget=budget))
    streams = [real_frames.stream() for _ in range(20)]
    firsts = [next(pieces) for pieces in streams]

    assert 0 < budget.held <= total + 20 * LEAST_BYTES

    for first, pieces in zip(firsts, streams, strict=True):
        assert first + b"".join(pieces) == real_frames.content
    assert budget.held == 0


def test_downloads_at_once_from_many_threads_are_exact(file: Shelf) -> None:
    problems: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(3):
                assert file.read() == file.content
        except BaseException as problem:  # noqa: BLE001 - handed to the test
            problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for one in readers:
        one.start()
    for one in readers:
        one.join()

    assert problems == []


# --- damage is written down -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "state"),
    [("missing", ShardState.MISSING), ("cut", ShardState.DAMAGED), ("flipped", ShardState.DAMAGED)],
)
def test_a_bad_shard_is_marked_repair_is_due_and_is_rung_after_the_commit(
    file: Shelf, fault: str, state: ShardState
) -> None:
    row = file.person.shards(file.version.id)[0]
    account = file.person.providers[row.account_id]
    account.spoil = fault  # type: ignore[attr-defined]

    assert file.read(0, 10) == file.content[:10]

    assert file.person.shards(file.version.id)[0].state is state
    (repair,) = file.repairs()
    assert (repair.key, repair.user_id, repair.job_id) == (row.pack_id, file.person.user_id, None)
    assert file.rung == [repair.id]

    assert file.read(0, 10) == file.content[:10]
    assert file.rung == [repair.id]  # no news


def test_an_account_that_is_away_is_no_damage(file: Shelf) -> None:
    file.accounts[0].spoil = "away"

    assert file.read() == file.content

    assert file.repairs() == []


# --- moved meanwhile ------------------------------------------------------------------------------


def test_shards_that_were_moved_while_being_read_are_found_where_they_are_now(
    hands: Hands,
) -> None:
    file = shelf(Person.new(*hands, protection=0), secrets.token_bytes(3 * CHUNK), 1)
    file.with_links(
        replace(patient(), budget=ReadBudget(total=1, alone=1, beside=0))
    )  # nothing ahead
    pieces = file.stream()
    first = next(pieces)
    moved_to = file.person.link()
    old, new = file.accounts[0], file.person.memory[-1]
    new.objects.update(old.objects)
    old.objects.clear()
    with file.person.tools.sessions.begin() as session:
        session.execute(update(ShardRow).values(account_id=moved_to))

    assert first + b"".join(pieces) == file.content

    assert old.gets[1:], "the index was not looked up before"
    assert {row.state for row in file.person.shards(file.version.id)} == {ShardState.STORED}


# --- the cache ------------------------------------------------------------------------------------


@pytest.fixture
def cached(file: Shelf, tmp_path: Path) -> Shelf:
    return file.with_links(patient(Cache(tmp_path / "cache", 10 << 20, SYSTEM_CLOCK)))


def runs(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "cache").glob("*/*/*") if path.is_file())


def test_what_was_read_is_read_again_without_asking(cached: Shelf) -> None:
    assert cached.read() == cached.content
    cached.forget_gets()

    assert cached.read() == cached.content
    assert cached.read(CHUNK - 10, CHUNK + 10) == cached.content[CHUNK - 10 : CHUNK + 10]
    assert cached.gets() == []


def test_the_cache_holds_nothing_that_was_not_sealed(cached: Shelf, tmp_path: Path) -> None:
    assert cached.read() == cached.content

    held = b"".join(path.read_bytes() for path in runs(tmp_path))
    assert len(held) > len(cached.content)
    assert not any(
        cached.content[at : at + 16] in held for at in range(0, len(cached.content) - 16, 64)
    )


def test_a_changed_cache_changes_no_byte_and_blames_no_account(
    cached: Shelf, tmp_path: Path
) -> None:
    assert cached.read() == cached.content
    first, second, *_ = [path for path in runs(tmp_path) if path.stat().st_size > CHUNK]
    body = first.read_bytes()
    flipped = body[:-20] + bytes([body[-20] ^ 1]) + body[-19:]
    for changed in (flipped, body[:100], b"", second.read_bytes()):
        first.write_bytes(changed)

        assert cached.read() == cached.content
        cached.forget_gets()
        assert cached.read() == cached.content  # it was put there anew
        assert cached.gets() == []
    assert cached.repairs() == []


def test_a_run_that_vanishes_while_it_is_read_is_fetched(cached: Shelf, tmp_path: Path) -> None:
    assert cached.read() == cached.content
    pieces = cached.stream()
    first = next(pieces)
    for path in runs(tmp_path):
        path.unlink()

    assert first + b"".join(pieces) == cached.content


def test_damaged_bytes_never_enter_the_cache(cached: Shelf, tmp_path: Path) -> None:
    for account in cached.accounts:
        account.spoil = "flipped"
    with pytest.raises(IntegrityError):
        cached.read()

    assert runs(tmp_path) == []


def test_a_long_download_does_not_push_out_what_others_read(file: Shelf, tmp_path: Path) -> None:
    file.with_links(patient(Cache(tmp_path / "cache", 4 * CHUNK, SYSTEM_CLOCK)))

    assert file.read() == file.content
    assert runs(tmp_path) == []
    assert file.read(0, 300) == file.content[:300]
    assert len(runs(tmp_path)) == 1


def test_a_chunk_row_that_is_gone_is_unavailable(file: Shelf) -> None:
    with file.person.tools.sessions.begin() as session:
        session.delete(session.get_one(Chunk, (file.version.id, 1)))

    assert file.read(0, CHUNK) == file.content[:CHUNK]
    with pytest.raises(Unavailable):
        file.read(CHUNK)
