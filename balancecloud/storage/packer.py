"""Forming packs of one person's small chunks, across all their files and jobs that are due.

One claim (its key is the person) takes the chunks' own work along, without a lease of its own:
whoever takes a file back changes that row, and this claim sees it before each commit.
"""

import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from balancecloud.errors import IntegrityError, Unavailable
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Version
from balancecloud.models.states import JobState, VersionState, WorkKind, WorkState
from balancecloud.storage import flip, outcome, spooled, version_keys, waiting
from balancecloud.storage.clerk import Report
from balancecloud.storage.completion import UNFINISHED
from balancecloud.storage.hold import (
    hold,
    hold_jobs,
    lock_job_of,
    lock_jobs,
    lock_versions,
    still_due,
)
from balancecloud.storage.loads import Load, Member
from balancecloud.storage.packing import VersionKeys
from balancecloud.storage.pipeline import Pipeline
from balancecloud.storage.tools import Tools
from balancecloud.storage.waiting import Batch, Group, Waiting
from balancecloud.storage.work import TAIL, Claim, Paused, finish, not_paused, postpone, take

Stop = Callable[[], None]
# A person who pauses is obeyed within two seconds.
SECONDS_BETWEEN_LOOKS: Final = 1.0
_TO_BE_RUN = (JobState.QUEUED, JobState.RETRYING, JobState.NEEDS_YOU)


def form_packs(tools: Tools, claim: Claim, report: Report, stop: Stop) -> None:
    """Store what is due of a person's small chunks, a few packs, and rest until there is more.

    Raises as `store_run` does; what is stored stays. A file that cannot be read or sealed is
    settled by itself and keeps no other.
    """
    _obey(tools, claim)
    with tools.sessions() as session:
        batch = waiting.next_batch(session, tools.config, claim.user_id)
    if batch.groups:
        _Forming(tools, claim, report).run(batch, stop)
        _obey(tools, claim)
    _rest(tools, claim, batch.rest_seconds)


@dataclass(frozen=True, slots=True)
class _Forming:
    """A batch of packs under way."""

    tools: Tools
    claim: Claim
    report: Report

    def run(self, batch: Batch, stop: Stop) -> None:
        groups = _begin(self.tools, self.claim, batch.groups)
        complete = [g for g in groups if g.intended is not None and g.intended.is_complete]
        for group in complete:
            self._end({one.version_id: one.work_id for one in group.waiting}, group)
        rest = [group for group in groups if group not in complete]
        if rest:
            self._send(rest, _PauseWatch(self.tools, rest, stop))

    def _send(self, groups: Sequence[Group], stop: Stop) -> None:
        try:
            loads = self._loads(groups)
            Pipeline(self.tools, self.claim, self.report, stop).run(loads, self._stored)
            stop()
        except Paused:
            _uncount_tries(self.tools, [one.work_id for one in _every(groups)])
            raise

    def _loads(self, groups: Sequence[Group]) -> Iterator[Load]:
        members = _members(self.tools, groups)
        settling = _Settling(self.tools, self.claim)
        for group in groups:
            found = []
            for one in group.waiting:
                if one.attempt >= self.tools.config.attempts:
                    settling.settle(one.work_id, outcome.KeepsDying())
                elif one.work_id in members:
                    found.append(members[one.work_id])
                else:
                    settling.settle(one.work_id, IntegrityError("length"))
            if found:
                is_whole = len(found) == len(group.waiting)
                yield Load(found, settling.spoiled, group.intended if is_whole else None)

    def _stored(self, load: Load) -> None:
        """End the members' work and show their versions, in one transaction."""
        work = {m.version.id: m.work_id for m in load.members if m.work_id}
        jobs = {m.version.job_id for m in load.members if m.version.job_id}
        self._finish(work, jobs)

    def _end(self, work: dict[uuid.UUID, uuid.UUID], group: Group) -> None:
        self._finish(work, {one.job_id for one in group.waiting if one.job_id})

    def _finish(self, work: dict[uuid.UUID, uuid.UUID], jobs: Collection[uuid.UUID]) -> None:
        with self.tools.sessions.begin() as session:
            flipped = flip.finish_taken_along(session, self.claim, jobs, work)
        for one in flipped:
            if one.upload_id is not None:
                self.tools.spool.remove(one.upload_id)


class _PauseWatch:
    """Asks `stop` and, once a second, whether all that is taken along was paused meanwhile.

    A pack with a chunk of a job that goes on is ended: others depend on it.
    """

    def __init__(self, tools: Tools, groups: Sequence[Group], stop: Stop) -> None:
        self._tools = tools
        self._stop = stop
        self._jobs = {one.job_id for group in groups for one in group.waiting}
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._is_paused = False

    def __call__(self) -> None:
        """Raise what `stop` does, or Paused."""
        self._stop()
        now = self._tools.clock.monotonic()
        with self._lock:
            if None not in self._jobs and now - self._looked_at >= SECONDS_BETWEEN_LOOKS:
                self._is_paused = self._read()
                self._looked_at = now
        if self._is_paused:
            raise Paused

    def _read(self) -> bool:
        going_on = select(Job.id).where(Job.id.in_(self._jobs), Job.state != JobState.PAUSED)
        with self._tools.sessions() as session:
            return session.scalar(going_on.limit(1)) is None


