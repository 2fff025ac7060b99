"""Accounts that are lost while a file is being stored take nothing of it along."""

import secrets
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from balancecloud.clouds.provider import Provider, Room
from balancecloud.errors import Unreachable
from balancecloud.library import job_sentences
from balancecloud.library.uploads import Arrived
from balancecloud.models.clouds import Chunk, CloudAccount
from balancecloud.models.jobs import Job, JobEvent, Work
from balancecloud.models.states import AccountState, JobState, VersionState, WorkKind
from balancecloud.storage import health
from balancecloud.storage.runs import RUN_CHUNKS
from balancecloud.storage.tools import Tools
from tests.services.locks import wait_until_somebody_waits
from tests.storage.mending import gather, lose, rows_of, unlink
from tests.storage.world import CHUNK, Person

pytestmark = pytest.mark.real

Hands = tuple[Tools, dict[uuid.UUID, Provider]]
SHARED = CHUNK // 2


@pytest.fixture
def shared() -> int:
    return SHARED


@pytest.fixture
def person(hands: Hands) -> Person:
    return Person.new(*hands, accounts=4)


def packs_of(person: Person, arrived: Arrived, *indexes: int) -> list[uuid.UUID]:
    """Return where these chunks lie."""
    wanted = (Chunk.version_id == person.version(arrived).id, Chunk.index.in_(indexes))
    with person.tools.sessions() as session:
        return list(session.scalars(select(Chunk.pack_id).where(*wanted).order_by(Chunk.index)))


def exchange_two_accounts(person: Person, pack_id: uuid.UUID) -> None:
    """Unlink two of the accounts that a pack with one parity shard lies on, and link others."""
    for row in rows_of(person, pack_id)[:2]:
        unlink(person, row.account_id)
        person.link()


def told(person: Person, job_id: uuid.UUID) -> list[str]:
    with person.tools.sessions() as session:
        rows = select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.at)
        return [job_sentences.happened(one.code, one.args) for one in session.scalars(rows)]


def assert_stored(person: Person, arrived: Arrived, content: bytes) -> None:
    version, job = person.version(arrived), person.job(arrived.job_id)
    assert version.state is VersionState.STORED
    assert (version.sealed_bytes, version.stored_bytes) == (len(content), len(content))
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 1, 0)
    assert job.shards_done == job.shards_total
    assert person.read(version.id) == content
    assert person.work() == []
    person.check_settled()


def test_what_a_lost_account_held_of_a_file_on_its_way_is_stored_again(person: Person) -> None:
    content = secrets.token_bytes((RUN_CHUNKS + 1) * CHUNK)
    arrived = person.upload(content)
    first, second = sorted((person.claim(), person.claim()), key=lambda claim: claim.run)
    assert person.carry_out(first) is None
    [lost] = packs_of(person, arrived, 3)
    exchange_two_accounts(person, lost)

    assert person.carry_out(second) is None

    assert person.version(arrived).state is VersionState.QUEUED
    assert person.read(person.version(arrived).id) == content  # from the spool
    assert person.job(arrived.job_id).state is JobState.RUNNING
    assert person.work() == []
    assert_stored(person, arrived, content)
    sentence = "Parts of 1 file lay on accounts that are gone. Storing them again: nothing is lost."
    assert sentence in told(person, arrived.job_id)


@pytest.mark.parametrize("first", [WorkKind.FORM, WorkKind.STORE])
def test_a_last_chunk_that_was_lost_is_stored_again(person: Person, first: WorkKind) -> None:
    content = secrets.token_bytes(2 * CHUNK + 5)
    arrived = person.upload(content)
    one, other = person.claim(), person.claim()
    if one.kind is not first:
        one, other = other, one
    assert person.carry_out(one) is None
    [lost] = packs_of(person, arrived, 2 if first is WorkKind.FORM else 1)
    exchange_two_accounts(person, lost)

    assert person.carry_out(other) is None

    assert person.version(arrived).state is VersionState.QUEUED
    assert person.work() == []
    assert_stored(person, arrived, content)


