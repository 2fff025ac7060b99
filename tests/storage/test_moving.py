"""Moves: packs that no longer lie as asked are made anew, and readers never notice."""

import secrets
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event

from balancecloud.clouds.provider import Provider
from balancecloud.errors import AccountFull, ObjectDiffers, Unreachable
from balancecloud.library import jobs
from balancecloud.library.uploads import Arrived
from balancecloud.models.states import AccountState, JobState, VersionState, WorkKind
from balancecloud.storage import upkeep
from balancecloud.storage.tools import Tools
from tests.storage import mending
from tests.storage.mending import gather, packs_of, protect, repair_jobs, rows_of
from tests.storage.world import CHUNK, Person, stop_at

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]
CONTENT = secrets.token_bytes(CHUNK + 17)


def stored(person: Person, content: bytes = CONTENT) -> Arrived:
    arrived = person.upload(content)
    assert person.work() == []
    return arrived


def mended(person: Person) -> None:
    gather(person)
    assert person.work() == []


def layouts(person: Person) -> set[tuple[int, int]]:
    return {(pack.k, pack.m) for pack in packs_of(person)}


def assert_as_asked(person: Person, arrived: Arrived, content: bytes = CONTENT) -> None:
    version = person.version(arrived)
    assert version.state is VersionState.STORED
    assert person.read(version.id) == content
    assert gather(person) == []
    person.check_settled()


@pytest.mark.parametrize(
    ("before", "after", "layout"), [(1, 2, (2, 2)), (1, 0, (4, 0)), (2, 1, (3, 1)), (0, 1, (3, 1))]
)
def test_another_protection_makes_every_pack_anew(
    hands: Hands, before: int, after: int, layout: tuple[int, int]
) -> None:
    person = Person.new(*hands, accounts=4, protection=before)
    arrived = stored(person)
    protect(person, after)
    mended(person)

    assert layouts(person) == {layout}
    assert_as_asked(person, arrived)


def test_with_two_accounts_lost_a_file_protected_against_two_reads(hands: Hands) -> None:
    person = Person.new(*hands, accounts=5, protection=2)
    arrived = stored(person)
    assert layouts(person) == {(3, 2)}
    for account_id in person.account_ids[1:3]:
        mending.account_of(person, account_id).is_down = True

    assert person.read(person.version(arrived).id) == CONTENT


def test_the_second_account_protects_what_was_stored_on_the_first(hands: Hands) -> None:
    person = Person.new(*hands, accounts=1)
    arrived = stored(person)
    assert layouts(person) == {(1, 0)}
    person.link()
    mended(person)

    assert layouts(person) == {(1, 1)}
    assert_as_asked(person, arrived)


def test_linking_alone_rewrites_nothing_that_is_protected_as_asked(person: Person) -> None:
    stored(person)
    before = {pack.id for pack in packs_of(person)}
    for _ in range(3):
        person.link()
    assert gather(person) == []

    assert {pack.id for pack in packs_of(person)} == before


def test_losing_an_account_without_a_spare_narrows_the_packs(person: Person) -> None:
    arrived = stored(person)
    assert layouts(person) == {(2, 1)}
    mending.unlink(person, person.account_ids[0])
    mended(person)

    assert layouts(person) == {(1, 1)}
    assert_as_asked(person, arrived)


def test_the_last_account_keeps_what_it_has(hands: Hands) -> None:
    person = Person.new(*hands, accounts=2)
    arrived = stored(person)
    before = {pack.id for pack in packs_of(person)}
    mending.unlink(person, person.account_ids[0])
    assert gather(person) == []

    assert {pack.id for pack in packs_of(person)} == before
    assert person.read(person.version(arrived).id) == CONTENT


def test_two_accounts_of_one_domain_protect_nothing(hands: Hands) -> None:
    person = Person.new(*hands, accounts=1)
    stored(person)
    mending.with_domain(person, person.link(), str(person.account_ids[0]))

    assert gather(person) == []


def test_full_accounts_leave_a_job_that_waits_for_its_person(hands: Hands) -> None:
    person = Person.new(*hands, accounts=3)
    stored(person)
    protect(person, 2)
    for account_id in person.account_ids:
        mending.set_account(person, account_id, AccountState.FULL)
    gather(person)
    person.work()

    (job,) = repair_jobs(person)
    assert (job.state, job.error_code) == (JobState.NEEDS_YOU, "no_spare")
    for account_id in person.account_ids:
        mending.set_account(person, account_id, AccountState.HEALTHY)
    person.make_due()
    assert person.work() == []
    assert layouts(person) == {(1, 2)}


@pytest.mark.parametrize("error", [AccountFull(), ObjectDiffers(), Unreachable()])
def test_a_move_that_is_refused_is_planned_anew_and_leaves_nothing(
    hands: Hands, error: AccountFull | ObjectDiffers | Unreachable
) -> None:
    person = Person.new(*hands, accounts=4)
    arrived = stored(person, CONTENT[:CHUNK])
    protect(person, 0)
    person.memory[2].fail_next("put", error)
    gather(person)
    person.work()
    person.make_due()
    assert person.work() == []

    assert {m for _, m in layouts(person)} == {0}
    assert_as_asked(person, arrived, CONTENT[:CHUNK])