class _Settling:
    """Settles, each for itself, members that cannot be read or sealed."""

    def __init__(self, tools: Tools, claim: Claim) -> None:
        self._tools = tools
        self._claim = claim
        self._lock = threading.Lock()

    def spoiled(self, member: Member, error: IntegrityError | Unavailable) -> None:
        """Settle a member that cannot be read or sealed."""
        if member.work_id is None:
            raise error
        self.settle(member.work_id, error)

    def settle(self, work_id: uuid.UUID, error: Exception) -> None:
        """Record what stopped it as if it had been claimed alone."""
        lease = self._tools.config.lease_seconds
        with self._lock:
            with self._tools.sessions.begin() as session:
                # The row changes twice, which has the database lock its job: jobs come first.
                lock_job_of(session, work_id)
                # The batch counted this try already.
                session.execute(
                    update(Work)
                    .where(Work.id == work_id, Work.state == WorkState.DUE)
                    .values(attempt=Work.attempt - 1)
                )
                alone = take(session, work_id, self._claim.owner, lease)
            if alone is not None:
                outcome.settle(self._tools, alone, error)


def _begin(tools: Tools, claim: Claim, groups: Sequence[Group]) -> list[Group]:
    """Show what is taken along as being stored, and count the try.

    A group of which something was taken back meanwhile is left to the next claim.
    """
    every = _every(groups)
    jobs = {one.job_id for one in every if one.job_id}
    with tools.sessions.begin() as session:
        hold_jobs(session, claim, jobs)
        due = still_due(session, [one.work_id for one in every])
        versions = [one.version_id for one in every if one.work_id in due]
        _mark_running(session, versions, due, jobs)
    return [group for group in groups if due.issuperset(one.work_id for one in group.waiting)]


def _mark_running(
    session: Session,
    versions: Collection[uuid.UUID],
    due: Collection[uuid.UUID],
    jobs: Collection[uuid.UUID],
) -> None:
    session.execute(
        update(Work)
        .where(Work.id.in_(due))
        .values(attempt=Work.attempt + 1)
        .execution_options(synchronize_session=False)
    )
    wanted = (Version.id.in_(versions), Version.state.in_(UNFINISHED))
    session.execute(
        update(Version)
        .where(Version.id.in_(lock_versions(session, *wanted)))
        .values(state=VersionState.STORING, error_code=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Job)
        .where(Job.id.in_(jobs), Job.state.in_(_TO_BE_RUN))
        .values(
            state=JobState.RUNNING,
            started_at=func.coalesce(Job.started_at, func.now()),
            retry_at=None,
            error_code=None,
        )
        .execution_options(synchronize_session=False)
    )


def _uncount_tries(tools: Tools, work_ids: Collection[uuid.UUID]) -> None:
    """Take back the try that was counted at the beginning: a pause is none."""
    with tools.sessions.begin() as session:
        session.execute(
            update(Work)
            .where(Work.id.in_(still_due(session, work_ids)), Work.attempt > 0)
            .values(attempt=Work.attempt - 1)
            .execution_options(synchronize_session=False)
        )


def _every(groups: Sequence[Group]) -> list[Waiting]:
    return [one for group in groups for one in group.waiting]


def _members(tools: Tools, groups: Sequence[Group]) -> dict[uuid.UUID, Member]:
    """Open what sealing needs of everything in these groups; by the chunk's work."""
    every = _every(groups)
    ids = [one.version_id for one in every]
    with tools.sessions() as session:
        versions = {v.id: v for v in session.scalars(select(Version).where(Version.id.in_(ids)))}
        sources = spooled.of_versions(session, tools.keys, ids)
        owners = {(version.user_id, version.epoch) for version in versions.values()}
        user_keys = {owner: version_keys.user_key(session, tools.keys, *owner) for owner in owners}
        session.expunge_all()
    members = {}
    for one in every:
        version, source = versions.get(one.version_id), sources.get(one.version_id)
        if version is not None and source is not None and source.length == version.size:
            user_key = user_keys[version.user_id, version.epoch]
            keys = VersionKeys(user_key, version_keys.file_key(version, user_key))
            members[one.work_id] = Member(version, one.index, keys, source, one.work_id)
    return members


def _obey(tools: Tools, claim: Claim) -> None:
    """End the jobs a person cancelled of which small chunks wait: nobody else would."""
    cancelled = (
        select(Work.job_id)
        .join(Job, Job.id == Work.job_id)
        .where(*_waits(claim), Job.state == JobState.CANCELLING)
        .distinct()
    )
    with tools.sessions() as session:
        jobs = sorted(job for job in session.scalars(cancelled) if job is not None)
    for job_id in jobs:
        with tools.sessions.begin() as session:
            lock_jobs(session, [job_id])
            hold(session, claim)
            is_so = Job.state == JobState.CANCELLING
            if session.scalar(select(Job.id).where(Job.id == job_id, is_so)) is None:
                continue
            gone = outcome.cancel_job(session, job_id)
        for upload_id in gone:
            tools.spool.remove(upload_id)


def _rest(tools: Tools, claim: Claim, seconds: float) -> None:
    """End the claim, or have it due when the next small chunk is, or has waited for company."""
    first = func.min(func.extract("epoch", Work.due_at - func.statement_timestamp()))
    with tools.sessions.begin() as session:
        # Locked before looking: whoever adds a chunk meanwhile waits for this row.
        hold(session, claim)
        until = session.scalar(select(first).where(*_waits(claim), not_paused()))
        if until is None:
            finish(session, claim)
            return
        postpone(session, claim, max(seconds, float(until), 0.0), "company", counts_as_try=False)
        # It went well: what fails next is the first to fail.
        session.execute(update(Work).where(Work.id == claim.id).values(attempt=0))


def _waits(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        Work.user_id == claim.user_id,
        Work.kind == WorkKind.STORE,
        Work.run == TAIL,
        Work.state == WorkState.DUE,
    )