def test_a_last_chunk_leaves_a_lost_pack_that_others_share(person: Person) -> None:
    content = secrets.token_bytes(2 * CHUNK + 5)
    small, arrived = person.upload(b"small", name="small"), person.upload(content)
    claims = [person.claim(), person.claim()]
    [form] = [claim for claim in claims if claim.kind is WorkKind.FORM]
    [run] = [claim for claim in claims if claim.kind is WorkKind.STORE]
    assert person.carry_out(form) is None
    [shared] = packs_of(person, arrived, 2)
    assert packs_of(person, small, 0) == [shared]
    exchange_two_accounts(person, shared)

    assert person.carry_out(run) is None
    assert person.work() == []

    assert packs_of(person, small, 0) == [shared]  # it was shown before, and unlinking said so
    assert packs_of(person, arrived, 2) != [shared]
    assert person.version(arrived).state is VersionState.STORED
    assert person.read(person.version(arrived).id) == content


def test_a_file_of_which_a_shard_is_missing_is_shown_as_less_protected(person: Person) -> None:
    content = secrets.token_bytes((RUN_CHUNKS + 1) * CHUNK)
    arrived = person.upload(content)
    first, second = sorted((person.claim(), person.claim()), key=lambda claim: claim.run)
    assert person.carry_out(first) is None
    [harmed] = packs_of(person, arrived, 3)
    lose(person, rows_of(person, harmed)[0])

    assert person.carry_out(second) is None

    assert person.version(arrived).state is VersionState.DEGRADED
    assert gather(person)
    assert person.work() == []
    assert person.version(arrived).state is VersionState.STORED
    assert person.read(person.version(arrived).id) == content


def is_stored(person: Person, arrived: Arrived, index: int) -> bool:
    packs = packs_of(person, arrived, index)
    return bool(packs) and all(row.stored_at for row in rows_of(person, packs[0]))


def test_a_chunk_whose_shard_was_lost_before_a_restart_goes_elsewhere(person: Person) -> None:
    content = secrets.token_bytes(6 * CHUNK)
    arrived = person.upload(content)

    def break_off() -> None:
        if is_stored(person, arrived, 0):
            raise Unreachable

    assert isinstance(person.carry_out(person.claim(), break_off), Unreachable)
    [harmed] = packs_of(person, arrived, 0)
    lose(person, rows_of(person, harmed)[0])
    person.make_due()
    assert person.work() == []

    assert packs_of(person, arrived, 0) != [harmed]
    assert_stored(person, arrived, content)


def test_who_shows_a_file_waits_for_an_account_that_is_being_unlinked(person: Person) -> None:
    content = secrets.token_bytes(CHUNK)
    arrived = person.upload(content)
    claim = person.claim()
    begun = threading.Event()

    with ThreadPoolExecutor(1) as pool, person.tools.sessions() as unlinking:

        def begin_once_all_is_stored() -> None:
            if not begun.is_set() and is_stored(person, arrived, 0):
                rows = rows_of(person, packs_of(person, arrived, 0)[0])
                gone = CloudAccount.id.in_([row.account_id for row in rows[:2]])
                unlinking.execute(select(CloudAccount.id).where(gone).with_for_update()).all()
                unlinking.execute(
                    update(CloudAccount).where(gone).values(state=AccountState.UNLINKED)
                )
                begun.set()

        showing = pool.submit(person.carry_out, claim, begin_once_all_is_stored)
        assert begun.wait(20)
        wait_until_somebody_waits(unlinking)
        unlinking.commit()
        assert showing.result(20) is None

    assert person.version(arrived).state is VersionState.QUEUED
    assert person.job(arrived.job_id).files_stored == 0


def test_an_account_that_is_found_well_twice_waits_for_no_job(person: Person) -> None:
    arrived = person.upload(secrets.token_bytes(2 * CHUNK), b"small")
    health_of = person.account_ids[0]
    with person.tools.sessions.begin() as session:
        session.execute(update(Work).values(due_at=func.now() + timedelta(hours=1)))
        full = update(CloudAccount).where(CloudAccount.id == health_of)
        session.execute(full.values(state=AccountState.FULL))

    with person.tools.sessions() as holding, person.tools.sessions.begin() as session:
        holding.get_one(Job, arrived.job_id, with_for_update=True)  # as who ends its work does
        session.execute(text("SET LOCAL lock_timeout = '2s'"))
        health.note_room(session, health_of, Room(used=0, total=15 << 30))
        health.note_restored(session, health_of)

    with person.tools.sessions() as session:
        assert session.scalar(select(func.count()).where(Work.due_at > func.now())) == 0
