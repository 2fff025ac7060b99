"""A job of very many files, folder by folder: those with problems first, then what runs."""

import uuid
from collections.abc import Iterable
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.library.job_figures import version_stages
from balancecloud.library.version_names import paths_of
from balancecloud.library.views import JobFolder, Stages
from balancecloud.live.progress import LiveSnapshot
from balancecloud.models.library import Node, Version
from balancecloud.models.states import VersionState

MOST_SHOWN: Final = 200
PROBLEMS: Final = (
    VersionState.LOST,
    VersionState.UNREADABLE,
    VersionState.FAILED,
    VersionState.WAITING,
)
STORED: Final = (VersionState.STORED, VersionState.DEGRADED)


def list_folders(
    session: Session, job_id: uuid.UUID, live: Iterable[LiveSnapshot]
) -> tuple[JobFolder, ...]:
    """Return the folders of a job's files, at most 200."""
    of = version_stages(live)
    problems = func.count().filter(of.c.state.in_(PROBLEMS))
    stored = func.count().filter(of.c.state.in_(STORED))
    is_gone = Node.id.is_(None)
    rows = session.execute(
        select(
            Node.parent_id,
            is_gone.label("is_gone"),
            func.count().label("files"),
            stored.label("kept"),
            problems.label("problems"),
            *(func.sum(of.c[name]).label(name) for name in ("total", "received", "sealed")),
            func.sum(of.c.stored).label("stored"),
        )
        .join(Version, Version.id == of.c.id)
        .join(Node, Node.id == Version.file_id, isouter=True)
        .where(of.c.job_id == job_id)
        .group_by(Node.parent_id, is_gone)
        .order_by(problems.desc(), (func.count() - stored).desc(), is_gone, Node.parent_id)
        .limit(MOST_SHOWN)
    ).all()
    paths = paths_of(session, [row.parent_id for row in rows if row.parent_id])
    return tuple(
        JobFolder(
            row.parent_id,
            None if row.is_gone else paths.get(row.parent_id, "/"),
            row.files,
            row.kept,
            row.problems,
            Stages(int(row.total), int(row.received), int(row.sealed), int(row.stored)),
        )
        for row in rows
    )
