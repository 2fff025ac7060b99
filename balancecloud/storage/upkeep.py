"""Finding the packs that do not lie as asked, and writing down the work that mends them.

As asked means: as many accounts may be lost as the library's protection says, as far as there are
linked failure domains for it; not more; and at least half of the pack is still wanted. Linking an
account alone therefore rewrites nothing that is protected as asked.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.jobs import Job, JobEvent, Work
from balancecloud.models.library import Version
from balancecloud.models.people import User
from balancecloud.models.states import (
    AccountState,
    JobKind,
    JobState,
    ShardState,
    WorkKind,
    WorkState,
)
from balancecloud.storage import cleanup
from balancecloud.storage.completion import COUNTED
from balancecloud.storage.hold import hold
from balancecloud.storage.standing import HELD, reassess_packs
from balancecloud.storage.tools import Tools
from balancecloud.storage.work import (
    MOVE_PRIORITY,
    REPAIR_PRIORITY,
    Claim,
    finish,
    insert_packs,
)

MENDING: Final = (WorkKind.REPAIR, WorkKind.MOVE)
# An account that has been away for so long counts as lost: its shards are built again elsewhere.
LOST_AFTER: Final = timedelta(days=7)
# After a person cancelled a repair nothing is begun for so long, unless they change something.
LEFT_ALONE_FOR: Final = timedelta(days=1)
# Written down at once; the job goes on with the next ones when these are done.
AT_MOST: Final = 1000
_OPEN = (*cleanup.OPEN, JobState.NEEDS_YOU)
_NOT_HERE = (AccountState.SIGN_IN_AGAIN, AccountState.SILENT)
# Of a sealed chunk besides its frames, and of each frame (docs/format.md, section 5).
_HEADER, _TAG = 192, 16


def is_lost(account: type[CloudAccount] = CloudAccount) -> ColumnElement[bool]:
    """Say, in a query, whether an account is given up: unlinked, or away for too long."""
    been_long = account.state_since <= func.statement_timestamp() - LOST_AFTER
    return or_(
        account.state == AccountState.UNLINKED,
        and_(account.state.in_(_NOT_HERE), been_long),
    )


def possible_losses(user_id: uuid.UUID | ColumnElement[uuid.UUID]) -> ColumnElement[int]:
    """Return how many accounts a person's packs should survive: as asked, and as domains allow."""
    linked = aliased(CloudAccount)
    domains = (
        select(func.count(func.distinct(linked.domain)))
        .where(linked.user_id == user_id, ~is_lost(linked))
        .scalar_subquery()
    )
    asked = select(User.protection).where(User.id == user_id).scalar_subquery()
    return func.least(asked, func.greatest(domains - 1, 0))


def gather(session: Session, user_id: uuid.UUID) -> list[uuid.UUID]:
    """Write down work for a person's packs that are not as asked; return the work to ring for.

    Nothing happens while another transaction does the same. Nothing here commits.
    """
    key = func.hashtextextended(f"upkeep {user_id}", 0)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(key))):
        return []
    found = session.execute(_not_as_asked(user_id).where(_is_free()).limit(AT_MOST)).all()
    moves = {row.id: row.shards for row in found if row.is_move}
    repairs = {row.id: row.lacking for row in found if not row.is_move}
    if len(found) < AT_MOST:
        left = AT_MOST - len(found)
        sparse = session.execute(_sparse(user_id).where(_is_free()).limit(left)).all()
        moves |= {row.id: row.shards for row in sparse if row.id not in repairs}
    if not (moves or repairs):
        return []
    job = _job(session, user_id)
    job.shards_total += sum(moves.values()) + sum(repairs.values())
    _tell(session, job, [*moves, *repairs])
    of_job = (user_id, job.id)
    return [
        *insert_packs(session, WorkKind.REPAIR, repairs, of_job, REPAIR_PRIORITY),
        *insert_packs(session, WorkKind.MOVE, moves, of_job, MOVE_PRIORITY),
    ]


@dataclass(frozen=True, slots=True)
class Fault:
    """In which way a pack is not as asked, and how many losses it should survive."""

    wanted: int
    is_sparse: bool
    has_wrong_parity: bool


def examine(session: Session, user_id: uuid.UUID, pack_id: uuid.UUID) -> Fault | None:
    """Return what is to be mended of a pack; None when nothing is, or it is gone."""
    is_this = Pack.id == pack_id
    row = session.execute(_not_as_asked(user_id).where(is_this)).one_or_none()
    is_sparse = session.execute(_sparse(user_id).where(is_this)).first() is not None
    if row is None and not is_sparse:
        return None
    wanted = session.scalars(select(possible_losses(user_id))).one()
    if row is not None:
        return Fault(wanted, is_sparse, bool(row.is_move))
    # Never less protected for the sake of its holes.
    m = session.scalars(select(Pack.m).where(is_this)).one()
    return Fault(max(wanted, m), is_sparse, has_wrong_parity=False)


