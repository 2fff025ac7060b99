"""Parking a person's other work where none of their accounts can be asked just now.

Else ten thousand files would each be claimed, opened and refused, again and again, while the one
account they wait for rests. Rows that somebody else holds are left: their holder settles them.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, extract, func, select, update
from sqlalchemy.orm import Session

from balancecloud.models.clouds import CloudAccount
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Version
from balancecloud.models.states import AccountState, JobState, VersionState, WorkKind, WorkState
from balancecloud.storage import health
from balancecloud.storage.work import TAIL, Claim

# In one transaction: 0.4 s on two cores. The next file that is refused parks as many again.
AT_MOST: Final = 10_000
SOON_SECONDS: Final = 2.0
_PARKED = (JobState.QUEUED, JobState.RETRYING, JobState.NEEDS_YOU)


@dataclass(frozen=True, slots=True)
class Parking:
    """What is shown of work that waits: the states, the reason, and for how long at most."""

    job_state: JobState
    version_state: VersionState
    reason: str
    seconds: float


def park_beside(session: Session, claim: Claim, parking: Parking) -> int:
    """Park a person's store work while no account of theirs may be asked; return how much.

    It is due again when the first of them may, and at once when one comes back. The work of the
    claim was given back before; if an account came back while it was, it is due soon instead.
    """
    look_for_who_came_back(session, claim)
    if health.usable(session, claim.user_id):
        return 0
    seconds = min(parking.seconds, _first_back(session, claim.user_id) or parking.seconds)
    parked = _postpone(session, claim, parking, seconds)
    _show_in_versions(session, [row.key for row in parked], parking)
    others = {row.job_id for row in parked if row.job_id} - {claim.job_id}
    _show_in_jobs(session, others, parking, seconds)
    return len(parked)


def look_for_who_came_back(session: Session, claim: Claim) -> None:
    """Have a claim that was given back due soon if an account came back while it was held.

    Whoever brought the account back woke what waited then, and this did not. The accounts stay
    locked until the commit.
    """
    hold_accounts(session, claim.user_id)
    if _came_back_meanwhile(session, claim):
        soon = _in(SOON_SECONDS)
        session.execute(
            update(Work).where(Work.id == claim.id, Work.due_at > soon).values(due_at=soon)
        )


def hold_accounts(session: Session, user_id: uuid.UUID) -> None:
    """Let no account come back until this is committed: whoever brings it back wakes it all then.

    Accounts are locked by id and after versions, as everybody does; what follows waits for nobody.
    Nothing that waits is locked before: it is what those want who hold an account that came back.
    """
    session.scalars(
        select(CloudAccount.id)
        .where(CloudAccount.user_id == user_id)
        .order_by(CloudAccount.id)
        .with_for_update(read=True)
    ).all()


def _came_back_meanwhile(session: Session, claim: Claim) -> bool:
    """Return whether an account turned healthy since this work was taken, and may not have seen."""
    found = session.scalar(
        select(CloudAccount.id)
        .where(
            CloudAccount.user_id == claim.user_id,
            CloudAccount.state == AccountState.HEALTHY,
            CloudAccount.state_reason.is_(None),
            CloudAccount.state_since > claim.since,
            ~health.is_away(),
        )
        .limit(1)
    )
    return found is not None


def park_taken_along(
    session: Session, claim: Claim, parking: Parking, *, counts_as_try: bool
) -> set[uuid.UUID]:
    """Park the small chunks of which a claim was to form packs; return the jobs that show it.

    The accounts were held before.
    """
    is_due = (
        *_taken_along(claim),
        Work.due_at <= func.statement_timestamp(),
        Work.job_id.is_(None) | Work.job_id.not_in(_cancelled(claim)),
    )
    tries = Work.attempt if counts_as_try else func.greatest(0, Work.attempt - 1)
    parked = session.execute(
        update(Work)
        .where(Work.id.in_(select(Work.id).where(*is_due).with_for_update(skip_locked=True)))
        .values(due_at=_in(parking.seconds), reason=parking.reason, attempt=tries)
        .returning(Work.key, Work.job_id)
        .execution_options(synchronize_session=False)
    ).all()
    _show_in_versions(session, [row.key for row in parked], parking, (VersionState.STORING,))
    jobs = {row.job_id for row in parked if row.job_id}
    return _show_in_jobs(session, jobs, parking, parking.seconds, (JobState.RUNNING,))


def has_cancelled(session: Session, claim: Claim) -> bool:
    """Return whether a person cancelled something of which a claim was to form packs."""
    found = select(Work.id).where(*_taken_along(claim), Work.job_id.in_(_cancelled(claim)))
    return session.scalar(found.limit(1)) is not None


def _taken_along(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        Work.user_id == claim.user_id,
        Work.kind == WorkKind.STORE,
        Work.run == TAIL,
        Work.state == WorkState.DUE,
    )


def _cancelled(claim: Claim) -> Select[uuid.UUID]:
    return select(Job.id).where(Job.user_id == claim.user_id, Job.state == JobState.CANCELLING)


def _first_back(session: Session, user_id: uuid.UUID) -> float | None:
    """Return the seconds until the first account that rests may be asked."""
    rest = func.min(extract("epoch", CloudAccount.paused_until - func.statement_timestamp()))
    seconds = session.scalar(
        select(rest).where(CloudAccount.user_id == user_id, CloudAccount.state.in_(health.PASSING))
    )
    return None if seconds is None else max(1.0, float(seconds))


def _postpone(
    session: Session, claim: Claim, parking: Parking, seconds: float
) -> Sequence[Row[uuid.UUID, uuid.UUID | None]]:
    until = _in(seconds)
    free = (
        select(Work.id)
        .where(
            Work.user_id == claim.user_id,
            Work.kind == WorkKind.STORE,
            Work.state == WorkState.DUE,
            Work.due_at < until,
            Work.id != claim.id,
            # What is cancelled ends at once, whatever the accounts do.
            Work.job_id.is_(None) | Work.job_id.not_in(_cancelled(claim)),
        )
        .limit(AT_MOST)
        .with_for_update(skip_locked=True)
    )
    return session.execute(
        update(Work)
        .where(Work.id.in_(free))
        .values(due_at=until, reason=parking.reason)
        .returning(Work.key, Work.job_id)
        .execution_options(synchronize_session=False)
    ).all()


def _in(seconds: float) -> ColumnElement[Any]:
    """Return a time that is the same in all of a transaction, so that no row is parked twice.

    At a row's second change the database locks its job against removal: whoever holds that job
    just then may wait for this.
    """
    return func.now() + timedelta(seconds=seconds)


def _show_in_versions(
    session: Session,
    versions: Collection[uuid.UUID],
    parking: Parking,
    also: tuple[VersionState, ...] = (),
) -> None:
    waits = (VersionState.QUEUED, VersionState.WAITING, *also)
    free = (
        select(Version.id)
        .where(Version.id.in_(versions), Version.state.in_(waits))
        .with_for_update(skip_locked=True)
    )
    session.execute(
        update(Version)
        .where(Version.id.in_(free))
        .values(state=parking.version_state, error_code=parking.reason)
        .execution_options(synchronize_session=False)
    )


def _show_in_jobs(
    session: Session,
    jobs: Collection[uuid.UUID],
    parking: Parking,
    seconds: float,
    also: tuple[JobState, ...] = (),
) -> set[uuid.UUID]:
    """Show it in jobs nobody works on, and return them.

    Jobs are locked before work, so none is waited for here.
    """
    free = (
        select(Job.id)
        .where(Job.id.in_(jobs), Job.state.in_((*_PARKED, *also)))
        .with_for_update(skip_locked=True)
    )
    shown = session.scalars(
        update(Job)
        .where(Job.id.in_(free))
        .values(
            state=parking.job_state,
            error_code=parking.reason,
            retry_at=_in(seconds),
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return set(shown)
