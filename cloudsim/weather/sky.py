"""The weather over all accounts: what is set, and what each request meets."""

import threading
from dataclasses import dataclass

from cloudsim.clock import Clock
from cloudsim.conditions import Conditions
from cloudsim.weather.marks import Marks
from cloudsim.weather.rules import Rule, Turns
from cloudsim.weather.state import AccountState, Standing

ANY = "*"
_FIRST_SEED = 1

Key = tuple[str, str]  # provider and address; the address * is everybody there


class NoSuchRule(LookupError):
    """No rule has this name."""


class NameInUse(ValueError):
    """Another rule has this name."""


@dataclass(frozen=True)
class RuleCount:
    """A rule with what it has done so far."""

    rule: Rule
    calls: int
    hits: int


class Weather:
    """Fair until something is set; every change holds from the next request on.

    watching: whether requests are counted, and looked at, at all. In fair weather that nobody
    asked to watch, this flag is all a request costs.
    """

    def __init__(self, clock: Clock, *, watching: bool = False) -> None:
        self.watching = watching
        self._always_watching = watching
        self.clock = clock
        self._seed = _FIRST_SEED
        self._standing: dict[Key, Standing] = {}
        self._states: dict[Key, AccountState] = {}
        self._turns: tuple[Turns, ...] = ()
        self._guard = threading.RLock()
        self._ended = threading.Event()

    @property
    def seed(self) -> int:
        return self._seed

    def reseed(self, seed: int) -> None:
        """Draw by another seed from now on; every rule counts anew."""
        with self._guard:
            self._seed = seed
            self._turns = tuple(Turns(one.rule, seed) for one in self._turns)

    def set_conditions(
        self, provider: str, address: str, conditions: Conditions, label: str = ""
    ) -> None:
        """Let these, and only these, stand over an account, or with * over all others there."""
        with self._guard:
            standing = Standing(conditions, self.clock.now(), label)
            self._standing[provider, address.lower()] = standing
            self._settle()

    def clear_conditions(self, provider: str, address: str) -> None:
        """Let the account have what all others there have; fair weather, as a rule."""
        with self._guard:
            self._standing.pop((provider, address.lower()), None)
            self._settle()

    def conditions(self) -> dict[Key, Standing]:
        """Give what is set, by provider and address."""
        with self._guard:
            return dict(self._standing)

    def standing(self, provider: str, address: str) -> Standing:
        """Say what stands over one account now."""
        with self._guard:
            found = self._standing.get((provider, address.lower()))
            return found or self._standing.get((provider, ANY)) or Standing()

    def add_rule(self, rule: Rule) -> None:
        """Add a rule behind the others: the first that takes a call is the only one to hit it."""
        with self._guard:
            if any(one.rule.name == rule.name for one in self._turns):
                raise NameInUse(rule.name)
            self._turns = (*self._turns, Turns(rule, self._seed))
            self.watching = True

    def remove_rule(self, name: str) -> None:
        with self._guard:
            left = tuple(one for one in self._turns if one.rule.name != name)
            if len(left) == len(self._turns):
                raise NoSuchRule(name)
            self._turns = left
            self._settle()

    def rules(self) -> list[RuleCount]:
        return [RuleCount(one.rule, one.calls, one.hits) for one in self._turns]

    def clear(self) -> None:
        """Fair weather everywhere: no conditions, no rules; the seed stays."""
        with self._guard:
            self._standing, self._turns = {}, ()
            self._settle()

    def reset(self) -> None:
        """As at the start: fair, the first seed, nothing remembered."""
        with self._guard:
            self.clear()
            self._seed = _FIRST_SEED
            self._states = {}

    def close(self) -> None:
        """End every wait."""
        self._ended.set()
        self.clear()

    def marks(self, provider: str, address: str) -> Marks:
        """How much was asked of the account while the weather was watching."""
        return self.state(provider, address).gauge.read()

    def all_marks(self) -> dict[Key, Marks]:
        with self._guard:
            return {key: state.gauge.read() for key, state in self._states.items()}

    def forget_marks(self) -> None:
        with self._guard:
            for state in self._states.values():
                state.gauge.forget()

    def state(self, provider: str, address: str) -> AccountState:
        """Find what is remembered of an account, from its first request on."""
        key = provider, address.lower()
        with self._guard:
            found = self._states.get(key)
            if found is None:
                found = AccountState(self.clock.now, self.pause)
                found.stand(self.standing(provider, address))
                self._states[key] = found
            return found

    def hit(self, provider: str, account: str, route: str, method: str) -> Rule | None:
        """Count the call with every rule it fits, up to the one that takes it."""
        for one in self._turns:
            if one.rule.fits(provider, account, route, method) and one.takes(account, route):
                return one.rule
        return None

    def pause(self, seconds: float) -> None:
        """Wait, unless the simulator stops."""
        self._ended.wait(seconds)

    def _settle(self) -> None:
        """Tell each account what stands over it now."""
        self.watching = self._always_watching or bool(self._standing or self._turns)
        for (provider, address), state in self._states.items():
            now = self.standing(provider, address)
            if now is not state.standing and not _same(now, state.standing):
                state.stand(now)


def _same(one: Standing, other: Standing) -> bool:
    return one.conditions == other.conditions and one.since == other.since
