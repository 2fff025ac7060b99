"""The flip: versions all of whose chunks are stored are shown, many in one transaction.

Whoever ends a version's last piece of work flips it. Their transactions follow one another, as
each holds the version's job and then the version, so one of them is the last and sees the others.
What lay on an account that was lost meanwhile is stored again instead: the spool still has it.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TableValuedAlias

from balancecloud.errors import IntegrityError, LeaseLost
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.jobs import Job, JobEvent, Work
from balancecloud.models.library import LeftVersion, Node, Upload, Version
from balancecloud.models.people import User
from balancecloud.models.states import (
    AccountState,
    JobKind,
    JobState,
    VersionState,
    WorkKind,
    WorkState,
)
from balancecloud.storage import runs
from balancecloud.storage.completion import COUNTED, UNFINISHED, end_of
from balancecloud.storage.figures import numbers, numbers_table
from balancecloud.storage.hold import hold, hold_jobs, still_due
from balancecloud.storage.standing import HELD
from balancecloud.storage.work import Claim, finish


@dataclass(frozen=True, slots=True)
class Flipped:
    """A version that is shown now, and the upload whose spool is to be emptied."""

    version_id: uuid.UUID
    job_id: uuid.UUID | None
    upload_id: uuid.UUID | None


def finish_run(session: Session, claim: Claim) -> list[Flipped]:
    """End a run of chunks, and with the last piece of its version's work flip the version.

    LeaseLost when the claim is over or the version was taken back meanwhile.
    """
    hold(session, claim)
    locked = _lock(session, [claim.key])
    if not locked:
        raise LeaseLost
    finish(session, claim)
    return _flip(session, _without_work(session, locked))


def finish_taken_along(
    session: Session,
    claim: Claim,
    job_ids: Collection[uuid.UUID],
    work: dict[uuid.UUID, uuid.UUID],
) -> list[Flipped]:
    """End work that a claim took along, ids by version; flip what has no other work to be done.

    What was taken back meanwhile is left out. LeaseLost when the claim is over.
    """
    hold_jobs(session, claim, job_ids)
    due = still_due(session, work.values())
    locked = _lock(session, [version for version, one in work.items() if one in due])
    ended = [work[row.id] for row in locked]
    session.execute(
        update(Work)
        .where(Work.id.in_(ended))
        .values(state=WorkState.DONE, reason=None)
        .execution_options(synchronize_session=False)
    )
    return _flip(session, _without_work(session, locked))


def _lock(session: Session, version_ids: Collection[uuid.UUID]) -> Sequence[Any]:
    """Lock those of these versions that are still on their way."""
    columns = (
        Version.id,
        Version.state,
        Version.user_id,
        Version.file_id,
        Version.number,
        Version.job_id,
        Version.size,
        Version.chunk_size,
    )
    wanted = select(*columns).where(Version.id.in_(version_ids), Version.state.in_(UNFINISHED))
    return session.execute(wanted.order_by(Version.id).with_for_update()).all()


def _without_work(session: Session, locked: Sequence[Any]) -> list[Any]:
    """Return those of which all is stored. One that still arrives has work that is not known."""
    open_work = set(
        session.scalars(
            select(Work.key).where(
                Work.kind == WorkKind.STORE,
                Work.key.in_([row.id for row in locked]),
                Work.state != WorkState.DONE,
            )
        )
    )
    whole = [row for row in locked if row.state is not VersionState.RECEIVING]
    return [row for row in whole if row.id not in open_work]


def _flip(session: Session, versions: Sequence[Any]) -> list[Flipped]:
    """Show versions, move their bytes from reserved to used, count them in their jobs."""
    if not versions:
        return []
    standing = _look(session, versions)
    lost = {row: standing[row.id].lost for row in versions if standing[row.id].lost}
    _store_again(session, lost)
    versions = [row for row in versions if row not in lost]
    if not versions:
        return []
    less = [row.id for row in versions if standing[row.id].is_less]
    state = case(
        (Version.id.in_(less), VersionState.DEGRADED.value), else_=VersionState.STORED.value
    )
    session.execute(
        update(Version)
        .where(Version.id.in_([row.id for row in versions]))
        .values(
            state=state,
            error_code=None,
            stored_bytes=Version.size,
            sealed_bytes=Version.size,
            received_bytes=Version.size,
            stored_at=func.now(),
        )
        .execution_options(synchronize_session=False)
    )
    _show(session, versions)
    uploads = _end_uploads(session, versions)
    _count_in_jobs(session, Counter(row.job_id for row in versions if row.job_id))
    return [Flipped(row.id, row.job_id, uploads.get(row.id)) for row in versions]


def _look(session: Session, versions: Sequence[Any]) -> dict[uuid.UUID, Any]:
    """Return by version which chunks no account can give back, and whether a shard is missing.

    An account that is just being unlinked is waited for: what is shown after that, unlinking
    counts. IntegrityError unless every chunk is in the index: what is complete is durable.
    """
    of_them = CloudAccount.user_id.in_({row.user_id for row in versions})
    accounts = select(CloudAccount.id).where(of_them).order_by(CloudAccount.id)
    session.execute(accounts.with_for_update(read=True, key_share=True)).all()
    found = {row.version_id: row for row in session.execute(_counting(versions))}
    for version in versions:
        row = found.get(version.id)
        if row is None or row.chunks != max(1, -(-version.size // version.chunk_size)):
            raise IntegrityError("length")
    return found


def _counting(versions: Sequence[Any]) -> Select[Any]:
    of_versions = Chunk.version_id.in_([row.id for row in versions])
    is_held = and_(ShardRow.state.in_(HELD), CloudAccount.state != AccountState.UNLINKED)
    packs = (
        select(Pack.id, Pack.k, Pack.m, func.count().filter(is_held).label("held"))
        .join(ShardRow, ShardRow.pack_id == Pack.id)
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(Pack.id.in_(select(Chunk.pack_id).where(of_versions)))
        .group_by(Pack.id)
        .subquery()
    )
    return (
        select(
            Chunk.version_id,
            func.count().label("chunks"),
            func.bool_or(packs.c.held < packs.c.k + packs.c.m).label("is_less"),
            func.array_agg(Chunk.index).filter(packs.c.held < packs.c.k).label("lost"),
        )
        .join(packs, packs.c.id == Chunk.pack_id)
        .where(of_versions)
        .group_by(Chunk.version_id)
    )


def _store_again(session: Session, lost: Mapping[Any, Sequence[int]]) -> None:
    """Have chunks stored once more whose accounts were lost before their version was shown."""
    for row, indexes in lost.items():
        version = session.get_one(Version, row.id)
        runs.queue_again(session, version, indexes)
        version.state = VersionState.QUEUED
    files = Counter(row.job_id for row in lost if row.job_id)
    events = [
        {"job_id": job_id, "code": "store.again", "args": {"files": count}}
        for job_id, count in files.items()
    ]
    if events:
        session.execute(insert(JobEvent), events)


def _show(session: Session, versions: Sequence[Any]) -> None:
    """Make each the one its file's node shows, unless a higher one is shown, or was stored before.

    So a version that a person made current again stays so against late uploads, and gives way to
    one that was begun after all that is stored.
    A copy begins its own file by that; the one it showed may be nobody's from now on.
    """
    highest: dict[uuid.UUID, int] = {}
    for row in versions:
        highest[row.file_id] = max(row.number, highest.get(row.file_id, 0))
    locked = session.execute(
        select(Node.id, Node.file_id)
        .where(Node.id.in_(highest))
        .order_by(Node.id)
        .with_for_update()
    ).all()
    of = numbers_table()
    size = select(Version.size).where(Version.file_id == of.c.id, Version.number == of.c.n)
    # The first version is no change of the file: and so no index of its node is written again.
    changed = case((Node.version.is_(None), Node.updated_at), else_=func.now())
    session.connection().execute(
        update(Node)
        .where(Node.id == of.c.id, func.coalesce(Node.version, 0) < of.c.n, ~_is_late(of))
        .values(file_id=Node.id, version=of.c.n, size=size.scalar_subquery(), updated_at=changed),
        numbers(highest),
    )
    left = [{"file_id": file_id} for node_id, file_id in locked if file_id != node_id]
    if left:
        session.execute(insert(LeftVersion), left)


def _is_late(of: TableValuedAlias) -> ColumnElement[bool]:
    """Say that a version begun later is stored already."""
    later = select(Version.id).where(
        Version.file_id == of.c.id, Version.number > of.c.n, Version.state.in_(COUNTED)
    )
    return later.exists()


def _end_uploads(session: Session, versions: Sequence[Any]) -> dict[uuid.UUID, uuid.UUID]:
    """End the uploads of versions and settle quotas; return the uploads by version."""
    ended = session.execute(
        delete(Upload)
        .where(Upload.version_id.in_([row.id for row in versions]))
        .returning(Upload.version_id, Upload.id, Upload.reserved_bytes)
        .execution_options(synchronize_session=False)
    ).all()
    reserved = {row.version_id: row.reserved_bytes for row in ended}
    used: Counter[uuid.UUID] = Counter()
    freed: Counter[uuid.UUID] = Counter()
    for row in versions:
        used[row.user_id] += row.size
        freed[row.user_id] += reserved.get(row.id, 0)
    for user_id in sorted(used):
        session.execute(
            update(User)
            .where(User.id == user_id)
            .values(
                used_bytes=User.used_bytes + used[user_id],
                reserved_bytes=User.reserved_bytes - freed[user_id],
            )
        )
    return {row.version_id: row.id for row in ended}


def _count_in_jobs(session: Session, stored: Counter[uuid.UUID]) -> None:
    """Count files in their jobs; a job ends with its last one. Their rows are locked already."""
    jobs = session.execute(
        select(Job.id, Job.kind, Job.state, Job.files_total, Job.files_stored, Job.files_failed)
        .where(Job.id.in_(stored))
        .order_by(Job.id)
    ).all()
    on_their_way = set(
        session.scalars(
            select(Version.job_id)
            .where(Version.job_id.in_(stored), Version.state.in_(UNFINISHED))
            .distinct()
        )
    )
    groups: defaultdict[tuple[int, JobState | None, bool], list[uuid.UUID]] = defaultdict(list)
    events = []
    for job in jobs:
        count, end = stored[job.id], None
        if job.kind is JobKind.STORE and job.id not in on_their_way:
            done = job.files_stored + count
            end = end_of(job.state, done, job.files_failed, job.files_total)
            events.append(_event(job.id, end, done, job.files_failed))
        groups[count, end, end is JobState.DONE and not job.files_failed].append(job.id)
    for (count, end, is_clean), job_ids in groups.items():
        _count(session, job_ids, count, end, is_clean=is_clean)
    if events:
        session.execute(insert(JobEvent), events)


def _event(job_id: uuid.UUID, end: JobState, stored: int, failed: int) -> dict[str, Any]:
    values = {"stored": stored, "failed": failed}
    return {"job_id": job_id, "code": f"job.{end.value}", "args": values}


def _count(
    session: Session,
    job_ids: Sequence[uuid.UUID],
    count: int,
    end: JobState | None,
    *,
    is_clean: bool,
) -> None:
    values: dict[str, Any] = {"files_stored": Job.files_stored + count}
    if end is not None:
        values |= {"state": end, "finished_at": func.now(), "retry_at": None}
    if is_clean:
        values["error_code"] = None
    session.execute(
        update(Job)
        .where(Job.id.in_(job_ids))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
