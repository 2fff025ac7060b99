"""Storing one version: its chunks are sealed, coded, spread over the accounts, and confirmed.

    spool -> seal -> code -> place -> intent rows -> put in parallel -> shard rows -> one commit

Two chunks are under way at once, so that sealing overlaps sending; memory is bounded by them.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func
from sqlalchemy.orm import Session

from balancecloud.errors import IntegrityError
from balancecloud.models.jobs import Job
from balancecloud.models.library import Version
from balancecloud.models.states import JobState, VersionState
from balancecloud.storage import completion, spooled, version_keys
from balancecloud.storage.hold import hold
from balancecloud.storage.packing import VersionKeys
from balancecloud.storage.placing import Target, place_chunk
from balancecloud.storage.spooled import SpooledUpload
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim, finish

CHUNKS_AT_ONCE = 2
# Versions in these states need nothing stored: the claim was rung twice or came too late.
SETTLED = (VersionState.STORED, VersionState.CANCELLED, VersionState.FAILED)


@dataclass(frozen=True, slots=True)
class StoreProgress:
    """Where a version stands; absolute figures, in bytes and shards."""

    version_id: uuid.UUID
    sealed_bytes: int
    stored_bytes: int


Report = Callable[[StoreProgress], None]
Stop = Callable[[], None]


@dataclass(frozen=True, slots=True, repr=False)
class Storing:
    """One version under way."""

    tools: Tools
    claim: Claim
    version: Version  # detached: facts only
    keys: VersionKeys
    source: SpooledUpload


def store_version(tools: Tools, claim: Claim, report: Report, stop: Stop) -> None:
    """Store the version that a claim names, commit it as stored, and finish the work.

    `stop` is asked between steps and raises to end early. Raises LeaseLost, Cancelled, NoPlace, or
    the ProviderError that kept a shard from being stored; what is stored stays, and a repeat goes
    on from there.
    """
    storing = _begin(tools, claim)
    if storing is None:
        return
    _store_chunks(storing, report, stop)
    stop()
    completion.commit_stored(tools, claim, storing.version.id)
    tools.spool.remove(storing.source.upload_id)


def _begin(tools: Tools, claim: Claim) -> Storing | None:
    """Mark the version as being stored and open its keys; None when there is nothing to do."""
    with tools.sessions.begin() as session:
        hold(session, claim)
        version = session.get(Version, claim.key, with_for_update=True)
        if version is None or version.state in SETTLED:
            finish(session, claim)
            return None
        source = spooled.of_version(session, tools.keys, version.id)
        if source is None or source.length != version.size:
            raise IntegrityError("length")
        _mark_running(session, claim, version)
        user_key = version_keys.user_key(session, tools.keys, version.user_id, version.epoch)
        keys = VersionKeys(user_key, version_keys.file_key(version, user_key))
        session.flush()
        session.expunge(version)
        return Storing(tools, claim, version, keys, source)


def _mark_running(session: Session, claim: Claim, version: Version) -> None:
    version.state = VersionState.STORING
    version.error_code = None
    job = session.get(Job, claim.job_id, with_for_update=True) if claim.job_id else None
    if job is not None and job.state in {JobState.QUEUED, JobState.RETRYING, JobState.NEEDS_YOU}:
        job.state = JobState.RUNNING
        job.started_at = job.started_at or session.scalar(func.now().select())
        job.retry_at = job.error_code = None


def _store_chunks(storing: Storing, report: Report, stop: Stop) -> None:
    """Store every chunk, two at a time; the first failure ends the rest."""
    failed = threading.Event()
    figures = _Figures(storing.version, report)

    def step(index: int) -> None:
        if failed.is_set():
            return
        stop()
        target = Target(storing.tools, storing.claim, storing.version, storing.keys, index)
        place_chunk(target, lambda: _plaintext(storing, index), figures.sealed)
        figures.stored(index)

    total = max(1, -(-storing.version.size // storing.version.chunk_size))
    with ThreadPoolExecutor(CHUNKS_AT_ONCE, thread_name_prefix="chunk") as pool:
        _run_windowed(pool, (partial(step, index) for index in range(total)), failed)


def _run_windowed(
    pool: ThreadPoolExecutor, steps: Iterator[Callable[[], None]], failed: threading.Event
) -> None:
    """Run steps with few waiting at once; raise the first failure after the others ended."""
    running: set[Future[None]] = set()
    for step in steps:
        if failed.is_set():
            break
        running.add(pool.submit(step))
        if len(running) > CHUNKS_AT_ONCE:
            running = _reap(running, failed, all_of_them=False)
    while running:
        running = _reap(running, failed, all_of_them=True)


def _reap(
    running: set[Future[None]], failed: threading.Event, *, all_of_them: bool
) -> set[Future[None]]:
    when = FIRST_EXCEPTION if all_of_them else "FIRST_COMPLETED"
    done, rest = wait(running, return_when=when)
    problems = [problem for future in done if (problem := future.exception())]
    if problems:
        failed.set()
        wait(rest)
        raise problems[0]
    return rest


def _plaintext(storing: Storing, index: int) -> bytes:
    begin = index * storing.version.chunk_size
    end = min(begin + storing.version.chunk_size, storing.version.size)
    return storing.source.read(storing.tools.spool, begin, end)


class _Figures:
    """Adds up what this run did and reports it; steps run in several threads."""

    def __init__(self, version: Version, report: Report) -> None:
        self._version = version
        self._report = report
        self._lock = threading.Lock()
        self._sealed: set[int] = set()
        self._stored: set[int] = set()

    def sealed(self, index: int) -> None:
        self._add(self._sealed, index)

    def stored(self, index: int) -> None:
        self._sealed.add(index)
        self._add(self._stored, index)

    def _add(self, indexes: set[int], index: int) -> None:
        with self._lock:
            indexes.add(index)
            now = StoreProgress(
                self._version.id, self._bytes(self._sealed), self._bytes(self._stored)
            )
        self._report(now)

    def _bytes(self, indexes: set[int]) -> int:
        chunk, size = self._version.chunk_size, self._version.size
        last = max(1, -(-size // chunk)) - 1
        whole = len(indexes) - (last in indexes)
        return whole * chunk + (size - last * chunk if last in indexes else 0)
