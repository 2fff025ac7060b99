"""Fair weather again: people do what the pages ask of them, and everything comes to rest."""

import time
from collections.abc import Sequence
from typing import Final

from tests.soak.people import Person
from tests.soak.soak_house import SoakHouse

# A request that died holds its upload's lease for two minutes, and a chore looks once a minute.
# What waits for an account is looked at every five minutes, and what a killed mender left behind
# every ten.
PATIENCE_SECONDS: Final = 900
QUIET_LOOKS: Final = 6  # half a second apart
OPEN: Final = "('queued', 'running', 'retrying', 'paused', 'needs_you', 'cancelling')"
# What has still to happen, each as a count that must be 0.
UNREST: Final = {
    "work": "SELECT count(*) FROM work WHERE state IN ('due', 'leased')",
    "jobs": f"SELECT count(*) FROM jobs WHERE state IN {OPEN}",
    # Of what failed the spool keeps what a person may retry.
    "uploads": """
        SELECT count(*) FROM uploads u JOIN versions v ON v.id = u.version_id
        WHERE v.state <> 'failed'""",
    "versions on their way": (
        "SELECT count(*) FROM versions WHERE state IN ('receiving', 'queued', 'storing', 'waiting')"
    ),
    "packs to be removed": "SELECT count(*) FROM packs WHERE cleanup_job_id IS NOT NULL",
    "packs that replace others": "SELECT count(*) FROM packs WHERE replaces_id IS NOT NULL",
    "shards on their way": (
        "SELECT count(*) FROM shards WHERE state NOT IN ('stored', 'verified')"
    ),
}
LINKED: Final = """
SELECT CAST(a.id AS text) AS id, a.provider, a.address
FROM cloud_accounts a JOIN users u ON u.id = a.user_id
WHERE u.email = :email AND a.state <> 'unlinked'
"""


def settle(house: SoakHouse, people: Sequence[Person], seed: int) -> None:
    """Let the weather be fair and everybody be there, and wait until nothing is left to do."""
    house.sky.clear(seed)
    house.machines.start_missing()
    for person in people:
        _look_after(house, person)
    wait_for_rest(house)
    # The chores that run every ten minutes run at a start: now they find what there is to find.
    house.machines.kill("tick")
    house.machines.start_missing()
    wait_for_rest(house)


def wait_for_rest(house: SoakHouse) -> None:
    """Wait until nothing has been left to do for a while; fails, saying what it is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    quiet = 0
    while quiet < QUIET_LOOKS:
        left = {what: count for what in UNREST if (count := house.number(UNREST[what]))}
        quiet = 0 if left else quiet + 1
        assert time.monotonic() < deadline, (left, _what_waits(house))
        time.sleep(0.5)


def _look_after(house: SoakHouse, person: Person) -> None:
    """Sign in, give each grant anew that was taken back, have each account looked at."""
    program = person.program.sign_in()
    # One may have been linked although the answer was lost.
    linked = house.rows(LINKED, email=program.email)
    person.accounts = {one.id: (one.provider, one.address) for one in linked}
    for account_id, (provider, address) in person.accounts.items():
        house.sky.preset(provider, address, "fair")
        url = f"{program.base}/api/cloud-accounts/{account_id}/refresh"
        if not program.session.post(url, timeout=60).ok:
            person.sign_in_again(account_id)
    person.ask_for_protection(1)


def _what_waits(house: SoakHouse) -> list[str]:
    query = """
    SELECT w.kind, w.run, w.state, w.due_at - now() AS due_in, w.attempt, w.reason, j.state
    FROM work w LEFT JOIN jobs j ON j.id = w.job_id WHERE w.state <> 'done' LIMIT 20
    """
    accounts = """
    SELECT provider, state, state_reason, now() - state_since, paused_until - now(), token_version,
      (SELECT count(*) FROM shards WHERE account_id = a.id) AS shards
    FROM cloud_accounts a
    """
    return [str(tuple(row)) for row in (*house.rows(query), *house.rows(accounts))]
