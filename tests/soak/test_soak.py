"""The soak: SOAK_SECONDS sets how long the long one lasts, 20 minutes unless it does."""

import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from balancecloud.cli.embedded.valkey import Valkey
from tests.services.databases import Databases
from tests.soak.judge import judge
from tests.soak.memory import Memory
from tests.soak.people import Client, Person, settle_in
from tests.soak.settling import settle
from tests.soak.soak_house import SoakHouse, soak_house
from tests.soak.troubles import Troubles, begin_drizzle

SEED = int(os.environ.get("SOAK_SEED", "20261125"))
SECONDS = float(os.environ.get("SOAK_SECONDS", str(20 * 60)))
ACCOUNTS = (4, 3, 5, 4)  # of each person
PROGRAMS = 3  # of each person

pytestmark = [pytest.mark.long, pytest.mark.real, pytest.mark.sim]


@pytest.fixture
def house(tmp_path: Path, databases: Databases, valkey: Valkey) -> Iterator[SoakHouse]:
    with databases.clean() as url, soak_house(tmp_path, url, valkey.url()) as house:
        yield house


@pytest.mark.timeout(1800)
def test_a_short_soak_of_two_people_loses_nothing_and_leaves_nothing(
    house: SoakHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    soak(house, capsys, people=2, seconds=min(50.0, SECONDS))


@pytest.mark.timeout(SECONDS + 3600)
def test_a_soak_of_four_people_loses_nothing_and_leaves_nothing(
    house: SoakHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    soak(house, capsys, people=4, seconds=SECONDS)


def soak(house: SoakHouse, capsys: pytest.CaptureFixture[str], people: int, seconds: float) -> None:
    """Let everybody do everything at once for so long, then let it come to rest and look."""
    living = [settle_in(house, number, ACCOUNTS[number]) for number in range(people)]
    begin_drizzle(house, SEED)
    troubles = Troubles(house, living, random.Random(SEED))
    memory = Memory(house)
    clients = [
        Client(house, person, random.Random(f"{SEED} {person.number} {program}"))
        for person in living
        for program in range(PROGRAMS)
    ]
    try:
        _together([*(one.run for one in clients), memory.run, troubles.run], seconds)
        settle(house, living, SEED)
        faults = [*judge(house, living), *troubles.faults, *memory.grown()]
    finally:
        with capsys.disabled():
            sys.stdout.write(f"\n{json.dumps(report(house, living, troubles, memory), indent=1)}\n")
    assert not faults, "\n".join(faults)


def _together(runs: list[Callable[[threading.Event], None]], seconds: float) -> None:
    """Run all of these for so long; what one of them raises ends all, and is raised."""
    ended = threading.Event()
    with ThreadPoolExecutor(len(runs)) as pool:
        futures = [pool.submit(run, ended) for run in runs]
        for future in futures:
            future.add_done_callback(lambda _: ended.set())
        ended.wait(seconds)
        ended.set()
    for future in futures:
        future.result()


def report(
    house: SoakHouse, people: list[Person], troubles: Troubles, memory: Memory
) -> dict[str, object]:
    """Return what was done, what went wrong meanwhile, and how the memory went."""
    done: Counter[str] = sum((person.ledger.counts for person in people), Counter())
    return {
        "done": dict(sorted(done.items())),
        "bytes sent": sum(person.ledger.bytes_out for person in people),
        "bytes read": sum(person.ledger.bytes_in for person in people),
        "shards sent again": house.number("SELECT coalesce(sum(shards_retried), 0) FROM jobs"),
        "troubles": dict(sorted(troubles.counts.items())),
        "memory, medians of fifths": {name: memory.fifths(name) for name in memory.series},
        "memory in MB": {name: memory.outline(name) for name in memory.series},
    }
