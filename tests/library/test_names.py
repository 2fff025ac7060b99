"""What may be called how (T-19, T-20), and how a second one is called."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.errors import Invalid
from balancecloud.library.names import LONGEST_BYTES, clean_name, numbered, split_path

FINE = ["a", "photo.jpg", "Ünïcödé", "日本語.txt", "%2e%2e", "<script>", "{{7*7}}", "a b", ".x",
        "👩‍👩‍👧", "می‌خواهم", "console.log", "x" * 255, "مرحبا.txt", "שלום עולם.pdf", "ü" * 127,
        "🏳️‍🌈.png", "👍🏽", "é" * 127 + "x", "日" * 85]  # fmt: skip


@pytest.mark.parametrize("name", FINE)
def test_t_15_names_are_kept_as_they_are(name: str) -> None:
    assert clean_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", " .. ", "../x", "..\\x", "a/b", "a\\b", "\0", "a\0b", "a\nb", "C:", "c:x",
     "CON", "con.txt", "Con .txt", "AUX", "nul", "COM1.x", "LPT9", "COM¹", "dot.", "x" * 256,
     "ü" * 128, "\ud800", "a\u2028b", "\x7f"],
)  # fmt: skip
def test_t_19_names_that_climb_hide_or_cannot_be_saved_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        clean_name(name)


@pytest.mark.parametrize(
    "character",
    "\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u00ad\u2060\u061c\u206a\ufff9\u3164\uffa0",
)
def test_t_20_characters_that_deceive_are_refused(character: str) -> None:
    with pytest.raises(Invalid):
        clean_name(f"invoice{character}.pdf")


@pytest.mark.parametrize("joiner", "\u200c\u200d")
def test_t_20_joiners_beside_ascii_are_refused(joiner: str) -> None:
    with pytest.raises(Invalid):
        clean_name(f"a{joiner}b")


def test_a_name_is_measured_in_bytes_as_it_is_kept() -> None:
    """Decomposed it has more bytes than are kept of it."""
    decomposed = "e\u0301" * 127
    assert len(decomposed.encode()) > LONGEST_BYTES
    assert clean_name(decomposed) == "é" * 127


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_t_19_every_control_character_is_refused(code: int) -> None:
    with pytest.raises(Invalid):
        clean_name(f"a{chr(code)}b.txt")


def test_t_20_twins_of_one_spelling_are_one_name() -> None:
    assert clean_name("e\u0301") == clean_name("é")


@given(st.text())
def test_a_clean_name_stays_clean(raw: str) -> None:
    try:
        name = clean_name(raw)
    except Invalid:
        return
    assert clean_name(name) == name
    assert 0 < len(name.encode()) <= LONGEST_BYTES


@pytest.mark.parametrize(
    "path", ["/a", "a//b", "a/", "a/../b", "./a", "a\\b", "a/CON/b", "/".join("x" * 65)]
)
def test_t_19_paths_that_leave_their_folder_are_refused(path: str) -> None:
    with pytest.raises(Invalid):
        split_path(path)


def test_a_relative_path_is_split() -> None:
    assert split_path("a/b c/d.txt") == ["a", "b c", "d.txt"]


@given(stem=st.text("aé日", min_size=1, max_size=120), end=st.text("bü", max_size=250))
def test_a_numbered_name_is_as_clean_as_the_first(stem: str, end: str) -> None:
    try:
        name = clean_name(f"{stem}.{end}")
    except Invalid:
        return
    for number in (2, 999):
        second = numbered(name, number)
        assert clean_name(second) == second
        assert f" ({number})" in second


def test_the_number_stands_before_the_extension() -> None:
    assert numbered("a.txt", 2) == "a (2).txt"
    assert numbered(".profile", 2) == ".profile (2)"
    assert numbered("plain", 3) == "plain (3)"
