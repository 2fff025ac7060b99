"""What becomes of a version and its job when storing it stopped: each error gets a face.

later: ask again, with a reason and a time · waiting: for an account · never: failed with a reason.
"""

import logging
import sys
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from balancecloud.errors import (
    BalanceCloudError,
    Cancelled,
    IntegrityError,
    LeaseLost,
    NeedsUser,
    Temporary,
    Unavailable,
)
from balancecloud.models.jobs import Job, JobEvent, Work
from balancecloud.models.library import Version
from balancecloud.models.states import JobState, VersionState, WorkKind
from balancecloud.storage import completion, health, upkeep
from balancecloud.storage.hold import hold
from balancecloud.storage.parking import (
    Parking,
    has_cancelled,
    hold_accounts,
    look_for_who_came_back,
    park_beside,
    park_taken_along,
)
from balancecloud.storage.placement import NoPlace
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim, Paused, bury, finish, postpone

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 300.0
# After so many tries the waiting time has grown to the longest.
PATIENT_TRIES = 9
# Waiting for a person or an account: looked at again now and then, and at once when one is linked.
WAIT_SECONDS = 300.0
SAID_AGAIN_AFTER = timedelta(hours=1)


class KeepsDying(Exception):
    """Workers ended without a word while they did this, as often as it may be tried."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with work that stopped. `seconds` None: it is over."""

    job_state: JobState
    version_state: VersionState
    seconds: float | None
    is_a_try: bool


def judge(error: Exception, attempt: int, attempts: int) -> Verdict:
    """Decide: pure, so that every kind of error is seen in one place."""
    if isinstance(error, NoPlace | NeedsUser):
        return Verdict(JobState.NEEDS_YOU, VersionState.WAITING, WAIT_SECONDS, is_a_try=False)
    passes = isinstance(error, Temporary)
    if isinstance(error, IntegrityError) or (attempt >= attempts and not passes):
        return Verdict(JobState.FAILED, VersionState.FAILED, None, is_a_try=True)
    grown = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(attempt - 1, 10))
    told = error.retry_after if isinstance(error, Temporary) else None
    seconds = min(told, health.LONGEST_PAUSE_SECONDS) if told else grown
    # What passes by itself is asked ever more rarely, but never uses up the tries.
    is_a_try = not passes or attempt < min(PATIENT_TRIES, attempts)
    return Verdict(JobState.RETRYING, VersionState.QUEUED, seconds, is_a_try)


# A file of which not all is there is not given up, or a retry could never complete it: it fails
# by the same error once it arrived, or goes by its sender's wish.
UNTIL_ALL_IS_THERE = Verdict(
    JobState.RETRYING, VersionState.QUEUED, LONGEST_RETRY_SECONDS, is_a_try=False
)


def settle(tools: Tools, claim: Claim, error: Exception) -> None:
    """Record what stopped a claim. A lost lease is none of our business any more."""
    if isinstance(error, LeaseLost):
        return
    if isinstance(error, Paused):
        rest_paused(tools, claim)
        return
    try:
        with tools.sessions.begin() as session:
            hold(session, claim)
            gone = _record(session, tools, claim, error)
    except LeaseLost:
        return
    for upload_id in gone:
        tools.spool.remove(upload_id)


def rest_paused(tools: Tools, claim: Claim) -> None:
    """Give work of a paused job back without counting a try: it is not claimed until resumed."""
    try:
        with tools.sessions.begin() as session:
            hold(session, claim)
            postpone(session, claim, 0, Paused.code, counts_as_try=False)
    except LeaseLost:
        return


def _record(
    session: Session, tools: Tools, claim: Claim, error: Exception
) -> tuple[uuid.UUID, ...]:
    """Write the outcome down; return the uploads whose spool is to be emptied."""
    if isinstance(error, Cancelled) or _is_cancelling(session, claim):
        finish(session, claim)
        return tuple(cancel_job(session, claim.job_id)) if claim.job_id else ()
    code = error.code if isinstance(error, BalanceCloudError) else "internal_error"
    if claim.kind is WorkKind.FORM:
        _record_forming(session, claim, error, code)
        return ()
    verdict = judge(error, claim.attempt, tools.config.attempts)
    if verdict.seconds is None and _is_arriving(session, claim):
        verdict = UNTIL_ALL_IS_THERE
    if isinstance(error, IntegrityError):
        logger.error("An integrity check failed (%s) in work %s.", error.cause, claim.id)
    if verdict.seconds is None:
        bury(session, claim, code)
    else:
        postpone(session, claim, verdict.seconds, code, counts_as_try=verdict.is_a_try)
    # The job first: with its last version it ends, and the reason must be there by then.
    _show_in_job(session, claim, verdict, code)
    if claim.kind is WorkKind.STORE:
        _show_in_version(session, claim, verdict, code)
        _park_others(session, claim, verdict, code, error)
        return ()
    if claim.kind in upkeep.MENDING:
        upkeep.note_failure(session, claim)
    look_for_who_came_back(session, claim)
    return ()


