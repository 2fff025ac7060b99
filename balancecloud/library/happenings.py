"""What happened to a job, as codes and values in rows and as sentences on pages."""

import uuid
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.library import job_sentences
from balancecloud.library.views import Happening
from balancecloud.models.jobs import JobEvent

MOST_SHOWN: Final = 100


def record(session: Session, job_id: uuid.UUID, code: str, **values: Any) -> None:
    """Write down that something happened to a job."""
    session.add(JobEvent(job_id=job_id, code=code, args=values))


def list_happenings(
    session: Session, job_id: uuid.UUID, limit: int = MOST_SHOWN
) -> tuple[Happening, ...]:
    """Return what happened as sentences, the newest first."""
    rows = session.scalars(
        select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.id.desc()).limit(limit)
    )
    return tuple(
        Happening(
            row.at,
            row.level,
            job_sentences.happened(row.code, row.args),
            row.code,
            tuple(row.args.items()),
        )
        for row in rows
    )
