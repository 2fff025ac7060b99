"""The chunk map of one file: which account holds a shard of which chunk, in at most 96 columns."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from balancecloud.library.views import AccountView, ChunkMap, JobFile, Lane, LaneCell
from balancecloud.models.clouds import Chunk, Pack, ShardRow
from balancecloud.models.library import Version
from balancecloud.models.states import ShardState

MOST_COLUMNS: Final = 96
# What a cell says of a shard, the worst first: a column of many chunks says the worst of them.
CELLS: Final[Mapping[ShardState, str]] = {
    ShardState.MISSING: "failed",
    ShardState.DAMAGED: "failed",
    ShardState.INTENT: "sealed",
    ShardState.DELETING: "sealed",
    ShardState.STORED: "stored",
    ShardState.VERIFIED: "verified",
}
RANKS: Final = ("failed", "sealed", "stored", "verified")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file's chunks fall into columns."""

    chunks: int
    per_column: int

    @property
    def columns(self) -> int:
        """The number of columns."""
        return -(-self.chunks // self.per_column)


def shape(size: int, chunk_size: int, most_columns: int = MOST_COLUMNS) -> Shape:
    """Return the columns of a file; an empty file has one chunk."""
    chunks = max(1, -(-size // chunk_size))
    return Shape(chunks, -(-chunks // most_columns))


def chunk_map(
    session: Session,
    file: JobFile,
    accounts: Sequence[AccountView],
    most_columns: int = MOST_COLUMNS,
) -> ChunkMap | None:
    """Return the map of a version over these accounts; None when the version is gone."""
    facts = session.execute(
        select(Version.size, Version.chunk_size).where(Version.id == file.version_id)
    ).one_or_none()
    if facts is None:
        return None
    form = shape(facts.size, facts.chunk_size, most_columns)
    layout = session.execute(
        select(Pack.k, Pack.m)
        .join(Chunk, Chunk.pack_id == Pack.id)
        .where(Chunk.version_id == file.version_id)
        .order_by(Chunk.index)
        .limit(1)
    ).one_or_none()
    cells = _cells(session, file.version_id, form)
    reached = {number for found in cells.values() for number in found}
    return ChunkMap(
        file=file,
        chunks=form.chunks,
        chunks_per_column=form.per_column,
        columns=form.columns,
        k=layout.k if layout else 0,
        m=layout.m if layout else 0,
        lanes=tuple(
            Lane(account, _lane(cells.get(account.id, {}), reached, form)) for account in accounts
        ),
    )


def _cells(session: Session, version_id: uuid.UUID, form: Shape) -> dict[uuid.UUID, dict[int, str]]:
    """Return each account's columns with the worst that is known of them."""
    rows = session.execute(
        select(ShardRow.account_id, func.div(Chunk.index, form.per_column), ShardRow.state)
        .join(Chunk, Chunk.pack_id == ShardRow.pack_id)
        .where(Chunk.version_id == version_id)
        .distinct()
    )
    found: dict[uuid.UUID, dict[int, str]] = {}
    for account_id, column, state in rows:
        cells = found.setdefault(account_id, {})
        cells[int(column)] = worst({CELLS[state], *filter(None, [cells.get(int(column))])})
    for column in _unfinished(session, version_id, form):
        for cells in found.values():
            if column in cells:
                cells[column] = worst({cells[column], CELLS[ShardState.INTENT]})
    return found


def _unfinished(session: Session, version_id: uuid.UUID, form: Shape) -> list[int]:
    """Return the columns of which some chunks are not sealed yet."""
    number = func.div(Chunk.index, form.per_column)
    rows = session.execute(
        select(number, func.count()).where(Chunk.version_id == version_id).group_by(number)
    )
    return [
        int(column)
        for column, count in rows
        if count < min(form.per_column, form.chunks - int(column) * form.per_column)
    ]


def worst(states: Iterable[str]) -> str:
    """Return what is worst among the states of cells."""
    return min(states, key=RANKS.index)


def _lane(cells: Mapping[int, str], reached: set[int], form: Shape) -> tuple[LaneCell, ...]:
    """Return an account's cells: its own, and an outline where nobody has anything yet."""
    columns = ((number, cells.get(number)) for number in range(form.columns))
    return tuple(
        LaneCell(number, state or "planned")
        for number, state in columns
        if state or number not in reached
    )