def _record_forming(session: Session, claim: Claim, error: Exception, code: str) -> None:
    """Let the small chunks that were due wait. They fail each for itself, never together."""
    told = error if not isinstance(error, IntegrityError) else Unavailable()
    verdict = judge(told, claim.attempt, sys.maxsize)
    seconds = verdict.seconds or LONGEST_RETRY_SECONDS
    # What a person cancelled meanwhile is not to wait with the rest.
    rest = 0 if has_cancelled(session, claim) else seconds
    postpone(session, claim, rest, code, counts_as_try=verdict.is_a_try)
    parking = Parking(verdict.job_state, verdict.version_state, code, seconds)
    hold_accounts(session, claim.user_id)
    jobs = park_taken_along(session, claim, parking, counts_as_try=verdict.is_a_try)
    values = {"reason": code, "seconds": seconds, "attempt": claim.attempt}
    _say_postponed(session, jobs, code, values)
    _park_others(session, claim, verdict, code, error)


def _say_postponed(
    session: Session, job_ids: Collection[uuid.UUID], code: str, values: dict[str, Any]
) -> None:
    """Say in jobs why they wait, unless just that was said within the hour."""
    said = select(JobEvent.id).where(
        JobEvent.job_id == Job.id,
        JobEvent.code == "work.postponed",
        JobEvent.args["reason"].astext == code,
        JobEvent.at > func.now() - SAID_AGAIN_AFTER,
    )
    fresh = session.scalars(select(Job.id).where(Job.id.in_(job_ids), ~said.exists())).all()
    if fresh:
        event = {"level": "warn", "code": "work.postponed", "args": values}
        session.execute(insert(JobEvent), [{"job_id": job_id, **event} for job_id in fresh])


def _park_others(
    session: Session, claim: Claim, verdict: Verdict, code: str, error: Exception
) -> None:
    """Let the person's other files wait too when it is for their accounts that this one does."""
    if verdict.seconds is not None and isinstance(error, NoPlace | NeedsUser | Temporary):
        parking = Parking(verdict.job_state, verdict.version_state, code, verdict.seconds)
        park_beside(session, claim, parking)


def _is_cancelling(session: Session, claim: Claim) -> bool:
    """Return whether a person cancelled the job while this was on its way to fail."""
    state = session.scalar(select(Job.state).where(Job.id == claim.job_id))
    is_ours = claim.kind is WorkKind.STORE or claim.kind in upkeep.MENDING
    return is_ours and state is JobState.CANCELLING


def _is_arriving(session: Session, claim: Claim) -> bool:
    """Say whether a claim stores a version while it arrives; the job is locked."""
    state = session.scalar(select(Version.state).where(Version.id == claim.key))
    return claim.kind is WorkKind.STORE and state is VersionState.RECEIVING


def _show_in_version(session: Session, claim: Claim, verdict: Verdict, code: str) -> None:
    version = session.get(Version, claim.key, with_for_update=True)
    if version is None or version.state not in completion.UNFINISHED:
        return
    if version.state is VersionState.RECEIVING:
        return  # it goes on to arrive; its job says what keeps it from being stored meanwhile
    if verdict.version_state is VersionState.FAILED:
        completion.fail(session, version, code)
    else:
        version.state = verdict.version_state
        version.error_code = code


def _show_in_job(session: Session, claim: Claim, verdict: Verdict, code: str) -> None:
    job = session.get(Job, claim.job_id, with_for_update=True) if claim.job_id else None
    if job is None or job.state in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}:
        return
    if job.state is JobState.PAUSED and verdict.seconds is not None:
        return  # a person wants it to rest, whatever it would wait for
    if verdict.seconds is None:
        if claim.kind is WorkKind.DELETE:
            job.state, job.error_code = JobState.FAILED, code
            job.finished_at = session.scalar(func.now().select())
        else:
            job.error_code = code
    else:
        job.state, job.error_code = verdict.job_state, code
        job.retry_at = session.scalar(select(func.now() + timedelta(seconds=verdict.seconds)))
    values = {"reason": code, "seconds": verdict.seconds, "attempt": claim.attempt}
    if verdict.seconds is None:
        session.add(JobEvent(job_id=job.id, level="error", code="work.failed", args=values))
    elif not _was_said_lately(session, job, code):
        session.add(JobEvent(job_id=job.id, level="warn", code="work.postponed", args=values))


def _was_said_lately(session: Session, job: Job, reason: str) -> bool:
    """Return whether the same was the last to be said within the hour: waiting goes on for days."""
    last = session.execute(
        select(JobEvent.code, JobEvent.args, JobEvent.at > func.now() - SAID_AGAIN_AFTER)
        .where(JobEvent.job_id == job.id)
        .order_by(JobEvent.id.desc())
        .limit(1)
    ).one_or_none()
    return (
        last is not None
        and last[2]
        and (last[0], last[1].get("reason"))
        == (
            "work.postponed",
            reason,
        )
    )


def cancel_job(session: Session, job_id: uuid.UUID) -> list[uuid.UUID]:
    """End a job that a person cancelled: what is stored stays, what was on its way or failed goes.

    Returns the uploads whose spool is to be emptied once this is committed.
    """
    session.scalars(
        select(Work.id).where(Work.job_id == job_id).order_by(Work.id).with_for_update()
    ).all()
    gone = []
    for version in completion.unstored_versions(session, job_id):
        upload_id = completion.withdraw(session, version, VersionState.CANCELLED)
        if upload_id is not None:
            gone.append(upload_id)
    upkeep.give_up(session, job_id)
    job = session.get_one(Job, job_id, with_for_update=True, populate_existing=True)
    job.state = JobState.CANCELLED
    job.files_failed = 0
    job.finished_at = session.scalar(func.now().select())
    job.retry_at = None
    session.add(JobEvent(job_id=job.id, code="job.cancelled", args={"stored": job.files_stored}))
    return gone
