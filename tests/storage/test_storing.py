"""There and back: what was uploaded is stored, and comes back byte for byte."""

import secrets
import uuid
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from balancecloud.clouds.folder import Folder
from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.models.clouds import Pack
from balancecloud.models.library import Version
from balancecloud.models.states import JobState, ShardState, VersionState
from balancecloud.storage.figures import StoreProgress
from balancecloud.storage.tools import Tools
from balancecloud.storage.writer import store_run
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

HEADERS = 144 + 192  # of a shard and of its chunk: both name the key of the epoch
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 7 * CHUNK + 13)
Hands = tuple[Tools, dict[uuid.UUID, Provider]]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_is_stored_and_comes_back(person: Person, size: int) -> None:
    content = secrets.token_bytes(size)
    arrived = person.upload(content)
    version = person.version(arrived)

    assert person.read(version.id) == content  # from the spool
    assert person.work() == []
    assert person.read(version.id) == content  # from the clouds

    stored = person.version(arrived)
    assert stored.state is VersionState.STORED
    assert (stored.received_bytes, stored.sealed_bytes, stored.stored_bytes) == (size, size, size)
    assert person.job(arrived.job_id).state is JobState.DONE
    assert len(person.shards(version.id)) == 3 * max(1, -(-size // CHUNK))
    person.check_settled()


@pytest.mark.parametrize(
    ("accounts", "protection", "layout"),
    [
        (1, 1, (1, 0)),
        (2, 1, (1, 1)),
        (2, 2, (1, 1)),
        (3, 0, (3, 0)),
        (4, 2, (2, 2)),
        (6, 1, (4, 1)),
        (7, 2, (4, 2)),
    ],
)
def test_each_layout_comes_back(
    hands: Hands, accounts: int, protection: int, layout: tuple[int, int]
) -> None:
    person = Person.new(*hands, accounts=accounts, protection=protection)
    content = secrets.token_bytes(3 * CHUNK + 5)
    arrived = person.upload(content)
    assert person.work() == []

    version = person.version(arrived)
    with person.tools.sessions() as session:
        made = session.execute(select(Pack.k, Pack.m).where(Pack.user_id == person.user_id)).all()
    assert {tuple(row) for row in made} == {layout}
    assert person.read(version.id) == content
    person.check_settled()


def test_a_file_is_stored_in_folders_and_comes_back(hands: Hands, tmp_path: Path) -> None:
    person = Person.new(*hands)
    for number in range(3):
        folder = Folder(tmp_path / str(number), [tmp_path])
        folder.ensure_place()
        person.link(folder)
    content = secrets.token_bytes(5 * CHUNK + 1)
    arrived = person.upload(content)
    assert person.work() == []

    assert person.read(person.version(arrived).id) == content
    person.check_settled()


def test_several_files_of_one_form_are_one_job(person: Person) -> None:
    contents = [secrets.token_bytes(size) for size in SIZES]
    arrived = person.upload(*contents)
    assert person.work() == []

    for number, content in enumerate(contents):
        assert person.read(person.version(arrived, number).id) == content
    job = person.job(arrived.job_id)
    assert (job.state, job.files_total, job.files_stored) == (JobState.DONE, 6, 6)
    assert job.shards_done == job.shards_total == len(person.objects())
    person.check_settled()


def edges(size: int) -> list[tuple[int, int]]:
    """Return ranges at, beside and across the borders of frames and chunks."""
    marks = [0, 511, 512, CHUNK - 1, CHUNK, 2 * CHUNK + 700, size - 1, size]
    return [*pairwise(marks), (0, size), (1, CHUNK + 1), (511, 513), (CHUNK, 3 * CHUNK)]


@pytest.mark.parametrize("is_stored", [False, True], ids=["spool", "clouds"])
def test_ranges_are_cut_to_the_byte(person: Person, is_stored: bool) -> None:
    content = secrets.token_bytes(3 * CHUNK + 77)
    version = person.version(person.upload(content))
    if is_stored:
        assert person.work() == []

    for begin, end in edges(len(content)):
        assert person.read(version.id, begin, end) == content[begin:end], (begin, end)


def test_a_small_range_asks_one_account_once(person: Person) -> None:
    version = person.version(person.upload(secrets.token_bytes(2 * CHUNK)))
    assert person.work() == []
    for account in person.memory:
        account.calls.clear()

    person.read(version.id, 10, 20)

    assert sum(account.calls.count("get") for account in person.memory) == 1


def test_what_lies_at_the_accounts_is_what_the_index_says(person: Person) -> None:
    version = person.version(person.upload(secrets.token_bytes(2 * CHUNK + 5)))
    assert person.work() == []

    for row in person.shards(version.id):
        stored = person.providers[row.account_id].stat(ObjectId(str(row.object_id)))
        assert (stored.name, stored.length, stored.checksum) == (row.name, row.length, row.sha256)
        assert row.state is ShardState.STORED


def test_no_plaintext_and_no_name_reaches_an_account(person: Person) -> None:
    canary = b"CANARY-" + uuid.uuid4().hex.encode()
    person.upload(canary * 200, name=f"{canary.decode()}.txt")
    assert person.work() == []

    for account in person.memory:
        for name, body in account.objects.values():
            assert canary not in body
            assert "CANARY" not in name


def test_c_18_equal_files_have_no_block_in_common(hands: Hands) -> None:
    one, other = (Person.new(*hands, accounts=2) for _ in range(2))
    content = secrets.token_bytes(CHUNK)
    one.upload(content)
    one.upload(content)
    other.upload(content)
    assert one.work() == []

    bodies = [
        {body[at : at + 16] for at in range(HEADERS, len(body) - 16)}
        for person in (one, other)
        for _, body in person.memory[0].objects.values()
    ]
    names = [name for p in (one, other) for name, _ in p.memory[0].objects.values()]
    assert len(bodies) == len(set(names)) == 3
    assert not bodies[0] & bodies[1]
    assert not bodies[0] & bodies[2]


def test_the_first_figures_never_run_ahead_of_the_truth(person: Person) -> None:
    version = person.version(person.upload(secrets.token_bytes(4 * CHUNK)))
    claim = person.claim()
    told: list[tuple[int, int]] = []

    def report(now: Sequence[StoreProgress]) -> None:
        with person.tools.sessions() as session:
            committed = session.get_one(Version, version.id).stored_bytes
        told.extend((one.stored_bytes, committed) for one in now)

    store_run(person.tools, claim, report, lambda: None)

    assert told
    assert all(said <= committed for said, committed in told)
