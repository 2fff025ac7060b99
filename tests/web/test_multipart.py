"""The multipart loop: whatever the steps, the same parts; whatever is cut, an error."""

import io
import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st

from balancecloud.errors import BrokenUpload, TooLarge
from balancecloud.web import multipart
from balancecloud.web.bodies import Body
from balancecloud.web.multipart import FilePart, read_form

BOUNDARY = "----boundary4711"


@dataclass
class Parts:
    """Remembers a form's parts."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    ended: int = 0

    def field(self, name: str, value: str) -> None:
        self.fields.append((name, value))
        self.order.append(name)

    def start_file(self, part: FilePart) -> None:
        self.files.append((part.filename, b""))
        self.order.append(part.filename)

    def write(self, data: bytes) -> None:
        name, before = self.files[-1]
        self.files[-1] = (name, before + data)

    def end_file(self) -> None:
        self.ended += 1


class Trickle(io.BytesIO):
    """Gives at most `step` bytes at a time, as a socket may."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self._step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, self._step))


def form(fields: list[tuple[str, str]], files: list[tuple[str, bytes]]) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    for name, content in files:
        head = (
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
            f'name="files"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
        )
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def read(body: bytes, step: int = 1 << 20, declared: int | None = None) -> Parts:
    request = SimpleNamespace(
        mimetype="multipart/form-data", mimetype_params={"boundary": BOUNDARY}
    )
    parts = Parts()
    length = len(body) if declared is None else declared
    stream = Body(Trickle(body, step), length, None, lambda: 0.0)
    read_form(cast("Request", request), stream, parts)
    return parts


# Content that looks like what ends it is where such loops go wrong.
awkward = st.lists(
    st.sampled_from([b"\r", b"\n", b"--", BOUNDARY.encode(), b"x", b"\0" * 50]), max_size=30
).map(b"".join)


@given(contents=st.lists(awkward, min_size=1, max_size=4), step=st.integers(1, 40))
def test_parts_are_the_same_whatever_the_steps(contents: list[bytes], step: int) -> None:
    safe = [c.replace(b"\n--" + BOUNDARY.encode(), b"") for c in contents]
    safe = [c.replace(b"\r--" + BOUNDARY.encode(), b"") for c in safe]
    if any(c.startswith(b"--" + BOUNDARY.encode()) for c in safe):
        safe = [b"." + c for c in safe]
    files = [(f"{i}.bin", content) for i, content in enumerate(safe)]
    parts = read(form([("csrf_token", "t")], files), step)
    assert parts.files == files
    assert parts.ended == len(files)
    assert parts.fields == [("csrf_token", "t")]


@given(seed=st.integers(0, 1 << 32), step=st.sampled_from([1000, 4096, 1 << 20]))
def test_long_contents_with_breaks_here_and_there_come_through(seed: int, step: int) -> None:
    chance = random.Random(seed)
    alphabet = [b"x" * 40, b"\r\n", b"\n", b"\r", b"--" + BOUNDARY.encode(), b"\r\n--", b"-"]
    weights = [60, 1, 1, 1, 1, 1, 1]
    content = b"x".join(chance.choices(alphabet, weights, k=500))
    content = content.replace(b"\n--" + BOUNDARY.encode(), b"").replace(
        b"\r--" + BOUNDARY.encode(), b""
    )
    files = [("a.bin", content), ("b.bin", content[::-1]), ("c.bin", b"")]
    assert read(form([], files), step).files == files


@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_body_that_is_cut_anywhere_is_refused(kept: float) -> None:
    whole = form([("parent_id", "")], [("a.txt", b"content" * 10)])
    with pytest.raises(BrokenUpload):
        read(whole[: int(len(whole) * kept)], declared=len(whole))


def test_a_body_cut_but_declared_as_such_is_refused() -> None:
    whole = form([], [("a.txt", b"content")])
    for kept in range(len(whole) - len(BOUNDARY) - 4):
        with pytest.raises(BrokenUpload):
            read(whole[:kept])


def test_an_empty_file_input_is_no_file() -> None:
    parts = read(form([("conflict", "version")], [("", b""), ("a", b"1")]))
    assert parts.files == [("a", b"1")]


def test_a_path_in_the_name_is_kept_for_the_caller_to_judge() -> None:
    assert read(form([], [("sub/x.txt", b"1")])).files == [("sub/x.txt", b"1")]


def test_a_field_that_is_too_long_is_refused() -> None:
    with pytest.raises(TooLarge):
        read(form([("csrf_token", "x" * (multipart.LONGEST_FIELD + 1))], []))


def test_t_28_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "MOST_PARTS", 3)
    with pytest.raises(TooLarge):
        read(form([], [(f"{i}", b"") for i in range(5)]))


def test_another_content_type_is_refused() -> None:
    request = SimpleNamespace(mimetype="application/json", mimetype_params={})
    with pytest.raises(BrokenUpload):
        read_form(cast("Request", request), Body(io.BytesIO(b""), 0, None, lambda: 0.0), Parts())


def test_t_32_a_sender_below_the_least_rate_is_cut_off() -> None:
    moments = iter(range(0, 100_000, 70))
    body = form([], [("a", b"x" * 5000)])
    request = SimpleNamespace(
        mimetype="multipart/form-data", mimetype_params={"boundary": BOUNDARY}
    )
    slow = Body(Trickle(body, 10), len(body), None, lambda: float(next(moments)))
    with pytest.raises(BrokenUpload):
        read_form(cast("Request", request), slow, Parts())
