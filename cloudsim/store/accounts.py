"""People, and the account each has at a provider."""

import hashlib
import re
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Literal, NewType

from cloudsim.clock import Clock
from cloudsim.store.database import Database
from cloudsim.store.memory import Memory

AccountId = NewType("AccountId", int)
Provider = Literal["google", "microsoft"]

QUOTA_AT_FIRST = 15 * 1024**3
_FIRST_PEOPLE = ("anna.silva@example.com", "ben.okoro@example.com", "chiara.rossi@example.com")
_ADDRESS = re.compile(r"[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,190}\Z")


class BadAddress(ValueError):
    """Not an address a simulated person could have."""


@dataclass(frozen=True)
class Person:
    """Somebody who could sign in."""

    address: str
    name: str


@dataclass(frozen=True)
class Account:
    """One person's account at one provider, as it is now."""

    id: AccountId
    provider: Provider
    person: Person
    drive_id: str
    root_id: str
    quota: int | None  # None is unlimited
    used: int
    binned: int
    state: str  # "on", or "gone": nothing answers for it
    created: float

    @property
    def is_work(self) -> bool:
        return is_work(self.person.address)

    @property
    def permission_id(self) -> str:
        """Google's number for a person: the same at every start and in every installation."""
        digest = hashlib.sha256(b"person:" + self.person.address.encode()).digest()
        return f"{int.from_bytes(digest[:8], 'big'):020d}"


def is_work(address: str) -> bool:
    """Whether this person's account at Microsoft belongs to an organization."""
    return address.startswith("work.")


class Accounts:
    """The people and accounts of this simulated world."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: Memory[AccountId, Account] = Memory(database, "accounts")

    def settle_first_people(self) -> None:
        """Give a new world its first inhabitants; an inhabited one is left alone."""
        if not self.people():
            for address in _FIRST_PEOPLE:
                self.person(address)

    def people(self) -> list[Person]:
        with self._database.reading() as rows:
            found = rows.execute("SELECT address, name FROM people ORDER BY created, address")
            return [Person(row["address"], row["name"]) for row in found]

    def person(self, address: str) -> Person:
        """Find the person of this address, or make one; BadAddress for nonsense."""
        address = address.strip().lower()
        if not _ADDRESS.match(address):
            raise BadAddress("That is not an address like name@example.com.")
        local = address.partition("@")[0].removeprefix("work.")
        name = " ".join(word.capitalize() for word in re.split(r"[._+-]+", local) if word) or local
        with self._database.changing() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO people VALUES (?, ?, ?)", (address, name, self._clock.now())
            )
        return Person(address, name)

    def open(self, provider: Provider, address: str) -> Account:
        """Open the person's account there, made with 15 GB on first use."""
        person = self.person(address)
        drive_id, root_id = _new_ids(provider, work=is_work(person.address))
        with self._database.changing() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO accounts"
                " (provider, address, drive_id, root_id, quota, created)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (provider, person.address, drive_id, root_id, QUOTA_AT_FIRST, self._clock.now()),
            )
        found = self.find(provider, person.address)
        if found is None:
            raise LookupError("The account was removed while it was opened.")
        return found

    def find(self, provider: str, address: str) -> Account | None:
        return self._one("a.provider = ? AND a.address = ?", provider, address.lower())

    def by_id(self, account_id: AccountId) -> Account | None:
        return self._known.find(account_id, lambda: self._one("a.id = ?", account_id))

    def all(self) -> list[Account]:
        with self._database.reading() as rows:
            return [_account(row) for row in rows.execute(f"{_SELECT} ORDER BY a.id")]

    def set_quota(self, account_id: AccountId, quota: int | None) -> None:
        with self._database.changing() as rows:
            rows.execute("UPDATE accounts SET quota = ? WHERE id = ?", (quota, account_id))

    def set_state(self, account_id: AccountId, state: Literal["on", "gone"]) -> None:
        with self._database.changing() as rows:
            rows.execute("UPDATE accounts SET state = ? WHERE id = ?", (state, account_id))

    def remove_everybody(self) -> None:
        """Empty the world: people, accounts, grants, objects and uploads."""
        with self._database.changing() as rows:
            rows.execute("DELETE FROM people")

    def _one(self, where: str, *values: object) -> Account | None:
        with self._database.reading() as rows:
            row = rows.execute(f"{_SELECT} WHERE {where}", values).fetchone()
        return _account(row) if row else None


_SELECT = "SELECT a.*, p.name AS person_name FROM accounts a JOIN people p ON p.address = a.address"


def _account(row: sqlite3.Row) -> Account:
    person = Person(row["address"], row["person_name"])
    return Account(
        AccountId(row["id"]), row["provider"], person, row["drive_id"], row["root_id"],
        row["quota"], row["used"], row["binned"], row["state"], row["created"],
    )  # fmt: skip


def _new_ids(provider: Provider, *, work: bool) -> tuple[str, str]:
    """Ids of a drive and its root, in each provider's own form."""
    if provider == "google":
        return "0A" + secrets.token_urlsafe(12) + "PVA", "0A" + secrets.token_urlsafe(11)[
            :14
        ] + "PVA"
    if work:
        return "b!" + secrets.token_urlsafe(48), "01" + secrets.token_hex(16).upper()
    drive = secrets.token_hex(8)
    return drive, f"{drive.upper()}!s{secrets.token_hex(16)}"
