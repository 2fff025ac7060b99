"""A whole BalanceCloud whose clouds, database and truth the test holds in its own hands."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from cloudsim.app import Running, Settings, running
from cloudsim.store.accounts import Account
from cloudsim.store.objects import Selection
from tests.journey.house import House, start

MOST_OBJECTS = 100_000
SETTINGS = {
    "DEMO": "0",
    "RATE_LIMITS": "0",
    "LEASE_SECONDS": "6",
    "HEARTBEAT_SECONDS": "2",
    "TICK_SECONDS": "1",
    "GOOGLE_CLIENT_ID": "balancecloud-demo",
    "MICROSOFT_CLIENT_ID": "balancecloud-demo",
}


@dataclass(frozen=True)
class StormyHouse:
    """The processes, the simulator of this process, and the database they write to."""

    house: House
    sim: Running
    engine: Engine

    def account(self, provider: str, address: str) -> Account:
        """Return the simulated account as it is now."""
        found = self.sim.simulator.services.accounts.find(provider, address)
        assert found is not None, address
        return found

    def revoke(self, provider: str, address: str) -> None:
        """The owner takes our access back at the provider."""
        self.sim.simulator.services.grants.revoke_all(self.account(provider, address).id)

    def fill_up(self, provider: str, address: str) -> None:
        """Leave no room for one more shard."""
        account = self.account(provider, address)
        self.sim.simulator.services.accounts.set_quota(account.id, account.used)

    def is_at_rest(self) -> bool:
        """Whether no work is due or under way."""
        return not self._number("SELECT count(*) FROM work WHERE state IN ('due', 'leased')")

    def stored_files(self) -> int:
        """Return how many files are committed as stored."""
        return self._number("SELECT count(*) FROM versions WHERE state = 'stored'")

    def has_stored_all(self) -> bool:
        """Whether every job that stores is done; fails once one has failed."""
        stores = "SELECT count(*) FROM jobs WHERE kind = 'store' AND state "
        assert not self._number(f"{stores} IN ('failed', 'cancelled')"), "a job failed"
        return not self._number(f"{stores} <> 'done'")

    def objects(self) -> Counter[str]:
        """Return the ids of all objects at the providers, with the number of each name."""
        services = self.sim.simulator.services
        ours = Selection("NOT folder AND length(name) = 32", ())
        return Counter(one.id for one in services.objects.select(ours, MOST_OBJECTS))

    def names_at_the_clouds(self) -> Counter[tuple[int, str]]:
        """Return how often each account holds each name."""
        services = self.sim.simulator.services
        ours = Selection("NOT folder AND length(name) = 32", ())
        found = services.objects.select(ours, MOST_OBJECTS)
        return Counter((one.account, one.name) for one in found)

    def shards_in_the_index(self) -> Counter[str]:
        """Return the provider's id of every shard that the index holds."""
        with self.engine.connect() as connection:
            rows = connection.execute(text("SELECT object_id FROM shards"))
            return Counter(str(row[0]) for row in rows)

    def confirmed_bytes(self, job_id: str) -> int:
        """Return the plaintext bytes of a job whose shards are all confirmed, by the rows."""
        return self._number(CONFIRMED, job=uuid.UUID(job_id))

    def total_bytes(self, job_id: str) -> int:
        """Return the size of a job's files."""
        query = "SELECT coalesce(sum(size), 0) FROM versions WHERE job_id = :job"
        return self._number(query, job=uuid.UUID(job_id))

    def unfinished_files(self, job_id: str) -> int:
        """Return how many versions of a job are not committed as stored."""
        return self._number(
            "SELECT count(*) FROM versions WHERE job_id = :job AND state <> 'stored'",
            job=uuid.UUID(job_id),
        )

    def account_states(self) -> dict[str, str]:
        """Return the state of every linked account, by its id."""
        with self.engine.connect() as connection:
            rows = connection.execute(text("SELECT id, state FROM cloud_accounts"))
            return {str(row[0]): str(row[1]) for row in rows}

    def _number(self, query: str, **values: object) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(query), values).scalar_one())


# A chunk counts once all k + m shards of its pack are confirmed; the last chunk may be shorter.
CONFIRMED = """
SELECT coalesce(sum(least(v.chunk_size, v.size - c.index::bigint * v.chunk_size)), 0)
FROM versions v JOIN chunks c ON c.version_id = v.id JOIN packs p ON p.id = c.pack_id
WHERE v.job_id = :job AND p.k + p.m = (
  SELECT count(*) FROM shards s WHERE s.pack_id = p.id AND s.state IN ('stored', 'verified'))
"""


@contextmanager
def stormy_house(folder: Path, database_url: str, seed: int) -> Iterator[StormyHouse]:
    """Run the house over a simulator of this process, with this seed for its weather."""
    secret = folder / "simulated_client"
    secret.touch(mode=0o600)
    secret.write_text("simulated-not-secret\n")
    with running(Settings(data=folder / "clouds", control=True)) as sim:
        sim.simulator.weather.reseed(seed)
        house = start(
            folder / "data",
            **SETTINGS,
            SIMULATOR_URL=sim.url,
            DATABASE_URL=database_url,
            GOOGLE_CLIENT_SECRET_FILE=str(secret),
            MICROSOFT_CLIENT_SECRET_FILE=str(secret),
        )
        engine = create_engine(database_url)
        try:
            yield StormyHouse(house, sim, engine)
        finally:
            engine.dispose()
            sim.simulator.weather.clear()
            house.stop()
