"""The arithmetic of the table."""

import json

import pytest

from bench.figures import NOT_INSTALLED, Figure, Goal, Outcome, as_document, as_table

ABOUT = {"cores": 2, "small": False}
STORED = Figure(
    "store", "stored", "MB/s", 54.0, limit=60.0, plain=57.0, peer=18.0,
    goals=(Goal("limit", 0.9), Goal("peer", 2.5)),
)  # fmt: skip


def outcome(*figures: Figure, failure: str = "") -> Outcome:
    return Outcome("store", figures, failure, 12.0, 1500.0, 900.0)


def test_ratios_are_ours_divided_by_the_basis() -> None:
    assert STORED.ratio("limit") == pytest.approx(0.9)
    assert STORED.ratio("plain") == pytest.approx(54 / 57)
    assert STORED.ratio("peer") == pytest.approx(3.0)
    assert STORED.is_reached is True


def test_every_goal_must_be_reached() -> None:
    slow = Figure("store", "stored", "MB/s", 53.9, 60.0, peer=18.0, goals=STORED.goals)

    assert slow.is_reached is False


def test_a_ceiling_is_reached_from_below() -> None:
    ceiling = (Goal("itself", 250, is_ceiling=True),)

    assert Figure("memory", "worker", "MB", 250, goals=ceiling).is_reached is True
    assert Figure("memory", "worker", "MB", 251, goals=ceiling).is_reached is False


def test_nothing_is_judged_by_a_peer_that_is_not_installed() -> None:
    alone = Figure("cpu", "stored", "s/GB", 5.0, peer=NOT_INSTALLED, goals=(Goal("peer", 0.7),))

    assert alone.ratio("peer") is None
    assert alone.is_reached is None
    assert f"| {NOT_INSTALLED} |  | ≥ 0.7 × peer | not judged |" in as_table(  # noqa: RUF001
        [outcome(alone)], ABOUT
    )


def test_a_goal_that_is_missed_shows_even_without_the_peer() -> None:
    slow = Figure("store", "stored", "MB/s", 30.0, 60.0, peer=NOT_INSTALLED, goals=STORED.goals)

    assert slow.is_reached is False


def test_a_line_of_the_table_holds_every_number() -> None:
    line = next(
        line for line in as_table([outcome(STORED)], ABOUT).splitlines() if "stored" in line
    )

    assert line == (
        "| store | stored | 54 MB/s | 60 | 0.90 | 57 | 0.95 | 18 | 3.00 "
        "| ≥ 0.9 × limit, ≥ 2.5 × peer | yes |"  # noqa: RUF001
    )


def test_a_row_that_failed_says_so_and_the_noise_is_told() -> None:
    table = as_table([outcome(failure="RuntimeError: no")], ABOUT)

    assert "| store | failed: RuntimeError: no |" in table
    assert "| store | 12 | 1500 | 900 |" in table


def test_the_document_carries_ratios_and_goals() -> None:
    document = json.loads(json.dumps(as_document([outcome(STORED)], ABOUT)))

    figure = document["rows"][0]["figures"][0]
    assert figure["of_limit"] == pytest.approx(0.9)
    assert figure["of_peer"] == pytest.approx(3.0)
    assert figure["reached"] is True
    assert document["rows"][0]["hash_after"] == 900.0
