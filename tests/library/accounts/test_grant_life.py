"""From when on the end of a grant is warned of."""

from datetime import UTC, datetime, timedelta

import pytest

from balancecloud.library.grant_life import End, Grant, end_to_warn_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def days(count: float) -> datetime:
    return START + timedelta(days=count)


def unused(provider: str) -> Grant:
    return Grant(provider, START, START, None)


def limited(length: float, given_at: datetime | None = START) -> Grant:
    """A grant for so many days, used all the time."""
    return Grant("google_drive", given_at, None, days(length))


@pytest.mark.parametrize(("provider", "life"), [("google_drive", 180), ("onedrive", 90)])
def test_disuse_is_warned_of_two_weeks_ahead(provider: str, life: int) -> None:
    grant = unused(provider)
    assert end_to_warn_of(grant, days(life - 14.01)) is None
    assert end_to_warn_of(grant, days(life - 14)) == End(days(life), "disuse")


def test_a_short_grant_is_warned_of_once_a_third_of_it_is_over() -> None:
    grant = limited(6)
    assert end_to_warn_of(grant, days(1.99)) is None
    assert end_to_warn_of(grant, days(2)) == End(days(6), "time_limit")


def test_a_long_grant_that_ends_by_itself_is_warned_of_two_weeks_ahead() -> None:
    grant = limited(365)
    assert end_to_warn_of(grant, days(350)) is None
    assert end_to_warn_of(grant, days(351)) == End(days(365), "time_limit")


def test_a_grant_of_unknown_beginning_is_warned_of_two_weeks_ahead() -> None:
    assert end_to_warn_of(limited(20, None), days(5.9)) is None
    assert end_to_warn_of(limited(20, None), days(6)) is not None


def test_the_nearer_of_two_ends_is_told() -> None:
    both = Grant("onedrive", START, START, days(85))
    assert end_to_warn_of(both, days(80)) == End(days(85), "time_limit")
    assert end_to_warn_of(Grant("onedrive", START, START, days(100)), days(89)) == End(
        days(90), "disuse"
    )


def test_an_end_that_is_over_is_still_told() -> None:
    assert end_to_warn_of(limited(7), days(30)) == End(days(7), "time_limit")


@pytest.mark.parametrize(
    "grant", [Grant("google_drive", None, None, None), Grant("folder", START, START, None)]
)
def test_of_what_is_not_known_nothing_is_said(grant: Grant) -> None:
    assert end_to_warn_of(grant, days(10_000)) is None
