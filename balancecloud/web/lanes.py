"""Lane maps as SVG paths: a row is an account, a column a chunk or a run of chunks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from balancecloud.library.views import AccountView, ChunkMap, Lane

HEIGHT: Final = 18
HERE: Final = frozenset({"stored", "verified"})
WRONG: Final = frozenset({"failed", "missing", "damaged"})


@dataclass(frozen=True, slots=True)
class DrawnLane:
    """One row: its paths by what a cell is, and the counts its text says."""

    account: AccountView
    stored: str
    waiting: str
    absent: str
    wrong: str
    stored_count: int
    total: int
    width: int


def draw_chunk_map(chunk_map: ChunkMap) -> tuple[DrawnLane, ...]:
    """Return a job's chunk map as rows to draw."""
    return tuple(_draw_lane(lane, chunk_map.columns) for lane in chunk_map.lanes)


@dataclass(frozen=True, slots=True)
class _Row:
    states: Mapping[int, str]
    columns: int
    pitch: int


def _draw_lane(lane: Lane, columns: int) -> DrawnLane:
    states = {cell.column: cell.state for cell in lane.cells}
    return _draw_row(
        lane.account, _Row(states, columns, 10 if columns <= 12 or 28 < columns <= 48 else 7)
    )


def _draw_row(account: AccountView, row: _Row) -> DrawnLane:
    here = [column for column, state in row.states.items() if state in HERE]
    wrong = [column for column, state in row.states.items() if state in WRONG]
    absent = [column for column, state in row.states.items() if state == "planned"]
    taken = {*here, *wrong, *absent}
    return DrawnLane(
        account=account,
        stored=_boxes(here, row.pitch),
        waiting=_boxes((column for column in row.states if column not in taken), row.pitch),
        absent=_boxes([*absent, *wrong], row.pitch),
        wrong=_crosses(wrong, row.pitch),
        stored_count=len(here),
        total=len(row.states),
        width=max(row.columns, 1) * row.pitch,
    )


def _boxes(columns: Iterable[int], pitch: int) -> str:
    side = pitch - 3
    return "".join(
        f"M{column * pitch + 1} 2h{side}v{HEIGHT - 4}h-{side}z" for column in sorted(columns)
    )


def _crosses(columns: Sequence[int], pitch: int) -> str:
    side = pitch - 3
    return "".join(f"M{column * pitch + 1} 6l{side} 6m0-6l-{side} 6" for column in sorted(columns))
