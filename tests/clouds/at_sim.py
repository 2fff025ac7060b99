"""One person's account at the simulator, the weather over it, and what reached it."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from cloudsim.app import Running
from cloudsim.conditions import Conditions
from cloudsim.store.accounts import Account
from cloudsim.store.objects import Object, Selection
from cloudsim.weather.effects import Effect
from cloudsim.weather.rules import Rule

_numbers = itertools.count(1)


@dataclass(frozen=True)
class AtSim:
    """Everything here concerns this account only, so that tests share one simulator."""

    sim: Running
    kind: str  # google or microsoft
    address: str

    def rule(
        self, effect: Effect, route: str = "*", *, times: int | None = 1, after: int = 0
    ) -> str:
        """Let the effect hit the next calls of these routes; return the rule's name."""
        name = f"rule-{next(_numbers)}"
        self.sim.simulator.weather.add_rule(
            Rule(name, effect, self.kind, self.address, route, after=after, times=times)
        )
        return name

    @contextmanager
    def under(self, effect: Effect, route: str = "*") -> Iterator[None]:
        """Let the effect hit every call of these routes within the block."""
        name = self.rule(effect, route, times=None)
        yield
        self.sim.simulator.weather.remove_rule(name)

    def stand(self, **conditions: Any) -> None:
        """Let these conditions, and only these, stand over the account."""
        self.sim.simulator.weather.set_conditions(self.kind, self.address, Conditions(**conditions))

    def clear(self) -> None:
        """Let fair weather come back."""
        self.sim.simulator.weather.clear_conditions(self.kind, self.address)

    def let_pass(self, seconds: float) -> None:
        """Move the simulator's clock."""
        self.sim.simulator.services.clock.advance(seconds)

    def asked(self, route: str = "*") -> list[dict[str, Any]]:
        """Return what was asked of the account on these routes, oldest first."""
        return [
            entry
            for entry in self.sim.simulator.log.since(0)
            if entry["account"] == self.address
            and entry["provider"] == self.kind
            and fnmatchcase(entry["route"], route)
        ]

    @property
    def account(self) -> Account:
        """The account's row."""
        found = self.sim.simulator.services.accounts.find(self.kind, self.address)
        assert found is not None
        return found

    def objects(self) -> list[Object]:
        """Return every object of the account that is no folder and not in the bin."""
        mine = Selection("account = ? AND NOT folder AND NOT trashed", (self.account.id,), "seq")
        return list(self.sim.simulator.services.objects.select(mine, 1000))

    def remove(self, object_id: str) -> None:
        """Remove an object as its owner could."""
        services = self.sim.simulator.services
        services.blobs.discard(services.objects.remove(object_id))

    def revoke(self) -> None:
        """Take every grant back."""
        self.sim.simulator.services.grants.revoke_all(self.account.id)

    def expire(self) -> None:
        """Let every access token run out."""
        self.sim.simulator.services.grants.expire_access(self.account.id)

    def fill_up(self) -> None:
        """Leave no room."""
        self.sim.simulator.services.accounts.set_quota(self.account.id, 0)
