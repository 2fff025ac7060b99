"""Frames: every run under its own numbers, the last one marked."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancecloud.crypto.frames import FrameCipher, body_length, frame_count
from tests.crypto.refusals import refused
from tests.crypto.samples import content

SECRET = bytes(range(39))
CIPHER = FrameCipher(SECRET, b"bound to", 8)


def sealed(length: int) -> bytes:
    target = bytearray(body_length(length, 8))
    CIPHER.seal_into(memoryview(target), 0, content(length), ends=True)
    return bytes(target)


@settings(deadline=None)
@given(length=st.integers(0, 2000))
def test_what_is_sealed_opens(length: int) -> None:
    body = sealed(length)

    assert len(body) == length + 16 * frame_count(length, 8)
    assert CIPHER.open_run(0, body, ends=True) == content(length)


@settings(deadline=None)
@given(length=st.integers(0, 2000))
def test_what_is_sealed_opens_into_a_buffer(length: int) -> None:
    target = bytearray(b"?" * length)

    CIPHER.open_into(memoryview(target), 0, sealed(length), ends=True)

    assert target == content(length)


@pytest.mark.parametrize("wrong", [0, 300, -1])
def test_where_a_frame_does_not_open_the_buffer_holds_nothing(wrong: int) -> None:
    body, target = bytearray(sealed(600)), bytearray(b"?" * 600)
    body[wrong] ^= 1

    with refused("frame"):
        CIPHER.open_into(memoryview(target), 0, body, ends=True)

    assert target == bytes(600)


def test_runs_sealed_apart_are_the_stream_sealed_at_once() -> None:
    plaintext, target = content(1000), bytearray(body_length(1000, 8))
    CIPHER.seal_into(memoryview(target)[:544], 0, plaintext[:512], ends=False)
    CIPHER.seal_into(memoryview(target)[544:], 2, plaintext[512:], ends=True)

    assert target == sealed(1000)


def test_a_stream_cut_at_a_frame_is_refused() -> None:
    body = sealed(1024)

    with refused("frame"):
        CIPHER.open_run(0, body[: 3 * 272], ends=True)
    with refused("frame"):
        CIPHER.open_run(0, body, ends=False)


def test_a_stream_cut_inside_a_tag_is_refused() -> None:
    with refused("frame"):
        CIPHER.open_run(0, sealed(600)[: 2 * 272 + 7], ends=True)
    with refused("frame"):
        CIPHER.open_run(0, b"", ends=True)


def test_a_run_that_does_not_end_the_stream_is_whole_frames() -> None:
    assert CIPHER.open_run(0, sealed(600)[:544], ends=False) == content(512)
    assert CIPHER.open_run(0, b"", ends=False) == b""

    with refused("length"):
        CIPHER.open_run(0, sealed(600)[:543], ends=False)
    with refused("length"):
        CIPHER.seal_into(memoryview(bytearray(100)), 0, bytes(84), ends=False)


def test_another_secret_or_binding_does_not_open() -> None:
    with refused("frame"):
        FrameCipher(bytes(39), b"bound to", 8).open_run(0, sealed(600), ends=True)
    with refused("frame"):
        FrameCipher(SECRET, b"bound elsewhere", 8).open_run(0, sealed(600), ends=True)


@pytest.mark.parametrize("length", [0, 32, 38, 40])
def test_a_secret_of_another_length_is_not_used(length: int) -> None:
    with pytest.raises(ValueError, match="7-byte prefix"):
        FrameCipher(bytes(length), b"", 8)