def test_readers_go_on_while_packs_move(hands: Hands) -> None:
    person = Person.new(*hands, accounts=4)
    arrived = stored(person, CONTENT)
    version = person.version(arrived)
    is_over = threading.Event()

    def read() -> int:
        times = 0
        while not is_over.is_set():
            assert person.read(version.id) == CONTENT
            times += 1
        return times

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for protection in (2, 0, 1):
            protect(person, protection)
            mended(person)
        is_over.set()
        assert all(reader.result() > 0 for reader in readers)
    assert_as_asked(person, arrived)


def test_a_move_that_a_person_cancels_leaves_what_was_and_is_left_alone(hands: Hands) -> None:
    person = Person.new(*hands, accounts=4)
    arrived = stored(person)
    before = {pack.id for pack in packs_of(person)}
    protect(person, 2)
    gather(person)
    claim = person.claim()
    person.carry_out(claim, stop_at(1, Unreachable()))
    (job,) = repair_jobs(person)
    with person.tools.sessions.begin() as session:
        jobs.cancel(session, person.user_id, job.id)
    person.make_due()
    person.work()
    upkeep.sweep(person.tools)

    (job,) = repair_jobs(person)
    assert job.state is JobState.CANCELLED
    assert {pack.id for pack in packs_of(person)} <= before
    assert person.read(person.version(arrived).id) == CONTENT
    assert person.work() == []
    person.check_settled()


def test_a_file_deleted_while_its_pack_moves_leaves_nothing(hands: Hands) -> None:
    person = Person.new(*hands, accounts=4)
    arrived = stored(person, CONTENT[:CHUNK])
    protect(person, 2)
    gather(person)
    provider = person.memory[0]
    put = provider.put

    def delete_first(*arguments: object) -> object:
        if arrived.node_ids[0] in mending.nodes_of(person):
            person.delete(arrived)
        return put(*arguments)  # type: ignore[arg-type]

    provider.put = delete_first  # type: ignore[assignment, method-assign]
    person.work()
    upkeep.sweep(person.tools)
    person.work()

    assert person.objects() == set()
    person.check_settled()


def test_a_file_deleted_between_two_looks_at_its_pack_leaves_nothing(hands: Hands) -> None:
    person = Person.new(*hands, accounts=4)
    arrived = stored(person, b"small")
    protect(person, 2)
    gather(person)
    claim = person.claim()
    deleted: list[bool] = []

    def delete_before_its_chunks_are_listed(*arguments: Any) -> None:
        if not deleted and 'ORDER BY chunks."offset"' in arguments[2]:
            deleted.append(True)
            person.delete(arrived)

    engine = person.tools.sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", delete_before_its_chunks_are_listed)
    assert person.carry_out(claim) is None
    event.remove(engine, "before_cursor_execute", delete_before_its_chunks_are_listed)

    assert deleted
    assert person.work() == []
    assert [job.state for job in repair_jobs(person)] == [JobState.DONE]
    person.check_settled()


def test_a_pack_under_half_full_is_made_anew_without_its_holes(person: Person) -> None:
    contents = [secrets.token_bytes(1500) for _ in range(5)]
    arrived = person.upload(*contents)
    assert person.work() == []
    pack_id = mending.share_a_pack(person, arrived, contents)
    (pack,) = packs_of(person)
    for number in (0, 2):
        person.delete(arrived, number)
    assert person.work() == []
    assert gather(person) == [], "more than half of it is wanted"

    person.delete(arrived, 3)
    assert person.work() == []
    gather(person)
    claim = person.claim()
    assert (claim.kind, claim.key) == (WorkKind.MOVE, pack_id)
    assert person.carry_out(claim) is None
    assert person.work() == []

    (compact,) = packs_of(person)
    assert compact.length * 2 < pack.length
    for number in (1, 4):
        assert person.read(person.version(arrived, number).id) == contents[number]
    assert gather(person) == []
    person.check_settled()


def test_a_shared_pack_is_repaired_and_moved_as_a_whole(person: Person) -> None:
    contents = [secrets.token_bytes(900), b"", b"x", secrets.token_bytes(CHUNK)]
    arrived = person.upload(*contents)
    assert person.work() == []
    pack_id = mending.share_a_pack(person, arrived, contents)
    mending.damage(person, rows_of(person, pack_id)[1])
    mended(person)
    protect(person, 2)
    mended(person)

    assert layouts(person) == {(1, 2)}
    for number, content in enumerate(contents):
        assert person.read(person.version(arrived, number).id) == content
    assert mending.states_of(person) == {"stored"}
    person.check_settled()


def test_two_files_of_one_pack_deleted_at_once_leave_nothing(person: Person) -> None:
    contents = [secrets.token_bytes(900), secrets.token_bytes(900)]
    arrived = person.upload(*contents)
    assert person.work() == []
    mending.share_a_pack(person, arrived, contents)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: person.delete(arrived, number), range(2)))
    assert person.work() == []

    assert person.objects() == set()
    person.check_settled()
