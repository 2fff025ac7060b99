"""How a version is cut into work: runs of chunks, and a small last chunk that shares a pack.

The runs of one version are claimed each on its own lease, by as many workers as there are; the
last piece of work to end shows the version.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate, Update

from balancecloud.config import Config
from balancecloud.models.jobs import Work
from balancecloud.models.library import Version
from balancecloud.models.states import VersionState, WorkKind, WorkState
from balancecloud.storage.work import (
    FORM_PRIORITY,
    STORE_PRIORITY,
    TAIL,
    WAITS_FOR_A_PACK,
    NewWork,
    find_work,
    insert_runs,
    insert_work,
    writing,
)

# Rows that wait name a run by its number, so this may never change.
RUN_CHUNKS: Final = 16
# More workers than that are not woken at once for one file; the others find what is left by tick.
MOST_RINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Cut:
    """A version's chunks: those of its runs, from the first on, and whether one more is small."""

    chunks: int
    has_tail: bool
    run_chunks: int = RUN_CHUNKS

    @property
    def runs(self) -> range:
        """The numbers of the runs."""
        return range(-(-self.chunks // self.run_chunks))

    def of_run(self, run: int) -> range:
        """Return the indexes of a run's chunks."""
        return range(run * self.run_chunks, min((run + 1) * self.run_chunks, self.chunks))


def total_chunks(version: Version) -> int:
    """Return how many chunks a version has; an empty one has one."""
    return max(1, -(-version.size // version.chunk_size))


def cut(version: Version, largest_shared: int) -> Cut:
    """Decide which of a version's chunks are packs of their own: all but a small last one.

    Where all else was stored while it arrived, the last one does not wait for company.
    """
    total = total_chunks(version)
    is_small = version.size - (total - 1) * version.chunk_size <= largest_shared
    has_tail = is_small and version.run_chunks is None
    return Cut(total - has_tail, has_tail, _run_chunks(version))


def queue_whole(session: Session, config: Config, version: Version) -> list[uuid.UUID]:
    """Write down the runs of a version that are whole while the rest of it still arrives.

    The version is locked. Its last run is left to `queue`, whatever arrived: what shows the
    version is then always work that was written down after its last byte.
    """
    known = _known(session, version)
    if version.run_chunks is None:
        version.run_chunks = max(1, config.early_bytes // version.chunk_size)
    whole = min(version.received_bytes // version.chunk_size, total_chunks(version) - 1)
    new = [run for run in range(whole // version.run_chunks) if run not in known]
    return insert_runs(session, version, new, STORE_PRIORITY)[:MOST_RINGS]


def queue(session: Session, config: Config, versions: Sequence[Version]) -> list[uuid.UUID]:
    """Write down the work of versions of one person that were received; return what to ring for.

    Last of what its transaction does to work: where small chunks wait for a pack, the row of
    whoever forms packs stays locked until the commit, so that they are seen before it rests.
    """
    made: list[uuid.UUID] = []
    waiting = set()
    for version in versions:
        wanted = cut(version, config.largest_shared_chunk)
        known = _take_over(session, version) if version.run_chunks else {}
        new = [run for run in wanted.runs if run not in known]
        made += insert_runs(session, version, new, STORE_PRIORITY)[:MOST_RINGS]
        if wanted.has_tail:
            insert_runs(session, version, [TAIL], WAITS_FOR_A_PACK)
            waiting.add(version.user_id)
    return made + [queue_forming(session, config, user_id) for user_id in waiting]


def queue_forming(session: Session, config: Config, user_id: uuid.UUID) -> uuid.UUID:
    """Write down that a person's small chunks wait for a pack; the last of work to be written."""
    return insert_work(session, _forming(config, user_id))


def queue_forming_with(
    session: Session, config: Config, user_id: uuid.UUID, further: Update, values: dict[str, Any]
) -> uuid.UUID | None:
    """Do what `queue_forming` does and then a further change, in one statement.

    None where that changed no row: the caller is to roll back, as the work is written down then.
    A person's small files wait for one another here until they commit, so each way saved counts.
    """
    given = _forming(config, user_id).values() | values
    changed = session.connection().execute(_after_forming(further), given).one_or_none()
    if changed is None:
        return None
    return changed.formed or find_work(session, WorkKind.FORM, user_id)


def _forming(config: Config, user_id: uuid.UUID) -> NewWork:
    quiet = config.pack_quiet_seconds
    return NewWork(WorkKind.FORM, user_id, user_id, None, FORM_PRIORITY, quiet)


@cache
def _after_forming(further: Update) -> ReturningUpdate[Any]:
    formed = writing().cte("forming")
    # It is counted so that its row is locked before that of the change.
    is_first = select(func.count()).select_from(formed).scalar_subquery() >= 0
    written = select(formed.c.id).scalar_subquery().label("formed")
    return further.where(is_first).returning(written)


def queue_again(session: Session, version: Version, lost: Collection[int]) -> None:
    """Have the runs of these chunks stored once more; the version and its job are locked.

    Each run passes over what it finds stored. The tick rings for them.
    """
    was_cut = _find_cut(session, version)
    wanted = {TAIL if index >= was_cut.chunks else index // was_cut.run_chunks for index in lost}
    session.execute(
        update(Work)
        .where(Work.kind == WorkKind.STORE, Work.key == version.id, Work.run.in_(wanted))
        .values(state=WorkState.DUE, due_at=func.now(), attempt=0, reason=None)
        .execution_options(synchronize_session=False)
    )
    if TAIL in wanted:
        user_id = version.user_id
        insert_work(session, NewWork(WorkKind.FORM, user_id, user_id, None, FORM_PRIORITY))


def indexes(session: Session, version: Version, run: int) -> range:
    """Return the indexes of the chunks of a run."""
    if version.state is VersionState.RECEIVING:
        # All of it arrived, and the last chunk is not among it.
        return Cut(total_chunks(version), False, _run_chunks(version)).of_run(run)
    return _find_cut(session, version).of_run(run)


def _run_chunks(version: Version) -> int:
    return version.run_chunks or RUN_CHUNKS


def _known(session: Session, version: Version) -> dict[int, WorkState]:
    """Return the runs of a version that a row stands for."""
    rows = session.execute(
        select(Work.run, Work.state).where(Work.kind == WorkKind.STORE, Work.key == version.id)
    )
    return {run: state for run, state in rows}  # noqa: C416 - rows are no pairs to mypy


def _take_over(session: Session, version: Version) -> dict[int, WorkState]:
    """Return the runs of a version that were written down while it arrived.

    Where one is in a worker's hands, the version is being stored already.
    """
    known = _known(session, version)
    if WorkState.LEASED in known.values():
        version.state = VersionState.STORING
    return known


def _find_cut(session: Session, version: Version) -> Cut:
    """Return how a version was cut, and write down the runs that no row stands for.

    An earlier release wrote one row for all chunks of a version.
    """
    rows = _known(session, version)
    has_tail = TAIL in rows
    found = Cut(total_chunks(version) - has_tail, has_tail, _run_chunks(version))
    missing = [run for run in found.runs if run not in rows]
    if missing:
        insert_runs(session, version, missing, STORE_PRIORITY)
    return found
