"""Removing what a clean-up job was given: objects first, rows after, repeated without harm."""

import uuid
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from balancecloud.clouds.provider import ObjectId, ShardName
from balancecloud.errors import (
    BadReply,
    NeedsUser,
    ProviderError,
    Temporary,
    Throttled,
    Unreachable,
)
from balancecloud.models.clouds import CloudAccount, Pack, ShardRow, UploadSession
from balancecloud.models.jobs import Job, JobEvent
from balancecloud.models.states import JobState
from balancecloud.storage import cleanup, health
from balancecloud.storage.hold import hold
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import Claim, finish

BATCH = 64
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Doomed:
    """A shard that is to go."""

    pack_id: uuid.UUID
    index: int
    account_id: uuid.UUID
    name: ShardName
    object_id: ObjectId | None
    length: int


def delete_job(
    tools: Tools, claim: Claim, report: Callable[[int, int], None], stop: Callable[[], None]
) -> None:
    """Remove every shard of the packs that belong to a clean-up job, then end job and work.

    Raises a ProviderError after each shard had its try; a repeat goes on with the rest.
    """
    _begin(tools, claim)
    while True:
        _remove_all(tools, claim, report, stop)
        if _end(tools, claim):
            return


@dataclass(slots=True)
class _Refusals:
    """What refused in this run. An account that cannot be asked is left alone, with all it has."""

    shards: dict[tuple[uuid.UUID, int], ProviderError] = field(default_factory=dict)
    accounts: dict[uuid.UUID, ProviderError] = field(default_factory=dict)

    def add(self, doomed: Doomed, refusal: ProviderError) -> None:
        if isinstance(refusal, NeedsUser | Throttled | Unreachable | BadReply):
            self.accounts[doomed.account_id] = refusal
        else:
            self.shards[doomed.pack_id, doomed.index] = refusal

    def reason(self) -> ProviderError | None:
        """Return what to wait for: what passes first, and a person only where nothing passes."""
        every = [*self.accounts.values(), *self.shards.values()]
        return min(every, key=_seconds_to_wait, default=None)


def _seconds_to_wait(refusal: ProviderError) -> float:
    if not isinstance(refusal, Temporary):
        return float("inf")
    return refusal.retry_after or 0.0


def _remove_all(
    tools: Tools, claim: Claim, report: Callable[[int, int], None], stop: Callable[[], None]
) -> None:
    refused = _Refusals()
    while batch := _next_batch(tools, claim, refused):
        stop()
        for doomed, refusal in _remove_batch(tools, claim, batch):
            refused.add(doomed, refusal)
        report(*_figures(tools, claim))
    reason = refused.reason()
    if reason is not None:
        raise reason


def _begin(tools: Tools, claim: Claim) -> None:
    with tools.sessions.begin() as session:
        hold(session, claim)
        job = session.get_one(Job, claim.key, with_for_update=True)
        job.state = JobState.RUNNING
        job.started_at = job.started_at or session.scalar(func.now().select())
        job.retry_at = job.error_code = None


def _next_batch(tools: Tools, claim: Claim, refused: _Refusals) -> list[Doomed]:
    with tools.sessions() as session:
        rows = session.scalars(
            select(ShardRow)
            .join(Pack, Pack.id == ShardRow.pack_id)
            .where(Pack.cleanup_job_id == claim.key, ShardRow.account_id.not_in(refused.accounts))
            .order_by(ShardRow.pack_id, ShardRow.index)
            .limit(BATCH + len(refused.shards))
        )
        doomed = [_doomed(row) for row in rows if (row.pack_id, row.index) not in refused.shards]
    return doomed[:BATCH]


def _doomed(row: ShardRow) -> Doomed:
    object_id = ObjectId(row.object_id) if row.object_id else None
    name = ShardName(row.name)
    return Doomed(row.pack_id, row.index, row.account_id, name, object_id, row.length)


def _remove_batch(
    tools: Tools, claim: Claim, batch: Sequence[Doomed]
) -> list[tuple[Doomed, ProviderError]]:
    """Remove shards in parallel, record those that went, return the refusals."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="delete") as pool:
        outcomes = list(pool.map(lambda doomed: _remove(tools, doomed), batch))
    with tools.sessions.begin() as session:
        hold(session, claim)
        _lock_accounts(session, {doomed.account_id for doomed in batch})
        refused = []
        for doomed, outcome in zip(batch, outcomes, strict=True):
            if outcome is None:
                _forget(session, claim, doomed)
            else:
                health.note_failure(session, doomed.account_id, outcome)
                refused.append((doomed, outcome))
        _forget_empty_packs(session, claim)
    return refused


def _lock_accounts(session: Session, account_ids: Collection[uuid.UUID]) -> None:
    """Lock accounts by id, and before their shards, as everybody does."""
    session.scalars(
        select(CloudAccount.id)
        .where(CloudAccount.id.in_(account_ids))
        .order_by(CloudAccount.id)
        .with_for_update(key_share=True)
    ).all()


def _remove(tools: Tools, doomed: Doomed) -> ProviderError | None:
    """Remove one object; one whose answer was lost is looked for by its name."""
    try:
        provider = tools.open_provider(doomed.account_id)
        if doomed.object_id is not None:
            provider.delete(doomed.object_id)
        else:
            for found in provider.find(doomed.name):
                provider.delete(found.object_id)
    except ProviderError as refusal:
        return refusal
    return None


def _forget(session: Session, claim: Claim, doomed: Doomed) -> None:
    session.execute(
        delete(UploadSession).where(
            UploadSession.account_id == doomed.account_id, UploadSession.name == doomed.name
        )
    )
    was = session.execute(
        delete(ShardRow)
        .where(ShardRow.pack_id == doomed.pack_id, ShardRow.index == doomed.index)
        .returning(ShardRow.length, ShardRow.stored_at)
    ).one_or_none()
    if was is None:
        return
    if was.stored_at is not None:
        used = func.greatest(0, CloudAccount.used_bytes - was.length)
        session.execute(
            update(CloudAccount)
            .where(CloudAccount.id == doomed.account_id)
            .values(
                used_bytes=used,
                stored_bytes=func.greatest(0, CloudAccount.stored_bytes - was.length),
            )
        )
    session.execute(update(Job).where(Job.id == claim.key).values(shards_done=Job.shards_done + 1))


def _forget_empty_packs(session: Session, claim: Claim) -> None:
    remaining = select(ShardRow.pack_id).where(ShardRow.pack_id == Pack.id)
    session.execute(delete(Pack).where(Pack.cleanup_job_id == claim.key, ~remaining.exists()))


def _figures(tools: Tools, claim: Claim) -> tuple[int, int]:
    with tools.sessions() as session:
        job = session.get_one(Job, claim.key)
        return job.shards_done, job.shards_total


def _end(tools: Tools, claim: Claim) -> bool:
    """End job and work; False when more was given to the job meanwhile."""
    with tools.sessions.begin() as session:
        hold(session, claim)
        job = session.get_one(Job, claim.key, with_for_update=True)
        _forget_empty_packs(session, claim)
        if cleanup.shards_left(session, job.id):
            return False
        job.state = JobState.DONE
        job.finished_at = session.scalar(func.now().select())
        values = {"shards": job.shards_done}
        session.add(JobEvent(job_id=job.id, code="job.cleaned", args=values))
        finish(session, claim)
        return True
