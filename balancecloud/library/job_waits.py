"""Which accounts a job waits for, why and until when: by what its accounts are like now."""

import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.library.job_figures import ENDED, WAITING
from balancecloud.library.views import AccountView, JobView
from balancecloud.library.wording import Words
from balancecloud.models.clouds import Pack, ShardRow
from balancecloud.models.states import AccountState, JobState

TROUBLED: Final = (
    AccountState.SIGN_IN_AGAIN,
    AccountState.FULL,
    AccountState.SILENT,
    AccountState.SLOWED,
)
PASSING: Final = (AccountState.SILENT, AccountState.SLOWED)
FAR: Final = datetime.max.replace(tzinfo=UTC)


def in_trouble(
    state: JobState, linked: Sequence[AccountView], taking_part: Collection[uuid.UUID]
) -> tuple[AccountView, ...]:
    """Return the accounts a job waits for or is slowed by, what holds it up most first.

    A job is concerned by the accounts that hold something of it. One that waits though those are
    well, or though none holds anything yet, waits for any that comes back; one that tries again
    by itself, for those that pass by themselves.
    """
    if state in ENDED or state is JobState.CANCELLING:
        return ()
    troubled = [one for one in linked if one.state in TROUBLED]
    concerned = [one for one in troubled if one.id in taking_part]
    if not concerned and state is JobState.NEEDS_YOU:
        concerned = troubled
    if not concerned and state is JobState.RETRYING:
        concerned = [one for one in troubled if one.state in PASSING]
    is_patient = state is JobState.RETRYING
    return tuple(
        sorted(concerned, key=lambda one: (one.health.needs_you is is_patient, _until(one)))
    )


def holding_what_goes(session: Session, job_id: uuid.UUID) -> set[uuid.UUID]:
    """Return the accounts on which a job that removes still has something to remove."""
    return set(
        session.scalars(
            select(ShardRow.account_id)
            .join(Pack, Pack.id == ShardRow.pack_id)
            .where(Pack.cleanup_job_id == job_id)
            .distinct()
        )
    )


def waits(job: JobView, linked: Sequence[AccountView]) -> Words | None:
    """Return what a job in a list waits for, in a few words; None when it waits for no account."""
    state = JobState(job.state)
    if state not in WAITING:
        return None
    if not linked:
        return ("Waits until you link a cloud account",)
    found = in_trouble(state, linked, ())
    return _wait(found[0]) if found else None


def _until(account: AccountView) -> datetime:
    return account.paused_until or FAR


def _wait(account: AccountView) -> Words:
    if account.health.action == "sign_in":
        return (f"Waits for you to sign in again to {account.label}",)
    if account.health.action == "look_again":
        return (f"Waits until {account.label} can be used again",)
    if account.state == AccountState.FULL:
        return (f"Waits for room on {account.label}",)
    if account.state == AccountState.SLOWED and account.paused_until:
        return (f"Waits for {account.label} until ", account.paused_until)
    return (f"Waits for {account.label} to answer",)
