"""What goes wrong meanwhile: weather, grants, accounts and processes, as a seed says."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import requests

from tests.journey.house import process_table
from tests.soak.people import Person
from tests.soak.soak_house import SoakHouse

FEWEST, MOST = 3, 5  # accounts of a person
PRESETS: Final = ("unreachable", "throttling", "slow", "full")
TROUBLED_SECONDS: Final = (4.0, 20.0)
REVOKED_SECONDS: Final = (3.0, 15.0)
DEAD_SECONDS: Final = (0.2, 4.0)
PAUSES: Final = (0.3, 2.5)
SHARE: Final = 0.004  # of the calls that each rule hits
RULES: Final[Sequence[dict[str, Any]]] = (
    {"kind": "answer", "status": 503, "reason": "backendError"},
    {"kind": "answer", "status": 500, "reason": "backendError", "when": "after"},
    {"kind": "drop", "when": "before"},
    {"kind": "drop", "when": "after"},
    {"kind": "delay", "seconds": 1.5},
    {"kind": "truncate"},
)
# A pack that would not survive: it was made for a person who asked for none, or could have none.
UNPROTECTED: Final = """
SELECT count(*) FROM packs JOIN users ON users.id = packs.user_id
WHERE users.email = :email AND packs.m = 0 AND packs.cleanup_job_id IS NULL
"""


def begin_drizzle(house: SoakHouse, seed: int) -> None:
    """Have a few calls in a hundred fail, for every account, until the weather is cleared."""
    house.sky.clear(seed)
    for number, effect in enumerate(RULES):
        rule = {"name": f"drizzle-{number}", "effect": effect, "account": "*@*"}
        house.sky.add_rule({**rule, "times": None, "share": SHARE})


@dataclass
class Troubles:
    """Somebody without mercy, in a thread of their own, who tidies up in the end."""

    house: SoakHouse
    people: Sequence[Person]
    drawn: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _mends: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def run(self, ended: threading.Event) -> None:
        """Make trouble and mend it later, until told to stop."""
        while not ended.wait(self.drawn.uniform(*PAUSES)):
            name, act = self._choose()
            try:
                self._mend(time.monotonic())
                self.counts[name] += act()
            except requests.RequestException:
                # The web was busy: it is the programs whose answers are judged.
                self.counts[f"{name}, in vain"] += 1
            except AssertionError as problem:
                self.faults.append(f"{name}: {problem}"[:400])
        self._mend(float("inf"))

    def _choose(self) -> tuple[str, Callable[[], int]]:
        acts: list[tuple[float, str, Callable[[], int]]] = [
            (10, "weather", self._set_weather),
            (3, "grant revoked", self._revoke),
            (2, "account exchanged", self._exchange),
            (3, "protection changed", self._change_protection),
            (2, "worker killed", partial(self._kill, "worker-2")),
            (2, "work in hand killed", self._kill_horse),
            (0.6, "web killed", partial(self._kill, "web-2")),
            (0.7, "tick killed", partial(self._kill, "tick")),
        ]
        weights = [weight for weight, _, _ in acts]
        _, name, act = self.drawn.choices(acts, weights)[0]
        return name, act

    def _later(self, seconds: tuple[float, float], mend: Callable[[], None]) -> None:
        self._mends.append((time.monotonic() + self.drawn.uniform(*seconds), mend))

    def _mend(self, now: float) -> None:
        due = [one for one in self._mends if one[0] <= now]
        self._mends = [one for one in self._mends if one[0] > now]
        for _, mend in due:
            mend()

    def _set_weather(self) -> int:
        provider, address = self.drawn.choice(list(self._somebody().accounts.values()))
        preset = self.drawn.choice(PRESETS)
        self.house.sky.preset(provider, address, preset)
        self.counts[f"weather {preset}"] += 1
        fair = partial(self.house.sky.preset, provider, address, "fair")
        self._later(TROUBLED_SECONDS, fair)
        return 1

    def _revoke(self) -> int:
        person = self._somebody()
        account_id = self.drawn.choice(list(person.accounts))
        self.house.sky.preset(*person.accounts[account_id], "revoked")
        self._later(REVOKED_SECONDS, partial(self._sign_in_again, person, account_id))
        return 1

    def _sign_in_again(self, person: Person, account_id: str) -> None:
        # It may have been unlinked meanwhile; and what fails in this weather is done in the end.
        if account_id in person.accounts:
            self.house.sky.preset(*person.accounts[account_id], "fair")
            with suppress(AssertionError, KeyError):
                person.sign_in_again(account_id)

    def _change_protection(self) -> int:
        self._somebody().ask_for_protection(self.drawn.choice((0, 1, 1, 2)))
        return 1

    def _exchange(self) -> int:
        """Unlink an account that nothing depends on alone, and link another."""
        person = self._somebody()
        if len(person.accounts) < MOST:
            self._link_another(person)
        if len(person.accounts) > FEWEST and self._is_well_protected(person):
            account_id = self.drawn.choice(list(person.accounts))
            if self._unlink(person, account_id):
                del person.accounts[account_id]
                self.counts["account unlinked"] += 1
        return 1

    def _link_another(self, person: Person) -> None:
        with suppress(AssertionError, KeyError):
            person.link_another()
            self.counts["account linked"] += 1

    def _is_well_protected(self, person: Person) -> bool:
        if self.house.number(UNPROTECTED, email=person.program.email):
            return False
        return all(one["state"] == "healthy" for one in person.program.accounts())

    def _unlink(self, person: Person, account_id: str) -> bool:
        """Unlink it unless that costs a file; return whether it is."""
        url = f"{person.program.base}/api/cloud-accounts/{account_id}"
        session = person.program.session
        answer = session.delete(url, timeout=60)
        if answer.status_code == 409 and not answer.json()["lost_count"]:
            label = next(o["label"] for o in person.program.accounts() if o["id"] == account_id)
            force = {"force": "true", "confirm": label}
            answer = session.delete(url, params=force, timeout=60)
        if answer.status_code not in {204, 409}:
            self.faults.append(f"unlinking answered {answer.status_code}")
        return answer.status_code == 204

    def _kill(self, name: str) -> int:
        if name not in self.house.machines.running:
            return 0
        self.house.machines.kill(name)
        self._later(DEAD_SECONDS, partial(self.house.machines.start, name))
        return 1

    def _kill_horse(self) -> int:
        """Kill the process in which worker-1 does its work, not the one that forks it."""
        parent = self.house.machines.running["worker-1"].pid
        horses = [pid for pid, (above, _) in process_table().items() if above == parent]
        for pid in horses:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(horses)

    def _somebody(self) -> Person:
        return self.drawn.choice(self.people)
