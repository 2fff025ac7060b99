"""Small chunks that wait for a pack: which go together, and until when the others wait."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import extract, func, select
from sqlalchemy.orm import Session

from balancecloud.config import Config
from balancecloud.crypto.frames import body_length
from balancecloud.crypto.packs import MOST_MEMBERS
from balancecloud.crypto.places import CHUNK_HEADER_LENGTH
from balancecloud.models.clouds import Chunk
from balancecloud.models.jobs import Work
from balancecloud.models.library import Version
from balancecloud.models.states import WorkKind, WorkState
from balancecloud.storage import intents
from balancecloud.storage.intents import Intended
from balancecloud.storage.packing import place_of
from balancecloud.storage.runs import total_chunks
from balancecloud.storage.work import TAIL, not_paused

# So many packs of one claim: then others have their turn.
PACKS_AT_ONCE: Final = 4
# What keeps arriving is not waited for longer than so many times the quiet.
MOST_QUIETS: Final = 10
# What was tried more often goes alone, so that one that kills its workers takes no other along.
TRIES_IN_COMPANY: Final = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """One small chunk that is due: a version's last."""

    work_id: uuid.UUID
    version_id: uuid.UUID
    job_id: uuid.UUID | None
    index: int
    sealed_bytes: int
    kind: tuple[int, int]  # epoch and protection: a pack has one of each
    attempt: int
    age: float  # seconds since it was due


@dataclass(frozen=True, slots=True)
class Group:
    """What goes into one pack; `intended` where an earlier claim began just this one."""

    waiting: tuple[Waiting, ...]
    intended: Intended | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one claim stores, and how many seconds what is left waits for company."""

    groups: tuple[Group, ...]
    rest_seconds: float = 0.0


def next_batch(session: Session, config: Config, user_id: uuid.UUID) -> Batch:
    """Return what of a person's small chunks is to be stored now, in the order in which it came."""
    due = _due(session, user_id)
    begun = _begun(session, due)
    taken = {one.work_id for group in begun for one in group.waiting}
    fresh = [one for one in due if one.work_id not in taken]
    limit = CHUNK_HEADER_LENGTH + body_length(config.chunk_size, config.frame_log2)
    full, short = _pack(fresh, limit)
    wait = _rest(short, config.pack_quiet_seconds)
    groups = [*begun, *full, *(short if wait <= 0 else ())]
    return Batch(tuple(groups[:PACKS_AT_ONCE]), max(0.0, wait))


def _due(session: Session, user_id: uuid.UUID) -> list[Waiting]:
    age = extract("epoch", func.statement_timestamp() - Work.due_at)
    rows = session.execute(
        select(Work.id, Work.job_id, Work.attempt, age.label("age"), *_PLACE)
        .join(Version, Version.id == Work.key)
        .where(
            Work.user_id == user_id,
            Work.kind == WorkKind.STORE,
            Work.run == TAIL,
            Work.state == WorkState.DUE,
            Work.due_at <= func.statement_timestamp(),
            not_paused(),
        )
        .order_by(Work.due_at, Work.id)
        .limit(MOST_MEMBERS)
    )
    return [_waiting(row) for row in rows]


_PLACE = (
    Version.id.label("version_id"),
    Version.user_id,
    Version.file_id,
    Version.number,
    Version.size,
    Version.chunk_size,
    Version.frame_log2,
    Version.pad,
    Version.epoch,
    Version.protection,
)


def _waiting(row: Any) -> Waiting:
    index = total_chunks(row) - 1
    return Waiting(
        row.id,
        row.version_id,
        row.job_id,
        index,
        place_of(row, index).sealed_len,
        (row.epoch, row.protection),
        row.attempt,
        float(row.age),
    )


def _begun(session: Session, due: Sequence[Waiting]) -> list[Group]:
    """Return the packs that an earlier claim began and that can still be what they were to be.

    One of which a chunk was taken back can be completed no more, unless all of it is stored.
    """
    wanted = {(one.version_id, one.index): one for one in due}
    rows = session.execute(
        select(Chunk.version_id, Chunk.index, Chunk.pack_id).where(
            Chunk.version_id.in_([one.version_id for one in due])
        )
    )
    packs = {pack_id for version_id, index, pack_id in rows if (version_id, index) in wanted}
    found = []
    for pack in intents.find(session, packs) if packs else ():
        waiting = tuple(wanted[key] for key in pack.salts if key in wanted)
        is_whole = (
            pack.can_go_on
            and len(waiting) == len(pack.salts)
            and sum(one.sealed_bytes for one in waiting) == pack.length
        )
        if is_whole or pack.is_complete:
            found.append(Group(waiting, pack))
    return found


def _pack(fresh: Iterable[Waiting], limit: int) -> tuple[list[Group], list[Group]]:
    """Put chunks together in their order: packs that are full, and those that are not yet."""
    full: list[Group] = []
    filling: defaultdict[tuple[int, int], list[Waiting]] = defaultdict(list)
    filled: defaultdict[tuple[int, int], int] = defaultdict(int)
    for one in fresh:
        if one.attempt >= TRIES_IN_COMPANY:
            full.append(Group((one,)))
            continue
        if filled[one.kind] + one.sealed_bytes > limit:
            full.append(Group(tuple(filling.pop(one.kind, ()))))
            filled[one.kind] = 0
        filling[one.kind].append(one)
        filled[one.kind] += one.sealed_bytes
    short: list[Group] = []
    for mates in filling.values():
        (full if len(mates) >= MOST_MEMBERS else short).append(Group(tuple(mates)))
    return full, short


def _rest(short: Sequence[Group], quiet: float) -> float:
    """Return for how many seconds packs that are not full wait for company."""
    ages = [one.age for group in short for one in group.waiting]
    if not ages or max(ages) >= MOST_QUIETS * quiet:
        return 0.0
    return quiet - min(ages)
