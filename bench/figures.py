"""Figures, what they are compared with, and the table they become: pure arithmetic."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

NOT_INSTALLED = "not installed"
COLUMNS = (
    "row", "what", "ours", "limit", "÷ limit", "plain", "÷ plain", "peer", "÷ peer", "target",
    "reached",
)  # fmt: skip
Basis = Literal["limit", "plain", "peer", "itself"]


@dataclass(frozen=True)
class Goal:
    """A bound on a figure, or on its ratio to the limit or to the peer."""

    of: Basis
    bound: float
    is_ceiling: bool = False

    def __str__(self) -> str:
        sign = "≤" if self.is_ceiling else "≥"
        return f"{sign} {self.bound:g}" + ("" if self.of == "itself" else f" × {self.of}")  # noqa: RUF001

    def is_reached_by(self, value: float) -> bool:
        return value <= self.bound if self.is_ceiling else value >= self.bound


@dataclass(frozen=True)
class Figure:
    """One line of the table. All its numbers have one unit and come from one run."""

    row: str
    what: str
    unit: str
    ours: float
    limit: float | None = None  # what the set-up allows, computed
    plain: float | None = None  # what a plain program reached at the same limit, in the same run
    peer: float | str | None = None  # or why there is none
    goals: tuple[Goal, ...] = ()
    note: str = ""

    def ratio(self, of: Basis) -> float | None:
        """Return ours ÷ the basis; None where there is nothing to divide by."""
        basis = {"limit": self.limit, "plain": self.plain, "peer": self.peer, "itself": 1.0}[of]
        return self.ours / basis if isinstance(basis, int | float) and basis else None

    @property
    def is_reached(self) -> bool | None:
        """Whether every goal is reached; None when there is none, or one cannot be judged."""
        judged = [
            None if (ratio := self.ratio(goal.of)) is None else goal.is_reached_by(ratio)
            for goal in self.goals
        ]
        if False in judged:
            return False
        return True if judged and None not in judged else None


@dataclass(frozen=True)
class Outcome:
    """What became of one row: figures, or a sentence saying why not; and how steady it was."""

    row: str
    figures: tuple[Figure, ...]
    failure: str
    seconds: float
    hash_before: float  # MB/s of SHA-256 on one core, when the row began
    hash_after: float


def as_document(outcomes: Sequence[Outcome], about: dict[str, Any]) -> dict[str, Any]:
    """Return everything, with the ratios, for JSON."""
    return {**about, "rows": [_row_document(outcome) for outcome in outcomes]}


def _row_document(outcome: Outcome) -> dict[str, Any]:
    figures = [
        asdict(one)
        | {
            "goals": [str(goal) for goal in one.goals],
            "of_limit": one.ratio("limit"),
            "of_plain": one.ratio("plain"),
            "of_peer": one.ratio("peer"),
            "reached": one.is_reached,
        }
        for one in outcome.figures
    ]
    return asdict(outcome) | {"figures": figures}


def as_table(outcomes: Sequence[Outcome], about: dict[str, Any]) -> str:
    """Return the page for people."""
    small = ["", "The sizes are small ones: this run says only that everything runs."]
    lines = [
        "# The engine",
        "",
        f"One run on {about['cores']} cores, which clients, gateway, database, simulated clouds",
        "and peer share. Compare ratios, not speeds:",
        "[what is measured and how](../../docs/benchmarks.md).",
        *(small if about["small"] else []),
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
        *(line for outcome in outcomes for line in _lines(outcome)),
        "",
        *_notes(outcomes),
        "## How steady the machine was",
        "",
        "SHA-256 on one core, before and after each row; the busier the machine, the less.",
        "",
        "| row | seconds | before, MB/s | after, MB/s |",
        "|---|---|---|---|",
        *(
            f"| {one.row} | {one.seconds:.0f} | {one.hash_before:.0f} | {one.hash_after:.0f} |"
            for one in outcomes
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _lines(outcome: Outcome) -> list[str]:
    lines = [_line(figure) for figure in outcome.figures]
    if outcome.failure:
        lines.append(f"| {outcome.row} | failed: {outcome.failure} | | | | | | | | | no |")
    return lines


def _line(one: Figure) -> str:
    reached = {True: "yes", False: "no", None: "not judged" if one.goals else ""}[one.is_reached]
    cells = [
        one.row, one.what, f"{number(one.ours)} {one.unit}".strip(), number(one.limit),
        _ratio(one.ratio("limit")), number(one.plain), _ratio(one.ratio("plain")),
        number(one.peer), _ratio(one.ratio("peer")),
        ", ".join(map(str, one.goals)), reached,
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _notes(outcomes: Sequence[Outcome]) -> list[str]:
    noted = [one for outcome in outcomes for one in outcome.figures if one.note]
    return [f"- {one.row}, {one.what}: {one.note}" for one in noted] + ([""] if noted else [])


def number(value: float | str | None) -> str:
    """Return three significant digits, without an exponent."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
