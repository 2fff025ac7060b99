"""Counting a whole library by kind and by folder, and what of it is less protected than asked.

A small library is counted while a page waits. A large one is counted by the schedule, after
somebody has asked, and no more often than its counting allows.
"""

import logging
import threading
import uuid
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import Clock
from balancecloud.library import shortfalls
from balancecloud.library.file_kinds import kind_of
from balancecloud.models.clouds import Pack
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind
from balancecloud.models.usage import FolderUsage, UsageSummary
from balancecloud.storage.tools import Tools

# Nodes, versions and packs that a page counts itself.
MOST_AT_ONCE: Final = 5_000
# A large library is counted again after this, and never spends more than a twentieth of the time.
LASTS: Final = timedelta(minutes=2)
REST: Final = 20
LONGEST: Final = "120s"

logger = logging.getLogger(__name__)


def is_large(user_id: uuid.UUID) -> ColumnElement[bool]:
    """Say, in a query, whether a library is too large for a page to count; each look is bounded."""
    # In an index's order: the planner would else look for the person's rows from the first on.
    looks: tuple[Select[Any], ...] = (
        select(Node.id)
        .where(Node.user_id == user_id, Node.trashed_at.is_(None))
        .order_by(Node.user_id, Node.folded, Node.id),
        select(Version.user_id).where(Version.user_id == user_id).order_by(Version.user_id),
        select(Pack.user_id).where(Pack.user_id == user_id).order_by(Pack.user_id, Pack.m),
    )
    return or_(*(look.offset(MOST_AT_ONCE).limit(1).exists() for look in looks))


def of_kinds(user_id: uuid.UUID) -> Select[str, int, int]:
    """Select each kind with its files and their bytes."""
    files = _files(user_id).subquery()
    kind = kind_of(files.c.folded).label("kind")
    return select(kind, func.count(), func.coalesce(func.sum(files.c.size), 0)).group_by(kind)


def of_folders(user_id: uuid.UUID) -> Select[Any]:
    """Select each folder with the files in it and all below it: id, parent, files, bytes."""
    files = _files(user_id).subquery()
    own = (
        select(files.c.parent_id, func.count().label("n"), func.sum(files.c.size).label("size"))
        .where(files.c.parent_id.is_not(None))
        .group_by(files.c.parent_id)
        .cte("own")
    )
    start = select(own.c.parent_id.label("leaf"), own.c.parent_id.label("above"))
    way = start.cte("way", recursive=True)
    step = select(way.c.leaf, Node.parent_id).join(Node, Node.id == way.c.above)
    way = way.union_all(step.where(Node.parent_id.is_not(None)))
    sums = (
        select(
            way.c.above,
            func.sum(own.c.n).label("files"),
            func.sum(own.c.size).label("bytes"),
        )
        .join(own, own.c.parent_id == way.c.leaf)
        .group_by(way.c.above)
        .subquery()
    )
    return select(Node.id.label("folder_id"), Node.parent_id, sums.c.files, sums.c.bytes).join(
        sums, sums.c.above == Node.id
    )


def of_all(user_id: uuid.UUID) -> Select[int, int]:
    """Select how many files there are, and their bytes."""
    files = _files(user_id).subquery()
    return select(func.count(), func.coalesce(func.sum(files.c.size), 0)).select_from(files)


def of_files(user_id: uuid.UUID) -> Select[int, int]:
    """Select how many files there are, and how many are less protected than asked."""
    files = _files(user_id).subquery()
    count = select(func.count()).select_from(files).scalar_subquery()
    return select(count, _less_protected(user_id))


def _less_protected(user_id: uuid.UUID) -> ColumnElement[int]:
    return select(func.count()).select_from(shortfalls.short(user_id).subquery()).scalar_subquery()


def _files(user_id: uuid.UUID) -> Select[uuid.UUID | None, str | None, int]:
    """Select the files of a library with the size of the version that each shows."""
    shown = and_(Version.file_id == Node.file_id, Version.number == Node.version)
    return (
        select(Node.parent_id, Node.folded, func.coalesce(Version.size, 0).label("size"))
        .outerjoin(Version, shown)
        .where(Node.user_id == user_id, Node.kind == NodeKind.FILE, Node.trashed_at.is_(None))
    )


# --- for large libraries ----------------------------------------------------------------------


def ask(session: Session, user_id: uuid.UUID) -> None:
    """Have a large library counted anew by the schedule."""
    row = insert_or_update(UsageSummary).values(user_id=user_id, asked_at=func.now())
    session.execute(
        row.on_conflict_do_update(index_elements=["user_id"], set_={"asked_at": func.now()})
    )


def is_stale() -> ColumnElement[bool]:
    """Say, in a query of summaries, whether one is worth to be counted anew and nobody asked."""
    never = UsageSummary.user_id.is_(None)
    answered = UsageSummary.asked_at <= UsageSummary.counted_at
    return func.coalesce(or_(never, and_(answered, _may_be_counted())), False)


def count_next(sessions: sessionmaker[Session], clock: Clock) -> uuid.UUID | None:
    """Count the large library that waited longest; return whose it is."""
    with sessions.begin() as session:
        session.execute(text(f"SET LOCAL statement_timeout = '{LONGEST}'"))
        user_id = session.scalar(
            select(UsageSummary.user_id)
            .where(
                or_(
                    UsageSummary.counted_at.is_(None),
                    and_(UsageSummary.asked_at > UsageSummary.counted_at, _may_be_counted()),
                )
            )
            .order_by(UsageSummary.asked_at)
            .limit(1)
        )
        if user_id is not None:
            _count(clock, session, user_id)
        return user_id


def _may_be_counted() -> ColumnElement[bool]:
    spent = func.make_interval(0, 0, 0, 0, 0, 0, UsageSummary.took_ms * REST / 1000.0)
    return UsageSummary.counted_at + func.greatest(spent, literal(LASTS)) <= func.now()


def _count(clock: Clock, session: Session, user_id: uuid.UUID) -> None:
    began = clock.monotonic()
    kinds = [[kind, files, int(size)] for kind, files, size in session.execute(of_kinds(user_id))]
    less = session.scalars(select(_less_protected(user_id))).one()
    session.execute(delete(FolderUsage).where(FolderUsage.user_id == user_id))
    found = of_folders(user_id).subquery()
    rows = select(
        literal(user_id), found.c.folder_id, found.c.parent_id, found.c.files, found.c.bytes
    )
    columns = ["user_id", "folder_id", "parent_id", "files", "bytes"]
    session.execute(insert(FolderUsage).from_select(columns, rows))
    took = round((clock.monotonic() - began) * 1000)
    # It was so when the counting began.
    values = {"counted_at": func.now(), "took_ms": took, "less_protected": less, "kinds": kinds}
    session.execute(update(UsageSummary).where(UsageSummary.user_id == user_id).values(**values))


class UsageCounting:
    """Counts beside the schedule, which goes on meanwhile."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def start(self, tools: Tools) -> None:
        """Count what was asked for, unless the last count is still under way."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=_run, args=(tools,), name="usage", daemon=True)
        self._thread.start()


def _run(tools: Tools) -> None:
    try:
        while count_next(tools.sessions, tools.clock) is not None:
            pass
    except SQLAlchemyError as problem:
        logger.warning("A large library could not be counted: %s.", type(problem).__name__)
