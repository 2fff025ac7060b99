"""Files through a storm: one request in twenty fails, a grant is revoked, an account fills up."""

import hashlib
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloudsim.weather.effects import Answer, Delay, Drop, Effect, Truncate
from cloudsim.weather.rules import Rule
from tests.journey.client import Program
from tests.services.databases import Databases
from tests.storm.reader import Reader
from tests.storm.stormy_house import StormyHouse, stormy_house
from tests.storm.witness import Witness, wait_until

pytestmark = [pytest.mark.real, pytest.mark.sim]

SEED = 20_261_125
MIB = 1 << 20
REVOKED = ("google", "storm.one@example.com")
FILLED = ("microsoft", "work.storm@example.com")
STEADY = ("google", "storm.two@example.com")
# Seven ways to fail; together they hit one request in twenty.
SHARE = 1 - (1 - 0.05) ** (1 / 7)


def storm_rules() -> Iterator[Rule]:
    """Yield what the storm is made of: for each account on its own, drawn from the seed."""
    google = Answer(403, "userRateLimitExceeded", retry_after_s=1)
    microsoft = Answer(429, "activityLimitReached", retry_after_s=1)
    yield _rule("google is throttled", google, "google")
    yield _rule("microsoft is throttled", microsoft, "microsoft")
    yield _rule("an error before anything is done", Answer(503, "backendError"))
    yield _rule("an error although it is done", Answer(500, "backendError", when="after"))
    yield _rule("reset before", Drop("before"))
    yield _rule("reset although it is done", Drop("after"))
    yield _rule("slow", Delay(1.5))
    yield _rule("cut in the middle", Truncate())


def _rule(name: str, effect: Effect, provider: str = "*") -> Rule:
    return Rule(name, effect, provider=provider, account="*@*", times=None, share=SHARE)


@pytest.fixture
def place(tmp_path: Path, databases: Databases) -> Iterator[StormyHouse]:
    with databases.clean() as url, stormy_house(tmp_path, url, SEED) as place:
        yield place


@pytest.mark.timeout(170)
@pytest.mark.whole
def test_a_small_storm_loses_nothing_and_leaves_nothing(place: StormyHouse) -> None:
    weather_a_storm(place, files=24)


@pytest.mark.long
def test_300_files_come_through_a_storm(place: StormyHouse) -> None:
    weather_a_storm(place, files=300)


def weather_a_storm(place: StormyHouse, files: int) -> None:
    """Store so many files in bad weather, with an account revoked and one filled on the way."""
    owner = Program(place.house.base).register()
    revoked = owner.link("google_drive", REVOKED[1])["account_id"]
    owner.link("google_drive", STEADY[1])
    filled = owner.link("onedrive", FILLED[1])["account_id"]
    for rule in storm_rules():
        place.sim.simulator.weather.add_rule(rule)
    sizes = _sizes(files)
    third = files // 3
    patience = 60 + 3 * files
    reader = Reader(owner.base).sign_in(owner.email)
    with Witness(place, owner, reader) as witness:
        stored = _send(owner, witness, sizes[:third])
        wait_until(lambda: place.stored_files() >= third, patience, "the first third")
        place.revoke(*REVOKED)
        stored |= _send(owner, witness, sizes[third : 2 * third])
        is_out = "sign_in_again"
        wait_until(lambda: place.account_states()[revoked] == is_out, 60, "the loss of the grant")
        wait_until(lambda: place.stored_files() >= 2 * third, patience, "the second third")
        owner.link("google_drive", REVOKED[1])
        place.fill_up(*FILLED)
        stored |= _send(owner, witness, sizes[2 * third :])
        wait_until(place.has_stored_all, patience, "the end of every job")
        wait_until(place.is_at_rest, 60 + files, "rest")
    _judge(place, owner, stored)
    assert place.account_states()[filled] == "full"
    assert witness.lies == []
    assert witness.samples > files // 5


def _sizes(files: int) -> list[int]:
    """Return mostly small sizes, one in twenty empty, and some of more than one chunk."""
    drawn = random.Random(SEED)
    sizes = [drawn.randrange(1, 400_000) for _ in range(files)]
    sizes[::20] = [0] * len(sizes[::20])
    sizes[7::24] = [drawn.randrange(10 * MIB, 12 * MIB) for _ in sizes[7::24]]
    return sizes


def _send(owner: Program, witness: Witness, sizes: list[int]) -> dict[str, str]:
    """Upload that many new files, four at a time; return the hash of each by its id."""

    def send(size: int) -> tuple[str, str]:
        content = os.urandom(size)
        program = Program(owner.base, owner.email)
        program.session.headers.update(owner.session.headers)
        made = program.upload(f"{hashlib.sha256(content).hexdigest()[:20]}-{size}.bin", content)
        witness.job_ids.append(made["job_id"])
        return made["id"], hashlib.sha256(content).hexdigest()

    with ThreadPoolExecutor(4) as pool:
        return dict(pool.map(send, sizes))


def _judge(place: StormyHouse, owner: Program, stored: dict[str, str]) -> None:
    """Every file is there bit for bit, and the clouds hold what the index knows, once each."""
    weather = place.sim.simulator.weather
    hits = sum(one.hits for one in weather.rules())
    assert 0.02 < hits / max(one.calls for one in weather.rules()) < 0.09
    states = {owner.get(f"/api/files/{file}")["state"] for file in stored}
    assert states == {"stored"}
    weather.clear()
    assert {file: owner.download_hash(file) for file in stored} == stored
    assert {name: n for name, n in place.names_at_the_clouds().items() if n > 1} == {}
    assert place.objects() == place.shards_in_the_index()
