"""OneDrive, at the simulator."""

import pytest

from balancecloud.clouds.provider import Provider
from balancecloud.clouds.registry import Installation
from cloudsim.app import Running
from tests.clouds.provider_suite import FaultSuite
from tests.clouds.simulated import FaultyWay, fill_up, linked, with_faulty_way
from tests.fakes.canned_way import canned

pytestmark = pytest.mark.sim


class TestOneDrive(FaultSuite):
    registered_as = "onedrive"
    way: FaultyWay
    base_url: str

    @pytest.fixture
    def provider(self, sim: Running, shared: Installation) -> Provider:
        self.base_url = sim.url
        faulty, self.way = with_faulty_way(shared)
        return linked("onedrive", faulty)

    def lose_next_answer(self, provider: Provider) -> None:
        self.way.planned.append("lose")

    def cut_next_put(self, provider: Provider) -> None:
        self.way.planned.append("cut")

    def damage_next_put(self, provider: Provider) -> None:
        self.way.planned.append("damage")

    def fill_up(self, provider: Provider) -> None:
        fill_up(provider, "microsoft", self.base_url)

    def throttle_next(self, provider: Provider, seconds: int) -> None:
        self.way.planned.append(canned(429, b"", {"retry-after": str(seconds)}))
