"""Storing one run of a version's chunks, each a pack of its own.

Several workers store runs of one version at once; whoever ends the last one shows the version.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy import func
from sqlalchemy.orm import Session

from balancecloud.errors import IntegrityError, Unavailable
from balancecloud.models.jobs import Job
from balancecloud.models.library import Version
from balancecloud.models.states import JobState, VersionState
from balancecloud.storage import flip, intents, runs, spooled, version_keys
from balancecloud.storage.clerk import Report
from balancecloud.storage.flip import Flipped
from balancecloud.storage.hold import hold
from balancecloud.storage.intents import Intended
from balancecloud.storage.loads import Load, Member
from balancecloud.storage.packing import VersionKeys
from balancecloud.storage.pipeline import Pipeline
from balancecloud.storage.spooled import SpooledUpload
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim, bury, finish

Stop = Callable[[], None]


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A run of chunks under way."""

    version: Version  # detached: facts only
    keys: VersionKeys
    source: SpooledUpload
    indexes: range
    intended: dict[int, Intended]

    def loads(self) -> Iterator[Load]:
        """Yield what is not stored yet, a load for each chunk."""
        for index in self.indexes:
            found = self.intended.get(index)
            if found is None or not found.is_complete:
                member = Member(self.version, index, self.keys, self.source)
                yield Load([member], _fail_whole, found if found and found.can_go_on else None)


def _fail_whole(_member: Member, error: IntegrityError | Unavailable) -> NoReturn:
    """End the run: without one of its chunks the version is nothing."""
    raise error


def store_run(tools: Tools, claim: Claim, report: Report, stop: Stop) -> list[Flipped]:
    """Store the run that a claim names and finish its work; return its version if it is shown now.

    `stop` is asked between steps and raises to end early. Raises LeaseLost, Cancelled, NoPlace, or
    the ProviderError that kept a shard from being stored; what is stored stays, and a repeat goes
    on from there.
    """
    with tools.sessions.begin() as session:
        run = _begin(session, tools, claim)
    if run is None:
        return []
    Pipeline(tools, claim, report, stop).run(run.loads(), lambda _load: None)
    stop()
    with tools.sessions.begin() as session:
        flipped = flip.finish_run(session, claim)
    for one in flipped:
        if one.upload_id is not None:
            tools.spool.remove(one.upload_id)
    return flipped


def _begin(session: Session, tools: Tools, claim: Claim) -> Run | None:
    """Mark the version as being stored and open its keys; None when there is nothing to do."""
    hold(session, claim)
    version = session.get(Version, claim.key, with_for_update=True)
    if version is None or version.state in {VersionState.STORED, VersionState.CANCELLED}:
        # It was rung twice or came too late.
        finish(session, claim)
        return None
    if version.state is VersionState.FAILED:
        # Until somebody asks for another try: this run is not stored, so it is not done either.
        bury(session, claim, version.error_code or IntegrityError.code)
        return None
    source = spooled.of_version(session, tools.keys, version.id)
    indexes = runs.indexes(session, version, claim.run)
    if source is None or not _holds(source, version, indexes):
        raise IntegrityError("length")
    _mark_running(session, claim, version)
    keys = _keys(session, tools, version)
    found = intents.of_chunks(session, version.id, indexes)
    session.flush()
    session.expunge(version)
    return Run(version, keys, source, indexes, found)


def _holds(source: SpooledUpload, version: Version, indexes: range) -> bool:
    """Say whether the spool holds what is to be stored: all of a version unless it arrives."""
    if version.state is VersionState.RECEIVING:
        return source.length >= indexes.stop * version.chunk_size
    return source.length == version.size


def _keys(session: Session, tools: Tools, version: Version) -> VersionKeys:
    user_key = version_keys.user_key(session, tools.keys, version.user_id, version.epoch)
    return VersionKeys(user_key, version_keys.file_key(version, user_key))


def _mark_running(session: Session, claim: Claim, version: Version) -> None:
    if version.state is not VersionState.RECEIVING:
        version.state = VersionState.STORING
    version.error_code = None
    job = session.get(Job, claim.job_id, with_for_update=True) if claim.job_id else None
    if job is not None and job.state in {JobState.QUEUED, JobState.RETRYING, JobState.NEEDS_YOU}:
        job.state = JobState.RUNNING
        job.started_at = job.started_at or session.scalar(func.now().select())
        job.retry_at = job.error_code = None