def hold_job(session: Session, user_id: uuid.UUID) -> None:
    """Lock the job that mends a person's packs, before its work and the person's own row."""
    session.scalar(_open_jobs(user_id).with_for_update())


def forget_failures(session: Session, user_id: uuid.UUID) -> None:
    """Let packs be tried again that were given up: something has changed."""
    session.execute(
        update(Work)
        .where(Work.user_id == user_id, Work.kind.in_(MENDING), Work.state == WorkState.DEAD)
        .values(state=WorkState.DONE)
        .execution_options(synchronize_session=False)
    )


def sweep(tools: Tools) -> None:
    """Look at every library for packs that are not as asked, and for moves that were given up."""
    with tools.sessions() as session:
        people = session.scalars(select(Pack.user_id).distinct()).all()
    _gather_for(tools, people)


def sweep_marked(tools: Tools) -> None:
    """Look at the libraries in which a shard was found missing or damaged."""
    marked = (ShardState.MISSING, ShardState.DAMAGED)
    query = (
        select(Pack.user_id)
        .join(ShardRow, ShardRow.pack_id == Pack.id)
        .where(ShardRow.state.in_(marked), Pack.cleanup_job_id.is_(None))
        .distinct()
    )
    with tools.sessions() as session:
        people = session.scalars(query).all()
    _gather_for(tools, people)


def _gather_for(tools: Tools, people: Collection[uuid.UUID]) -> None:
    for user_id in people:
        with tools.sessions.begin() as session:
            give_up_moves(session, user_id)
            if not _is_left_alone(session, user_id):
                _show(session, gather(session, user_id))


def _show(session: Session, work_ids: Collection[uuid.UUID]) -> None:
    """Show in versions what is true of packs that were found just now."""
    packs = session.scalars(select(Work.key).where(Work.id.in_(work_ids))).all()
    reassess_packs(session, packs)


def end(session: Session, claim: Claim) -> None:
    """End the work on a pack, and with the last one its job; LeaseLost as usual."""
    hold(session, claim)
    reassess_packs(session, [claim.key])
    finish(session, claim)
    if claim.job_id:
        close_if_over(session, claim.job_id)


def note_failure(session: Session, claim: Claim) -> None:
    """Show what is true of a pack that could not be mended; its job may be over with it."""
    reassess_packs(session, [claim.key])
    if claim.job_id:
        close_if_over(session, claim.job_id)


def close_if_over(session: Session, job_id: uuid.UUID) -> None:
    """End a repair job once none of its work is left, unless there is more of it to be found."""
    job = session.get_one(Job, job_id, with_for_update=True, populate_existing=True)
    if job.kind is not JobKind.REPAIR or job.finished_at is not None:
        return
    session.flush()
    left = select(Work.id).where(Work.job_id == job_id)
    if session.scalar(left.where(Work.state.in_((WorkState.DUE, WorkState.LEASED))).limit(1)):
        return
    is_cancelled = job.state is JobState.CANCELLING
    found = [] if is_cancelled else gather(session, job.user_id)
    if found:
        _show(session, found)
        return
    is_dead = session.scalar(left.where(Work.state == WorkState.DEAD).limit(1)) is not None
    job.state = JobState.FAILED if is_dead else JobState.DONE
    if is_cancelled:
        job.state = JobState.CANCELLED
    job.finished_at = session.scalar(func.now().select())
    job.retry_at = None
    job.shards_total = job.shards_done
    if not is_dead:
        job.error_code = None
        values = {"shards": job.shards_done}
        session.add(JobEvent(job_id=job_id, code="job.repaired", args=values))


