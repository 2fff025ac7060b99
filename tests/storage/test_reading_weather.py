"""Reading over real HTTP from the simulator, in its weather."""

import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from balancecloud.clouds.provider import Provider
from balancecloud.storage.links import Links
from balancecloud.storage.pace import Paces
from balancecloud.storage.tools import Tools
from cloudsim.app import Running, Settings, running
from cloudsim.weather.effects import Drop, Endless, Flip, Garble, Lengthen, Shorten
from cloudsim.weather.effects import Truncate as Cut
from tests.clouds.linked_accounts import LinkedAccount, LinkedDrive, LinkedOneDrive
from tests.clouds.simulated import simulated_installation
from tests.storage.reading_world import Shelf
from tests.storage.world import PATIENCE, Person

pytestmark = [pytest.mark.real, pytest.mark.sim]

CHUNK, FRAME_LOG2, SIZE = 1 << 20, 16, 3_000_000
MEDIA = {"google": "files.get.media", "microsoft": "content.download"}


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(Settings(data=tmp_path_factory.mktemp("cloudsim"), control=True)) as simulator:
        yield simulator


@dataclass
class Clouds:
    """A file on three Drives and a OneDrive, and the weather over them."""

    shelf: Shelf
    linked: list[LinkedAccount]

    def asked(self, route: str = "*") -> list[dict[str, Any]]:
        return [one for account in self.linked for one in account.cloud.asked(route)]

    def fetched(self) -> int:
        media = [one for route in MEDIA.values() for one in self.asked(route)]
        return sum(one["answer_length"] for one in media)

    def read(self, begin: int, end: int) -> None:
        assert self.shelf.read(begin, end) == self.shelf.content[begin:end]


@pytest.fixture
def clouds(
    hands: tuple[Tools, dict[uuid.UUID, Provider]], sim: Running, tmp_path: Path
) -> Iterator[Clouds]:
    tools, providers = hands
    config = replace(tools.config, chunk_size=CHUNK, frame_log2=FRAME_LOG2)
    person = Person.new(replace(tools, config=config), providers)
    shared = simulated_installation(sim.url)
    linked: list[LinkedAccount] = [
        *(LinkedDrive(sim, shared) for _ in range(3)),
        LinkedOneDrive(sim, shared, "work"),
    ]
    for account in linked:
        person.link(account.open())  # type: ignore[attr-defined]
    content = secrets.token_bytes(SIZE)
    arrived = person.upload(content)
    assert person.work() == []
    yield Clouds(Shelf(person, person.version(arrived), content), linked)
    for account in linked:
        account.cloud.clear()


def test_a_seek_is_one_round_trip_at_drive_and_at_a_known_address(clouds: Clouds) -> None:
    clouds.read(0, SIZE)  # OneDrive's addresses are known from here on
    for begin in (0, 200_000, 1_400_000, 2_900_000):
        # Two where a piece ends, at once. On a busy machine an account may seem late: then another
        # is asked as well, so the best of a few tries counts.
        assert min(asked_for(clouds, begin) for _ in range(5)) in {1, 2}


def asked_for(clouds: Clouds, begin: int) -> int:
    before = len(clouds.asked())
    clouds.read(begin, begin + 1000)
    return len(clouds.asked()) - before


def test_a_small_range_fetches_less_than_256_kib(clouds: Clouds) -> None:
    before = clouds.fetched()

    clouds.read(1_500_000, 1_500_000 + 65_536)

    assert 65_536 < clouds.fetched() - before <= 256 << 10


SPOILED = (
    Flip(70_000), Cut(1000), Shorten(1000), Lengthen(5), Endless(), Garble("empty"), Drop()
)  # fmt: skip


@pytest.mark.parametrize("number", [0, 3])
def test_a_spoiled_answer_changes_no_byte(clouds: Clouds, number: int) -> None:
    account = clouds.linked[number]
    for effect in SPOILED:
        with account.cloud.under(effect, MEDIA[account.kind]):
            clouds.read(0, SIZE)
        clouds.shelf.heal()


@pytest.mark.parametrize("number", [0, 3])
def test_an_account_that_says_nothing_holds_nothing_up(clouds: Clouds, number: int) -> None:
    clouds.shelf.with_links(Links())
    for _ in range(3):
        clouds.read(0, SIZE)
    clouds.linked[number].cloud.stand(outage="silence")
    began = time.monotonic()

    clouds.read(0, SIZE)
    clouds.read(1_000_000, 1_100_000)

    # The account's own deadline is thirty seconds of silence.
    assert time.monotonic() - began < 15


def test_a_narrow_link_is_left_to_the_others(clouds: Clouds) -> None:
    clouds.shelf.with_links(Links())
    for _ in range(3):
        clouds.read(0, SIZE)
    clouds.linked[1].cloud.stand(down_bytes_s=20_000)
    began = time.monotonic()

    clouds.read(0, SIZE)

    # A third of the file would need fifty seconds there.
    assert time.monotonic() - began < 20


def test_an_account_that_is_gone_is_read_around(clouds: Clouds) -> None:
    clouds.shelf.with_links(Links(paces=Paces(spare=PATIENCE)))
    clouds.linked[2].cloud.stand(outage="unavailable")

    clouds.read(0, SIZE)
    clouds.read(10, 20)
