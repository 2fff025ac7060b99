"""Work rows: claimed for a while, on the database's clock, under a rising fence.

Only the holder of the newest fence may change anything; waking.py makes what waits due again.
Nothing here rings or commits: callers do.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Interval,
    Select,
    and_,
    bindparam,
    case,
    extract,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from balancecloud.errors import BalanceCloudError, LeaseLost
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Version
from balancecloud.models.states import JobState, WorkKind, WorkState

STORE_PRIORITY: Final = 10
FORM_PRIORITY: Final = 10
DELETE_PRIORITY: Final = 20
REPAIR_PRIORITY: Final = 30
MOVE_PRIORITY: Final = 40
# What has this priority or a higher number is not claimed by itself: `form` work takes it along.
WAITS_FOR_A_PACK: Final = 1000
# The run of a version's last chunk where that is small and shares a pack with other files'.
TAIL: Final = -1

logger = logging.getLogger(__name__)


class Paused(BalanceCloudError):
    """A person paused the job this work belongs to; what is left of it waits to be resumed."""

    code = "paused"
    status = 409
    sentence = "This job is paused."


@dataclass(frozen=True, slots=True)
class Claim:
    """A piece of work that is ours until its lease ends. `attempt` counts from 1.

    `since` is when it was taken, on the database's clock.
    """

    id: uuid.UUID
    kind: WorkKind
    key: uuid.UUID
    run: int
    user_id: uuid.UUID
    job_id: uuid.UUID | None
    attempt: int
    fence: int
    owner: uuid.UUID
    since: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NewWork:
    """Work to be written down, due in so many seconds."""

    kind: WorkKind
    key: uuid.UUID
    user_id: uuid.UUID
    job_id: uuid.UUID | None
    priority: int
    due_in: float = 0
    run: int = 0

    def values(self) -> dict[str, Any]:
        """Return the values of `writing`."""
        return {
            "work": uuid.uuid4(),
            "kind": self.kind,
            "key": self.key,
            "run": self.run,
            "user": self.user_id,
            "job": self.job_id,
            "priority": self.priority,
            "due_in": timedelta(seconds=self.due_in),
        }


def insert_work(session: Session, new: NewWork) -> uuid.UUID:
    """Write down work to be done; what is there already becomes due afresh, unless it is leased.

    What is due sooner stays so: it must not be put off again and again.
    """
    written: uuid.UUID | None = session.connection().scalar(writing(), new.values())
    return written or find_work(session, new.kind, new.key, new.run)


def find_work(session: Session, kind: WorkKind, key: uuid.UUID, run: int = 0) -> uuid.UUID:
    """Return the id of work that is written down."""
    is_same = (Work.kind == kind, Work.key == key, Work.run == run)
    return session.scalars(select(Work.id).where(*is_same)).one()


@cache
def writing() -> ReturningInsert[uuid.UUID]:
    """Return the statement of `insert_work`; it returns no row where somebody holds the work."""
    due = {
        "user_id": bindparam("user"),
        "job_id": bindparam("job"),
        "priority": bindparam("priority"),
        "state": WorkState.DUE,
        "due_at": _now() + bindparam("due_in", type_=Interval),
    }
    afresh = {"attempt": 0, "reason": None, "owner": None, "lease_until": None}
    place: dict[str, Any] = {name: bindparam(name) for name in ("kind", "key", "run")}
    adding = insert(Work).values(id=bindparam("work"), **place, **due)
    sooner = case(
        (Work.state == WorkState.DUE, func.least(Work.due_at, adding.excluded.due_at)),
        else_=adding.excluded.due_at,
    )
    return adding.on_conflict_do_update(
        index_elements=[Work.kind, Work.key, Work.run],
        set_={**due, "due_at": sooner, **afresh},
        where=or_(Work.state != WorkState.LEASED, _lease_over()),
    ).returning(Work.id)


def insert_packs(
    session: Session,
    kind: WorkKind,
    packs: Collection[uuid.UUID],
    job: tuple[uuid.UUID, uuid.UUID],
    priority: int,
) -> list[uuid.UUID]:
    """Write down work on packs for a person's job, in one statement; return the work's ids.

    What somebody holds just now is left to them.
    """
    if not packs:
        return []
    user_id, job_id = job
    due = {
        "user_id": user_id,
        "job_id": job_id,
        "priority": priority,
        "state": WorkState.DUE,
        "due_at": _now(),
    }
    afresh = {"attempt": 0, "reason": None, "owner": None, "lease_until": None}
    rows = [{"id": uuid.uuid4(), "kind": kind, "key": key, "run": 0, **due} for key in packs]
    return list(
        session.scalars(
            insert(Work)
            .values(rows)
            .on_conflict_do_update(
                index_elements=[Work.kind, Work.key, Work.run],
                set_={**due, **afresh},
                where=or_(Work.state != WorkState.LEASED, _lease_over()),
            )
            .returning(Work.id)
        )
    )


def insert_runs(
    session: Session, version: Version, runs: Sequence[int], priority: int
) -> list[uuid.UUID]:
    """Write down runs of a version's chunks to be stored, in one statement; return their ids."""
    ids = [uuid.uuid4() for _ in runs]
    rows = [
        {
            "id": work_id,
            "kind": WorkKind.STORE,
            "key": version.id,
            "run": run,
            "user_id": version.user_id,
            "job_id": version.job_id,
            "priority": priority,
            "state": WorkState.DUE,
            "due_at": _now(),
        }
        for work_id, run in zip(ids, runs, strict=True)
    ]
    if rows:
        session.execute(insert(Work).values(rows).on_conflict_do_nothing())
    return ids