def give_up(session: Session, job_id: uuid.UUID) -> None:
    """End all work of a repair job, whoever holds it, and clean up what was on its way."""
    job = session.get_one(Job, job_id)
    if job.kind is not JobKind.REPAIR:
        return
    session.execute(
        update(Work)
        .where(Work.job_id == job_id, Work.kind.in_(MENDING))
        .values(state=WorkState.DONE, owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    job.shards_total = job.shards_done
    session.flush()
    give_up_moves(session, job.user_id)


def give_up_moves(session: Session, user_id: uuid.UUID) -> None:
    """Clean up the packs that were to replace others and that nobody works on any more."""
    at_work = select(Work.id).where(
        Work.key == Pack.replaces_id,
        Work.kind.in_(MENDING),
        Work.state.in_((WorkState.DUE, WorkState.LEASED)),
    )
    orphans = session.scalars(
        select(Pack.id).where(
            Pack.user_id == user_id,
            Pack.replaces_id.is_not(None),
            Pack.cleanup_job_id.is_(None),
            ~at_work.exists(),
        )
    ).all()
    if orphans:
        cleanup.clean_packs(session, user_id, orphans)


def open_job(user_id: uuid.UUID) -> ColumnElement[uuid.UUID]:
    """Return, for a query, the job that mends a person's packs, if one is under way."""
    return _open_jobs(user_id).with_only_columns(Job.id).scalar_subquery()


def _open_jobs(user_id: uuid.UUID) -> Select[Job]:
    return (
        select(Job)
        .where(Job.user_id == user_id, Job.kind == JobKind.REPAIR, Job.state.in_(_OPEN))
        .order_by(Job.created_at)
        .limit(1)
    )


def _job(session: Session, user_id: uuid.UUID) -> Job:
    """Return the person's open repair job, a new one where there is none."""
    job = session.scalar(_open_jobs(user_id).with_for_update())
    if job is None:
        kind, state = JobKind.REPAIR, JobState.QUEUED
        job = Job(user_id=user_id, kind=kind, state=state, source=cleanup.TIDYING, shards_total=0)
        session.add(job)
        session.flush()
    return job


def _tell(session: Session, job: Job, packs: Collection[uuid.UUID]) -> None:
    files = session.scalars(
        select(func.count(func.distinct(Version.file_id)))
        .select_from(Chunk)
        .join(Version, Version.id == Chunk.version_id)
        .where(Chunk.pack_id.in_(packs))
    ).one()
    session.add(JobEvent(job_id=job.id, code="repair.found", args={"files": files}))


def _is_left_alone(session: Session, user_id: uuid.UUID) -> bool:
    lately = Job.finished_at > func.now() - LEFT_ALONE_FOR
    cancelled = select(Job.id).where(
        Job.user_id == user_id,
        Job.kind == JobKind.REPAIR,
        or_(Job.state == JobState.CANCELLING, and_(Job.state == JobState.CANCELLED, lately)),
    )
    return session.scalar(cancelled.limit(1)) is not None


def _not_as_asked(user_id: uuid.UUID) -> Select[uuid.UUID, int, int, bool]:
    """Select packs that survive fewer losses than they should, or more than is asked for.

    A pack with fewer than k shards is lost, or waits for its accounts: nothing can be done for it.
    """
    is_good = and_(ShardRow.state.in_(HELD), ~is_lost())
    good = func.count(func.distinct(CloudAccount.domain)).filter(is_good)
    readable = func.count().filter(is_good)
    asked = select(User.protection).where(User.id == user_id).scalar_subquery()
    wanted = possible_losses(user_id)
    is_less = good - Pack.k < wanted
    lacking = Pack.k + Pack.m - good
    is_move = or_(Pack.m < wanted, Pack.m > asked)
    return (
        select(
            Pack.id,
            (Pack.k + Pack.m).label("shards"),
            lacking.label("lacking"),
            is_move.label("is_move"),
        )
        .join(ShardRow, ShardRow.pack_id == Pack.id)
        .join(CloudAccount, CloudAccount.id == ShardRow.account_id)
        .where(Pack.user_id == user_id, _is_settled())
        .group_by(Pack.id)
        .having(readable >= Pack.k, or_(is_less, Pack.m > asked))
        .order_by((good - Pack.k).asc(), Pack.id)
    )


def _sparse(user_id: uuid.UUID) -> Select[uuid.UUID, int]:
    """Select packs of which less than half is wanted: the rest are holes that deletions left."""
    living = func.sum(living_length())
    return (
        select(Pack.id, (Pack.k + Pack.m).label("shards"))
        .join(Chunk, Chunk.pack_id == Pack.id)
        .join(Version, Version.id == Chunk.version_id)
        .where(Pack.user_id == user_id, _is_settled())
        .group_by(Pack.id)
        .having(living * 2 < Pack.length)
    )


def living_length() -> ColumnElement[int]:
    """Return a chunk's sealed length, in a query; without its padding, which is a ninth at most."""
    plain = func.least(Version.size - Chunk.index * Version.chunk_size, Version.chunk_size)
    frame = func.power(2, Version.frame_log2)
    frames = case((plain <= 0, 1), else_=func.ceil(plain / frame))
    return func.greatest(plain, 0) + _HEADER + _TAG * frames


def _is_settled() -> ColumnElement[bool]:
    """Say whether a pack is stored and in use."""
    chunk = select(Chunk.version_id).where(Chunk.pack_id == Pack.id)
    on_its_way = chunk.join(Version, Version.id == Chunk.version_id).where(
        Version.state.not_in(COUNTED)
    )
    return and_(
        Pack.cleanup_job_id.is_(None),
        Pack.replaces_id.is_(None),
        chunk.correlate(Pack).exists(),
        ~on_its_way.correlate(Pack).exists(),
    )


def _is_free() -> ColumnElement[bool]:
    """Say whether a pack is nobody's to mend, and was not given up."""
    known = select(Work.id).where(
        Work.kind.in_(MENDING), Work.key == Pack.id, Work.state != WorkState.DONE
    )
    return ~known.exists()
