"""A job's figures: what the database knows, with what Redis knows besides, never beyond the truth.

Of a version, stored <= sealed <= received <= total, and stored is whole only once it is committed.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger, Subquery, TableValuedAlias, Uuid, case, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from balancecloud.library.views import (
    ChunkCounts,
    FileCounts,
    LaneProgress,
    Progress,
    ShardCounts,
    Stages,
)
from balancecloud.live.progress import STAGES, LiveSnapshot
from balancecloud.models.clouds import Chunk, CloudAccount, ShardRow
from balancecloud.models.jobs import Job
from balancecloud.models.library import Version
from balancecloud.models.states import JobKind, JobState, ShardState, VersionState
from balancecloud.storage.completion import COUNTED

ENDED: Final = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
WAITING: Final = (JobState.RETRYING, JobState.NEEDS_YOU, JobState.PAUSED)
CONFIRMED: Final = (ShardState.STORED, ShardState.VERIFIED)
# Time left is a guess before this, and no more than a wish when nothing moves.
LEAST_SECONDS: Final = 5.0
LEAST_PERCENT: Final = 3
STALLED_SECONDS: Final = 15.0
RATE_SECONDS: Final = 10  # of an account: what it confirmed within that time


@dataclass(frozen=True, slots=True)
class Sums:
    """The versions of one job added up."""

    stages: Stages = field(default_factory=Stages)
    waiting: int = 0
    chunks: ChunkCounts = field(default_factory=ChunkCounts)


def version_stages(live: Iterable[LiveSnapshot]) -> Subquery:
    """Return, as a query, every version with its bytes in each stage.

    Redis is asked before this runs: a version that ends between is then whole in the database.
    """
    known = _told(live)
    is_kept = Version.state.in_(COUNTED)
    # One that was cancelled may have been on its way in still.
    is_here = Version.state.not_in((VersionState.RECEIVING, VersionState.CANCELLED))
    largest = func.greatest  # of null and a number: the number
    received = case(
        (is_here, Version.size),
        else_=func.least(Version.size, largest(Version.received_bytes, known.c.received)),
    )
    sealed = func.least(received, largest(Version.sealed_bytes, known.c.sealed))
    short_of_all = func.least(sealed, largest(Version.size - 1, 0))
    stored = func.least(short_of_all, largest(Version.stored_bytes, known.c.stored))
    # A version is whole in chunks that are full, but for the last: an empty one has none.
    chunks = (Version.size + Version.chunk_size - 1) // Version.chunk_size
    full = cast(sealed, BigInteger) // Version.chunk_size
    return (
        select(
            Version.id,
            Version.job_id,
            chunks.label("chunks"),
            case((is_kept | (sealed >= Version.size), chunks), else_=full).label("chunks_sealed"),
            Version.state,
            Version.size.label("total"),
            received.label("received"),
            case((is_kept, Version.size), else_=sealed).label("sealed"),
            case((is_kept, Version.size), else_=stored).label("stored"),
        )
        .join(known, known.c.id == Version.id, isouter=True)
        .subquery("stages")
    )


def _told(live: Iterable[LiveSnapshot]) -> TableValuedAlias:
    """Return what Redis knows as a table; arrays, since each row of VALUES costs its own time."""
    told = [item for snapshot in live for item in snapshot.files.items()]
    numbers = [[getattr(file, stage) for _, file in told] for stage in STAGES]
    table = func.unnest(
        cast([version_id for version_id, _ in told], ARRAY(Uuid)),
        *(cast(column, ARRAY(BigInteger)) for column in numbers),
    ).table_valued("id", *STAGES, name="told")
    return table.render_derived()


def sums(
    session: Session, job_ids: Sequence[uuid.UUID], live: Mapping[uuid.UUID, LiveSnapshot]
) -> dict[uuid.UUID, Sums]:
    """Return the bytes of these jobs in each stage, in one query."""
    of = version_stages(live.values())
    rows = session.execute(
        select(
            of.c.job_id,
            *(func.sum(of.c[name]) for name in ("total", "received", "sealed", "stored")),
            func.sum(of.c.chunks),
            func.sum(of.c.chunks_sealed),
            func.count().filter(of.c.state == VersionState.WAITING),
        )
        .where(of.c.job_id.in_(job_ids))
        .group_by(of.c.job_id)
    )
    return {
        job_id: Sums(
            Stages(*(int(number) for number in numbers)),
            waiting,
            ChunkCounts(int(chunks), int(sealed)),
        )
        for job_id, *numbers, chunks, sealed, waiting in rows
    }


def lanes(session: Session, job_id: uuid.UUID) -> tuple[LaneProgress, ...]:
    """Return the accounts that take part in a job, with their shards and their speed."""
    now = func.statement_timestamp()
    since = now - func.make_interval(0, 0, 0, 0, 0, 0, RATE_SECONDS)
    sent = func.coalesce(func.sum(ShardRow.length).filter(ShardRow.stored_at > since), 0)
    # A pack holds chunks of many files: each of its shards counts once.
    packs = (
        select(Chunk.pack_id)
        .join(Version, Version.id == Chunk.version_id)
        .where(Version.job_id == job_id)
    )
    rows = session.execute(
        select(
            CloudAccount.id,
            CloudAccount.state,
            case((CloudAccount.paused_until > now, CloudAccount.paused_until)).label("until"),
            func.count().filter(ShardRow.state.in_(CONFIRMED)).label("stored"),
            func.count().label("total"),
            sent.label("sent"),
        )
        .join(ShardRow, ShardRow.account_id == CloudAccount.id)
        .where(ShardRow.pack_id.in_(packs))
        .group_by(CloudAccount.id)
        .order_by(CloudAccount.created_at, CloudAccount.id)
    )
    return tuple(
        LaneProgress(
            row.id, row.state.value, row.until, row.stored, row.total, int(row.sent) // RATE_SECONDS
        )
        for row in rows
    )


def progress(
    job: Job,
    known: Sums,
    live: LiveSnapshot | None,
    accounts: tuple[LaneProgress, ...] = (),
) -> Progress:
    """Put a job's figures together."""
    is_over = job.state in ENDED
    now = live if live is not None and not is_over else LiveSnapshot("db", 0)
    seconds, kind = _time_left(job, known.stages, now)
    return Progress(
        run=now.run,
        seq=now.seq,
        bytes=known.stages,
        files=FileCounts(job.files_total, job.files_stored, job.files_failed, known.waiting),
        shards=_shards(job),
        accounts=accounts,
        rate_in=round(now.rate_in),
        rate_out=round(now.rate_out),
        eta_seconds=seconds,
        eta_kind=kind,
        chunks=known.chunks,
    )


def _shards(job: Job) -> ShardCounts:
    total, done = job.shards_total, job.shards_done
    # Verified means read or listed again later, which no job does yet.
    return ShardCounts(total, min(done, total), 0, job.shards_retried)


def _time_left(job: Job, stages: Stages, live: LiveSnapshot) -> tuple[int | None, str]:
    """Return seconds and how sure they are: of a guess nothing is said."""
    if job.state in ENDED or job.kind is not JobKind.STORE:
        return None, "unknown"
    is_receiving = stages.received < stages.total
    if job.state in WAITING or (live.still_seconds >= STALLED_SECONDS and not is_receiving):
        return None, "waiting"
    if live.seconds < LEAST_SECONDS or stages.stored * 100 < stages.total * LEAST_PERCENT:
        return None, "unknown"
    left = [
        (stages.total - stages.received, live.rate_in),
        (stages.total - stages.stored, live.rate_out),
    ]
    if any(rest and rate < 1 for rest, rate in left):
        return None, "unknown"
    # With every byte stored only the commit is left, for which a second is said.
    return max([1, *(round(rest / rate) for rest, rate in left if rest)]), "estimate"
