"""Sizes, shares and times as people read them; never more than is true."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.web import filters
from tests.web.pages.account_samples import NOW

COUNTS = st.integers(0, 1 << 62)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KB"),
        (14_336, "14 KB"),
        (10 * (1 << 20) - 1, "9.99 MB"),
        (10 * (1 << 20), "10 MB"),
        (2_222_981_120, "2.07 GB"),
        (1 << 40, "1 TB"),
        (1 << 60, "1024 PB"),
    ],
)
def test_sizes_have_three_figures_and_are_never_rounded_up(count: int, text: str) -> None:
    assert filters.size(count) == text


def test_a_part_is_said_in_the_unit_of_the_whole() -> None:
    assert filters.size_of(1_845_074_329, 2_222_981_120) == "1.71 of 2.07 GB"
    assert filters.size_of(0, 5) == "0 of 5 B"


@given(COUNTS, COUNTS)
def test_100_percent_means_that_nothing_is_missing(part: int, total: int) -> None:
    shown = filters.percent(part, total)
    assert 0 <= shown <= 100
    assert (shown == 100) == (part >= total > 0)


@given(COUNTS, COUNTS)
def test_a_bar_is_full_only_when_nothing_is_missing(part: int, total: int) -> None:
    assert (filters.width(part, total) == "100%") == (part >= total > 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 s"),
        (40, "40 s"),
        (118, "2 min"),
        (3600, "1 h"),
        (11_100, "3 h 5 min"),
        (200_000, "2 days"),
    ],
)
def test_lengths_of_time_have_the_unit_people_think_in(seconds: int, text: str) -> None:
    assert filters.duration(seconds) == text


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (timedelta(seconds=20), "Just now"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(hours=10), "10 h ago"),
        (timedelta(days=1), "Yesterday"),
        (timedelta(days=4), "Thu 19 Nov"),
        (timedelta(days=20), "3 Nov 2026"),
        (timedelta(minutes=-12), "In 12 min"),
    ],
)
def test_times_read_well_and_carry_the_exact_one(past: timedelta, text: str) -> None:
    shown = filters.ago(NOW - past, NOW)
    assert f">{text}</time>" in shown
    assert f'datetime="{NOW - past:%Y-%m-%dT%H:%M:%SZ}"' in shown


def test_a_time_within_a_sentence_begins_small() -> None:
    assert ">yesterday<" in filters.ago(NOW - timedelta(days=1), NOW, within=True)


def test_counts_carry_their_noun() -> None:
    assert filters.plural(1, "file", "files") == "1 file"
    assert filters.plural(1204, "file", "files") == "1\u202f204 files"


def test_kinds_are_found_by_type_and_unknown_ones_are_files() -> None:
    assert filters.kind("image/tiff") == ("Image", "file-image")
    assert filters.kind("application/x-7z-compressed")[0] == "Archive"
    assert filters.kind("application/octet-stream") == ("File", "file")
    assert filters.kind(None) == ("File", "file")


def test_a_sentence_keeps_its_times_as_times_and_the_rest_as_text() -> None:
    at = NOW + timedelta(minutes=14)
    html = filters.worded(("<b>Drive</b> waits until ", at, "."), NOW)
    assert html.startswith("&lt;b&gt;Drive&lt;/b&gt; waits until <time ")
    assert 'datetime="2026-11-23T14:20:31Z"' in html
    assert html.endswith('data-local="moment">14:20 UTC</time>.')


@pytest.mark.parametrize(
    ("seconds", "end"),
    [
        (11.2, ' (<span data-left="">12</span> s).'),
        (99, ' (<span data-left="">99</span> s).'),
        (100, "</time>."),
        (-1, "</time>."),
    ],
)
def test_what_is_over_soon_is_counted_down(seconds: float, end: str) -> None:
    at = NOW + timedelta(seconds=seconds)
    assert filters.worded(("until ", at, "."), NOW).endswith(end)
