"""What must be true at the end; each way in which it is not is a sentence."""

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import requests

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.library import upload_ids
from tests.journey.client import PASSWORD, Program
from tests.soak.people import CANARY, Person
from tests.soak.soak_house import SoakHouse

# Counts that are 0 in a library at rest.
LEAKS: Final = {
    "people whose reserved bytes are not those of their uploads": """
        SELECT count(*) FROM users u WHERE reserved_bytes <> (
          SELECT coalesce(sum(reserved_bytes), 0) FROM uploads p WHERE p.user_id = u.id)""",
    "people whose used bytes are not those of their versions": """
        SELECT count(*) FROM users u WHERE used_bytes <> (
          SELECT coalesce(sum(size), 0) FROM versions v WHERE v.user_id = u.id
          AND v.state IN ('stored', 'degraded', 'unreadable', 'lost'))""",
    "accounts whose stored bytes are not those of their shards": """
        SELECT count(*) FROM cloud_accounts a WHERE state <> 'unlinked' AND stored_bytes <> (
          SELECT coalesce(sum(length), 0) FROM shards s WHERE s.account_id = a.id)""",
    "versions that are not stored whole": """
        SELECT count(*) FROM versions WHERE state NOT IN ('stored', 'cancelled', 'failed')""",
    "files that show no version": """
        SELECT count(*) FROM nodes n WHERE kind = 'file' AND version IS NULL AND NOT EXISTS (
          SELECT 1 FROM versions v WHERE v.file_id = n.file_id AND v.state = 'failed')""",
    "versions without a file": """
        SELECT count(*) FROM versions v WHERE v.state = 'stored'
        AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.file_id = v.file_id)""",
    "packs without a chunk": """
        SELECT count(*) FROM packs p
        WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.pack_id = p.id)""",
    "packs without all their shards": """
        SELECT count(*) FROM packs p WHERE p.k + p.m <> (
          SELECT count(*) FROM shards s JOIN cloud_accounts a ON a.id = s.account_id
          WHERE s.pack_id = p.id AND a.state <> 'unlinked')""",
    "packs that survive no loss": "SELECT count(*) FROM packs WHERE m <> 1",
    "leases": "SELECT count(*) FROM work WHERE owner IS NOT NULL OR lease_until IS NOT NULL",
    "transactions that waited in a ring": """
        SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()""",
    "uploads of what did not fail": """
        SELECT count(*) FROM uploads u JOIN versions v ON v.id = u.version_id
        WHERE v.state <> 'failed'""",
}
# An account is forgotten once no shard refers to it.
STANDING: Final = """
SELECT a.provider, a.address, s.object_id, s.name
FROM cloud_accounts a LEFT JOIN shards s ON s.account_id = a.id WHERE a.state <> 'unlinked'
"""
ENDS: Final = """
SELECT CAST(j.id AS text), j.state, j.error_code, CAST(v.file_id AS text), v.state, v.error_code,
  v.sha256 FROM jobs j LEFT JOIN versions v ON v.job_id = j.id
WHERE j.kind = 'store' AND j.user_id = (SELECT id FROM users WHERE email = :email)
"""
STORED: Final = """
SELECT CAST(n.id AS text), v.number, v.sha256 FROM nodes n JOIN versions v ON v.file_id = n.file_id
WHERE v.state = 'stored' AND n.user_id = (SELECT id FROM users WHERE email = :email)
"""
# Neither wanted nor explained: a process that met what nobody caught, or rows that were locked.
ALARMS: Final = re.compile(
    r"^Traceback|unexpected error| met \w+ in|a part of this server is down|integrity"
    r"|Looking after .* failed|Rooms could not be read|the database"
    r"|Exception in thread|Error handling request",
    re.IGNORECASE | re.MULTILINE,
)


