"""What the simulator remembers of rows is forgotten as soon as one of them changes."""

from pathlib import Path

import pytest

from cloudsim.clock import Clock
from cloudsim.store.accounts import Accounts
from cloudsim.store.database import Database
from cloudsim.store.memory import Memory
from tests.cloudsim.client import Browser, drive_of


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "rows.sqlite3", Clock())


def test_what_is_remembered_is_read_once_until_a_row_changes(database: Database) -> None:
    accounts = Accounts(database, Clock())
    account = accounts.open("google", "anna@example.com")
    memory: Memory[str, str] = Memory(database, "accounts")
    readings: list[str] = []

    def read() -> str:
        readings.append("read")
        return "value"

    assert [memory.find("key", read) for _ in range(3)] == ["value"] * 3
    assert len(readings) == 1
    accounts.set_quota(account.id, 5)
    memory.find("key", read)
    assert len(readings) == 2


def test_what_is_not_there_is_looked_for_again(database: Database) -> None:
    memory: Memory[str, str] = Memory(database, "sign-ins")
    assert memory.find("key", lambda: None) is None
    assert memory.find("key", lambda: "now") == "now"


@pytest.mark.sim
def test_a_removed_person_is_signed_out_at_once(browser: Browser) -> None:
    drive = drive_of(browser, "anna@example.com")
    assert drive.send("GET", "drive/v3/about?fields=user").status == 200
    assert browser.send("POST", "/_sim/reset").status == 200
    assert drive.send("GET", "drive/v3/about?fields=user").status == 401


@pytest.mark.sim
def test_what_was_stored_counts_in_the_next_answer(browser: Browser) -> None:
    drive = drive_of(browser, "anna@example.com")
    for stored in range(1, 4):
        drive.upload({"name": "one"}, b"12345")
        assert drive.quota()["usage"] == str(5 * stored)
