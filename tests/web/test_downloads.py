"""Ranges and headers of downloads."""

import errno
import io
import secrets
from collections.abc import Iterator

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from balancecloud.errors import BadRangeAsked, Unavailable
from balancecloud.extensions import db
from balancecloud.library.downloads import ByteRange, parse_range
from balancecloud.web.downloads import PIECE, _chained, disposition, in_pieces
from tests.web.program import Program


@given(size=st.integers(1, 10_000), data=st.data())
def test_a_range_is_what_slicing_says(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, 2 * size))
    assert parse_range(f"bytes={first}-{last}", size) == ByteRange(first, min(size, last + 1))
    assert parse_range(f"bytes={first}-", size) == ByteRange(first, size)


@given(size=st.integers(1, 10_000), length=st.integers(1, 20_000))
def test_a_suffix_is_the_end_of_the_file(size: int, length: int) -> None:
    assert parse_range(f"bytes=-{length}", size) == ByteRange(max(0, size - length), size)


@pytest.mark.parametrize(
    "header", ["bytes=10-", "bytes=11-20", "bytes=-0", "bytes=" + "9" * 40 + "-"]
)
def test_a_range_outside_the_file_is_refused(header: str) -> None:
    with pytest.raises(BadRangeAsked):
        parse_range(header, 10)


@pytest.mark.parametrize("header", [None, "", "items=0-1", "bytes=0-1,3-4", "bytes=5-2", "bytes=-"])
def test_what_is_not_one_range_is_ignored(header: str | None) -> None:
    assert parse_range(header, 10) is None


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(BadRangeAsked):
        parse_range("bytes=0-0", 0)


@given(name=st.text(min_size=1, max_size=80))
def test_t_19_no_name_leaves_its_header(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    quoted = header.split('filename="')[1].split('"; filename*=')[0]
    assert '"' not in quoted


@given(lengths=st.lists(st.integers(0, 3 * PIECE), max_size=4))
def test_t_32_a_reader_is_sent_small_pieces_of_the_same_bytes(lengths: list[int]) -> None:
    stretches = [bytes([number]) * length for number, length in enumerate(lengths)]
    pieces = list(in_pieces(iter(stretches)))
    assert b"".join(pieces) == b"".join(stretches)
    assert all(0 < len(piece) <= PIECE for piece in pieces)


def test_a_range_asks_the_database_few_things(app: Flask, program: Program) -> None:
    program.register()
    content = secrets.token_bytes(100_000)
    bearer = {"Authorization": f"Bearer {program.token}"}
    form = {"file": (io.BytesIO(content), "a.bin")}
    made = program.client.post("/api/files/upload", data=form, headers=bearer).get_json()
    asked: list[str] = []
    with app.app_context():
        engine = db.engine

    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    answer = program.call(
        "GET", f"/api/files/{made['id']}/download", headers={"Range": "bytes=50000-50099"}
    )

    assert answer.data == content[50_000:50_100]
    # Who is it, the node, its version, the person's key, upload and parts.
    assert len(asked) == 6, asked


def test_a_download_that_cannot_go_on_is_reset_as_the_server_takes_it_quietly() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise Unavailable

    chained = _chained(b"", pieces())

    assert [next(chained), next(chained)] == [b"", b"first"]
    with pytest.raises(ConnectionResetError) as found:
        next(chained)
    assert found.value.errno == errno.ECONNRESET