def claim(
    session: Session,
    owner: uuid.UUID,
    lease_seconds: float,
    after: uuid.UUID | None = None,
    kinds: Collection[WorkKind] = tuple(WorkKind),
) -> Claim | None:
    """Take the most urgent work that is due and nobody holds; None when there is none.

    People take turns: with `after`, whom it went to last, the next one by id goes first, so that
    ten thousand files of one do not keep another waiting. None also when the most urgent one is
    not of these kinds: what is less urgent waits for it.
    """
    turns = [] if after is None else [Work.user_id <= after, Work.user_id]
    wanted = (
        select(Work.id)
        .where(_claimable())
        .order_by(Work.priority, *turns, Work.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return _lease(session, wanted, owner, lease_seconds, Work.kind.in_(kinds))


def _lease(
    session: Session,
    wanted: Select[uuid.UUID],
    owner: uuid.UUID,
    seconds: float,
    *guards: ColumnElement[bool],
) -> Claim | None:
    row = session.execute(
        update(Work)
        .where(Work.id == wanted.scalar_subquery(), *guards)
        .values(
            state=WorkState.LEASED,
            owner=owner,
            lease_until=_in(seconds),
            fence=Work.fence + 1,
            attempt=Work.attempt + 1,
        )
        .returning(
            Work.id,
            Work.kind,
            Work.key,
            Work.run,
            Work.user_id,
            Work.job_id,
            Work.attempt,
            Work.fence,
            _now().label("since"),
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if row is None else Claim(**row._asdict(), owner=owner)


def extend(session: Session, claim: Claim, lease_seconds: float) -> None:
    """Hold on to the claim for `lease_seconds` from now; LeaseLost when it is no longer ours."""
    _change(session, claim, lease_until=_in(lease_seconds))


def guard(session: Session, claim: Claim) -> None:
    """Lock the row until this transaction ends; LeaseLost unless the claim is still ours.

    What is written in the same transaction is written by the one holder of the newest fence.
    """
    held = session.connection().scalar(
        _guarding(), {"id": claim.id, "fence": claim.fence, "owner": claim.owner}
    )
    if held is None:
        raise LeaseLost


@cache
def _guarding() -> Select[uuid.UUID]:
    """Return the statement of `guard`, put together once."""
    return (
        select(Work.id)
        .where(
            Work.id == bindparam("id"),
            Work.fence == bindparam("fence"),
            Work.owner == bindparam("owner"),
            Work.state == WorkState.LEASED,
        )
        .with_for_update()
    )


def finish(session: Session, claim: Claim) -> None:
    """Mark the work as done; LeaseLost when it is no longer ours."""
    _change(session, claim, state=WorkState.DONE, reason=None, **_free())


def postpone(
    session: Session, claim: Claim, seconds: float, reason: str, *, counts_as_try: bool
) -> None:
    """Give the work back, due in `seconds`; waiting for something outside is not a try."""
    attempt = claim.attempt if counts_as_try else claim.attempt - 1
    _change(
        session,
        claim,
        state=WorkState.DUE,
        due_at=_in(seconds),
        reason=reason,
        attempt=attempt,
        **_free(),
    )


def bury(session: Session, claim: Claim, reason: str) -> None:
    """Give the work up for good, with the reason; only `revive_job` brings it back."""
    _change(session, claim, state=WorkState.DEAD, reason=reason, **_free())


def take(session: Session, work_id: uuid.UUID, owner: uuid.UUID, seconds: float) -> Claim | None:
    """Claim this row, whatever its priority; None when it is not due any more."""
    is_free = (Work.id == work_id, Work.state == WorkState.DUE)
    return _lease(session, select(Work.id).where(*is_free).with_for_update(), owner, seconds)


def due_work(session: Session, limit: int) -> list[uuid.UUID]:
    """Return the most urgent ids that could be claimed now."""
    return list(
        session.scalars(
            select(Work.id).where(_claimable()).order_by(Work.priority, Work.due_at).limit(limit)
        )
    )


def forming_in(session: Session, within: float) -> float | None:
    """Return in how many seconds the next pack is to be formed; None if not `within` so many."""
    first = func.min(extract("epoch", Work.due_at - _now()))
    is_soon = Work.due_at <= _in(within)
    seconds = session.scalar(
        select(first).where(Work.kind == WorkKind.FORM, Work.state == WorkState.DUE, is_soon)
    )
    return None if seconds is None else float(seconds)


def _change(session: Session, claim: Claim, **values: Any) -> None:
    changed = session.scalar(
        update(Work)
        .where(_is_ours(claim))
        .values(**values)
        .returning(Work.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        raise LeaseLost


def _is_ours(claim: Claim) -> ColumnElement[bool]:
    return and_(
        Work.id == claim.id,
        Work.fence == claim.fence,
        Work.owner == claim.owner,
        Work.state == WorkState.LEASED,
    )


def _claimable() -> ColumnElement[bool]:
    is_free = or_(and_(Work.state == WorkState.DUE, Work.due_at <= _now()), _lease_over())
    return and_(Work.priority < WAITS_FOR_A_PACK, is_free, not_paused())


def not_paused() -> ColumnElement[bool]:
    """Say of work that no person paused its job. The paused ones are few and have an index."""
    paused = select(Job.id).where(Job.state == JobState.PAUSED)
    return or_(Work.job_id.is_(None), Work.job_id.not_in(paused))


def _lease_over() -> ColumnElement[bool]:
    return and_(Work.state == WorkState.LEASED, Work.lease_until < _now())


def _free() -> dict[str, None]:
    return {"owner": None, "lease_until": None}


def _now() -> ColumnElement[Any]:
    # now() stands still during a transaction; a lease must not be shorter for a long one.
    return func.statement_timestamp()


def _in(seconds: float) -> ColumnElement[Any]:
    return _now() + timedelta(seconds=seconds)
