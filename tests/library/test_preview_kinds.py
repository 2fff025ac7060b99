"""What a file is shown as: its name and its first bytes must agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.library import preview_text
from balancecloud.library.preview_kinds import PROMISED, shown_as
from tests.library.hostile_files import HTML, SVG, moving, picture, tone

PDF = b"%PDF-1.7\n1 0 obj\n"
MP4 = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
WEBM = b"\x1aE\xdf\xa3\x9fB\x86\x81"


@pytest.mark.parametrize(
    ("name", "head", "kind", "mime_type"),
    [
        ("a.png", picture("PNG"), "picture", "image/png"),
        ("a.JPG", picture("JPEG"), "picture", "image/jpeg"),
        ("a.jpg", picture("PNG"), "picture", "image/png"),
        ("a.avif", picture("AVIF"), "picture", "image/avif"),
        ("a.webp", picture("WEBP"), "picture", "image/webp"),
        ("a.gif", moving(), "picture", "image/gif"),
        ("a", picture("PNG"), "picture", "image/png"),
        ("a.wav", tone(1), "audio", "audio/wav"),
        ("a.mp3", b"ID3\4\0", "audio", "audio/mpeg"),
        ("a.mp3", b"\xff\xfb\x90\x64", "audio", "audio/mpeg"),
        ("a.opus", b"OggS\0\2", "audio", "audio/ogg"),
        ("a.mp4", MP4, "video", "video/mp4"),
        ("a.webm", WEBM, "video", "video/webm"),
        ("a.pdf", PDF, "pdf", "application/pdf"),
        ("notes", b"The ferry", "text", "text/plain"),
    ],
)
def test_what_name_and_bytes_agree_on_is_shown(
    name: str, head: bytes, kind: str, mime_type: str
) -> None:
    shown = shown_as(name, head[:4096])
    assert (shown.kind, shown.mime_type) == (kind, mime_type)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.png", HTML),
        ("a.jpg", SVG),
        ("a.pdf", HTML),
        ("a.pdf", b"<html>" + PDF),
        ("a.mp4", HTML),
        ("a.mp4", HEIC),
        ("a.webm", MP4),
        ("a.wav", picture("WEBP")),
        ("a.png", picture("TIFF")),
        ("a.mp3", picture("JPEG")),
    ],
)
def test_what_a_name_promises_and_bytes_deny_is_not_shown(name: str, head: bytes) -> None:
    assert shown_as(name, head).kind == "mismatch"


@pytest.mark.parametrize("name", ["a.svg", "a.html", "a.xhtml", "a.xml", "a.txt", "a.svg.txt"])
@pytest.mark.parametrize("head", [HTML, SVG])
def test_markup_is_text_whatever_its_name(name: str, head: bytes) -> None:
    assert shown_as(name, head).kind == "text"


@pytest.mark.parametrize("name", ["a.html", "a.bin", "a.txt", "a"])
@pytest.mark.parametrize("head", [PDF + b"\0", MP4, WEBM, tone(1), picture("TIFF")])
def test_nothing_is_played_that_does_not_say_so_in_its_name(name: str, head: bytes) -> None:
    assert shown_as(name, head[:4096]).kind == "other"


@given(name=st.text(max_size=20), ending=st.sampled_from(["", *PROMISED]), head=st.binary())
def test_only_listed_types_are_ever_named(name: str, ending: str, head: bytes) -> None:
    assert shown_as(name + ending, head).mime_type in {*PROMISED.values(), "text/plain"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_the_encodings_people_have(encoding: str) -> None:
    content = "Zürich, 50 €\r\nGrüße".encode(encoding)
    assert shown_as("a.txt", content).kind == "text"
    assert preview_text.read(content) == "Zürich, 50 €\nGrüße"


def test_utf_16_in_the_other_order_is_read_by_its_mark() -> None:
    assert preview_text.read("\ufeffGrüße".encode("utf-16-be")) == "Grüße"


@given(text=st.text(min_size=1), cut=st.integers(0, 3))
def test_text_that_is_cut_within_a_sign_stays_what_it_was(text: str, cut: int) -> None:
    content = text.encode("utf-8", "ignore")
    whole, part = preview_text.read(content), preview_text.read(content[: len(content) - cut])
    assert cut == 0 or not part or whole.startswith(part.rstrip("\n")) or "\r" in text


@given(content=st.binary(max_size=200))
def test_no_sign_that_a_page_would_act_on_is_left(content: bytes) -> None:
    left = {sign for sign in preview_text.read(content) if sign < " " or sign == "\x7f"}
    assert left <= {"\t", "\n"}


def test_first_lines_are_the_first_lines() -> None:
    assert preview_text.first_lines(b"1\n2\n3\n4", 2) == "1\n2"
    assert preview_text.first_lines(b"1", 2) == "1"
