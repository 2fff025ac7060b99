"""The files of a job: those with problems first, then what runs, then what is done."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from balancecloud.errors import NotFound
from balancecloud.library import job_sentences
from balancecloud.library.job_figures import version_stages
from balancecloud.library.version_names import names_of
from balancecloud.library.views import JobFile, Stages
from balancecloud.live.progress import LiveSnapshot
from balancecloud.models.library import Node, Version
from balancecloud.models.states import VersionState

MOST_SHOWN: Final = 200
ORDER: Final = (
    VersionState.LOST,
    VersionState.UNREADABLE,
    VersionState.FAILED,
    VersionState.WAITING,
    VersionState.STORING,
    VersionState.RECEIVING,
    VersionState.QUEUED,
    VersionState.DEGRADED,
    VersionState.STORED,
    VersionState.CANCELLED,
)
GONE: Final = "A file that was deleted"


def list_files(
    session: Session, job_id: uuid.UUID, live: Iterable[LiveSnapshot]
) -> tuple[tuple[JobFile, ...], int]:
    """Return a job's files, at most 200, and how many are not shown."""
    of = version_stages(live)
    rank = case({state.value: place for place, state in enumerate(ORDER)}, value=of.c.state)
    rows = session.execute(
        select(
            of,
            Version.error_code,
            Node.id.label("node_id"),
            Node.name,
            func.count().over().label("files"),
        )
        .join(Version, Version.id == of.c.id)
        .join(Node, Node.id == Version.file_id, isouter=True)
        .where(of.c.job_id == job_id)
        .order_by(rank, Version.created_at, Version.id)
        .limit(MOST_SHOWN)
    ).all()
    # The node of the file may be gone, and a copy of it still show what this job stored.
    copies = names_of(session, [row.id for row in rows if row.node_id is None])
    files = tuple(
        JobFile(
            node_id=row.node_id or (copies[row.id].node_id if row.id in copies else None),
            version_id=row.id,
            name=row.name or (copies[row.id].name if row.id in copies else GONE),
            size=row.total,
            state=row.state.value,
            stages=Stages(row.total, row.received, row.sealed, row.stored),
            error=job_sentences.error(row.error_code),
        )
        for row in rows
    )
    return files, (rows[0].files - len(rows) if rows else 0)


def choose(files: Sequence[JobFile], version_id: uuid.UUID | None) -> JobFile | None:
    """Return the file asked for, else the one to look at; NotFound when it is not of this job."""
    if version_id is None:
        storing = (file for file in files if file.state == VersionState.STORING)
        return next(storing, files[0] if files else None)
    for file in files:
        if file.version_id == version_id:
            return file
    raise NotFound
