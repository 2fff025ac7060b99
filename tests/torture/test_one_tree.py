"""Many do everything at once to one small tree; afterwards it is whole and every byte is counted.

`BALANCECLOUD_TORTURE_SECONDS` and `BALANCECLOUD_TORTURE_SEED` choose how long, and which chance.
"""

import hashlib
import logging
import os
import random
import secrets
import threading
import traceback
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import sessionmaker

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import Config
from balancecloud.errors import BalanceCloudError
from balancecloud.library import abandoned, giving_up, left_versions
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Node, Upload, Version
from balancecloud.models.states import JobState, NodeKind, VersionState, WorkState
from balancecloud.storage.completion import UNFINISHED
from tests.storage.world import CHUNK, Person, make_tools
from tests.torture.acts import Hand, versions_shown

pytestmark = [pytest.mark.real, pytest.mark.long]

HANDS = 6
SECONDS = float(os.environ.get("BALANCECLOUD_TORTURE_SECONDS", "40"))
SEED = os.environ.get("BALANCECLOUD_TORTURE_SEED")
logger = logging.getLogger(__name__)
OVER = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@pytest.fixture
def person(config: Config, postgres_url: str) -> Person:
    engine = create_engine(postgres_url, pool_size=3 * HANDS)
    sessions = sessionmaker(engine, expire_on_commit=False)
    tools, providers = make_tools(config, sessions, shared=CHUNK // 2)
    early = replace(tools.config, early_bytes=2 * CHUNK)
    return Person.new(replace(tools, config=early), providers, accounts=3)


@pytest.mark.timeout(SECONDS * 3 + 300)
def test_everything_at_once_leaves_one_whole_tree(person: Person) -> None:
    seed = int(SEED) if SEED else secrets.randbits(32)
    logger.warning("seed %s", seed)
    logger.warning("%s", torment(person, seed))

    settle(person)

    check_tree(person)
    check_files(person)
    check_nothing_is_left_over(person)
    person.check_settled()


def torment(person: Person, seed: int) -> Counter[str]:
    """Let all hands act until the time is over; fail at what is no answer to a person."""
    ends: Counter[str] = Counter()
    faults: list[str] = []
    over = threading.Event()
    batches = [uuid.UUID(int=random.Random(seed).getrandbits(128)) for _ in range(2)]
    began = SYSTEM_CLOCK.monotonic()

    def run(number: int) -> None:
        hand = Hand(person, random.Random(seed + number), batches)
        while SYSTEM_CLOCK.monotonic() - began < SECONDS and not over.is_set():
            try:
                hand.act()
                ends["done"] += 1
            except BalanceCloudError as problem:
                ends[problem.code] += 1
            except Exception:  # noqa: BLE001 - any other is a fault to be told
                faults.append(traceback.format_exc())
                over.set()

    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(run, range(HANDS)))
    assert not faults, f"seed {seed}\n" + "\n".join(faults)
    return ends


def settle(person: Person) -> None:
    """End what was left lying, resume what was paused, and do all that is due."""
    with person.tools.sessions.begin() as session:
        session.execute(text("UPDATE resumables SET expires_at = now() - interval '1 hour'"))
        session.execute(text("UPDATE resumables SET lease_until = NULL, owner = NULL"))
        paused = session.scalars(select(Job).where(Job.state == JobState.PAUSED)).all()
        for job in paused:
            job.state = JobState.QUEUED
    for _ in range(4):
        giving_up.sweep(person.tools)
        abandoned.sweep(person.tools)
        left_versions.remove_unwanted(person.tools)
        person.make_due()
        hand = Hand(person, random.Random(0), ())
        while (claim := person.try_claim()) is not None:
            person.carry_out(claim, partial(hand.obey, claim))


def check_tree(person: Person) -> None:
    """No ring, no name twice, each living node in living folders."""
    with person.tools.sessions() as session:
        found = {node.id: node for node in session.scalars(select(Node))}
    for node in found.values():
        way, one = set(), node
        while one.parent_id is not None:
            assert one.id not in way, "a ring"
            way.add(one.id)
            assert one.parent_id in found
            above = found[one.parent_id]
            assert above.kind is NodeKind.FOLDER
            if one.trashed_at is None:
                assert above.trashed_at is None, "a living node in the trash"
            one = above
    living = [(node.parent_id, node.name) for node in found.values() if node.trashed_at is None]
    assert len(living) == len(set(living))


def check_files(person: Person) -> None:
    """Each file shows a version that can be read, or awaits one."""
    with person.tools.sessions() as session:
        files = session.scalars(select(Node).where(Node.kind == NodeKind.FILE)).all()
        shown = versions_shown(session, person)
        kept = {one.id: one for one in session.scalars(select(Version))}
    awaited = {one.file_id for one in kept.values() if one.state is not VersionState.CANCELLED}
    for file in files:
        if file.version is None:
            of = [
                (one.number, one.state, one.job_id)
                for one in kept.values()
                if one.file_id == file.id
            ]
            assert file.id in awaited, (file.name, file.trashed_at, file.file_id == file.id, of)
            continue
        version = kept[shown[file.id]]
        assert hashlib.sha256(person.read(version.id)).digest() == version.sha256


def check_nothing_is_left_over(person: Person) -> None:
    """Nothing is on its way, and each row has what it belongs to."""
    with person.tools.sessions() as session:
        states = Counter(session.scalars(select(Version.state)))
        assert not states.keys() & set(UNFINISHED), states
        assert session.scalars(select(Upload.id)).all() == []
        jobs = Counter(session.scalars(select(Job.state)))
        assert not jobs.keys() - set(OVER), jobs
        work = Counter((one.kind, one.state) for one in session.scalars(select(Work)))
        assert not {one for one in work if one[1] in {WorkState.LEASED, WorkState.DEAD}}, work
        wanted = {(node.file_id, node.version) for node in session.scalars(select(Node))}
        own = {node.id for node in session.scalars(select(Node))}
        nobodys = [
            one.id
            for one in session.scalars(select(Version).where(Version.state != "cancelled"))
            if one.file_id not in own and (one.file_id, one.number) not in wanted
        ]
        assert nobodys == []