def judge(house: SoakHouse, people: Sequence[Person]) -> list[str]:
    """Return all that is not as it must be."""
    faults = [f"{count} {what}" for what in LEAKS if (count := house.number(LEAKS[what]))]
    faults += _orphans(house)
    faults += _forgotten_spool(house)
    for person in people:
        faults += person.ledger.lies
        faults += _broken_promises(house, person)
        faults += _unequal_files(house, person)
    words = [person.program.session.headers["Authorization"] for person in people]
    secrets = [*house.secrets(), PASSWORD, CANARY, *(str(w).partition(" ")[2] for w in words)]
    for name, log in house.logs().items():
        faults += [f"{name} logged a secret" for secret in secrets if secret in log]
        faults += alarms(name, log)
    return faults


def _forgotten_spool(house: SoakHouse) -> Iterator[str]:
    """Look for sealed parts that no upload names; only what failed may have any.

    A web process that was killed between a small file's bytes and its row leaves them: the chore
    lets ten minutes pass, as the row might still come.
    """
    known = {row[0] for row in house.rows("SELECT id FROM uploads")}
    now = SYSTEM_CLOCK.now()
    for path in house.spool.glob("??/*"):
        upload = uuid.UUID(path.name)
        if upload not in known and not upload_ids.may_get_a_row(upload, now):
            yield f"the spool keeps {path.name}"


def _orphans(house: SoakHouse) -> Iterator[str]:
    """Compare each linked account with the index, both ways."""
    index: dict[tuple[str, str], dict[str, str]] = {}
    for provider, address, object_id, name in house.rows(STANDING):
        shards = index.setdefault((provider, address), {})
        if name is not None:
            shards[object_id] = name
    for (provider, address), shards in index.items():
        there = house.sky.shards(provider, address)
        lacking, surplus = len(shards.keys() - there.keys()), len(there.keys() - shards.keys())
        if there != shards:
            yield f"{provider} {address} lacks {lacking} shards and has {surplus} too many"


def _broken_promises(house: SoakHouse, person: Person) -> Iterator[str]:
    """Look for acknowledged uploads that are not stored and do not say why."""
    jobs: dict[str, tuple[str, str | None]] = {}
    versions: Counter[tuple[str, str, bytes]] = Counter()
    failed: set[tuple[str, str]] = set()
    for job_id, state, error, file_id, version_state, cause, digest in house.rows(
        ENDS, email=person.program.email
    ):
        jobs[job_id] = (state, error)
        if version_state == "stored":
            versions[job_id, file_id, bytes(digest)] += 1
        elif version_state == "failed" and cause:
            failed.add((job_id, file_id))
    for one in person.ledger.held():
        if (one.job_id, one.node_id) in failed:
            person.ledger.count("upload ended", f"failed: {jobs[one.job_id][1]}")
        elif not versions[one.job_id, one.node_id, one.content.sha256]:
            yield f"{one} is not stored: its job is {jobs.get(one.job_id)}"
        else:
            person.ledger.count("upload ended", "stored")


def _unequal_files(house: SoakHouse, person: Person) -> Iterator[str]:
    """Read every version of every file, acknowledged or not, and compare it with what was sent."""
    for node_id, number, digest in house.rows(STORED, email=person.program.email):
        if bytes(digest) not in person.ledger.sent:
            yield f"version {number} of {node_id} was never sent"
            continue
        try:
            found = read_version(person.program, node_id, number)
        except requests.RequestException as problem:
            yield f"version {number} of {node_id} does not read: {type(problem).__name__}"
            continue
        if found != bytes(digest):
            yield f"version {number} of {node_id} reads otherwise"


def read_version(program: Program, node_id: str, number: int) -> bytes:
    """Return the hash of a version as it is handed out."""
    digest = hashlib.sha256()
    url = f"{program.base}/api/files/{node_id}/download"
    with program.session.get(url, params={"version": number}, stream=True, timeout=120) as answer:
        answer.raise_for_status()
        for piece in answer.iter_content(1 << 20):
            digest.update(piece)
    return digest.digest()


def alarms(name: str, log: str) -> Iterator[str]:
    """Yield each line of a log that tells of something nobody caught, with what follows it."""
    for found in ALARMS.finditer(log):
        begin = log.rfind("\n", 0, found.start()) + 1
        yield f"{name}: {log[begin : begin + 1500]}"
