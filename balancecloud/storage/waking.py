"""Making work due that waits: an account came back, or a person asks for it.

Nothing here rings or commits: callers do.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from balancecloud.models.jobs import Work
from balancecloud.models.states import WorkKind, WorkState
from balancecloud.storage.work import FORM_PRIORITY, TAIL, NewWork, insert_work


def wake(session: Session, user_id: uuid.UUID) -> list[uuid.UUID]:
    """Make due at once what waits for this person's accounts; return what to ring for.

    What is due already is left alone: whoever takes it holds its job, and to change a row twice,
    as when an account is found to have room and then to be well, would ask for that job.
    """
    waits = (Work.state == WorkState.DUE, Work.due_at > func.statement_timestamp())
    rows = _make_due(session, Work.user_id == user_id, *waits)
    return [row.id for row in rows]


def hasten_job(session: Session, job_id: uuid.UUID) -> list[uuid.UUID]:
    """Make due at once what a job waits for; return what to ring for."""
    rows = _make_due(session, Work.job_id == job_id, Work.state == WorkState.DUE)
    return _with_forming(session, rows)


def revive_job(session: Session, job_id: uuid.UUID) -> list[uuid.UUID]:
    """Make due at once, with all its tries before it, what a job waits for or gave up."""
    waits = Work.state.in_((WorkState.DUE, WorkState.DEAD))
    return _with_forming(session, _make_due(session, Work.job_id == job_id, waits, attempt=0))


def revive_version(session: Session, version_id: uuid.UUID) -> list[uuid.UUID]:
    """Make due at once, with all its tries before it, what was given up of one version."""
    which = (Work.kind == WorkKind.STORE, Work.key == version_id, Work.state == WorkState.DEAD)
    return _with_forming(session, _make_due(session, *which, attempt=0))


def _make_due(session: Session, *which: ColumnElement[bool], **changes: Any) -> Sequence[Any]:
    """Change rows, locked in one order: who forms packs first, as it does, then by id."""
    first = Work.kind != WorkKind.FORM
    chosen = select(Work.id).where(*which).order_by(first, Work.id).with_for_update()
    return session.execute(
        update(Work)
        .where(Work.id.in_(session.scalars(chosen).all()))
        .values(
            state=WorkState.DUE,
            due_at=func.least(Work.due_at, func.statement_timestamp()),
            **changes,
        )
        .returning(Work.id, Work.user_id, Work.run)
        .execution_options(synchronize_session=False)
    ).all()


def _with_forming(session: Session, rows: Sequence[Any]) -> list[uuid.UUID]:
    """Have packs formed of the small chunks among these; return all there is to ring for."""
    waiting = {row.user_id for row in rows if row.run == TAIL}
    forming = [
        insert_work(session, NewWork(WorkKind.FORM, user_id, user_id, None, FORM_PRIORITY))
        for user_id in sorted(waiting)
    ]
    return [row.id for row in rows] + forming
