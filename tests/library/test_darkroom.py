"""Pictures made anew by a process that can reach nothing."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from balancecloud.library import darkroom as room
from balancecloud.library import developing
from balancecloud.library.darkroom import Album, Crowded, Darkroom, NoPicture, Picture
from tests.library.hostile_files import HTML, MARK, SVG, bomb, moving, picture, telling

PROBE = """
import ctypes, os, socket, sys

def look_into_parent():
    # PTRACE_SEIZE
    if ctypes.CDLL(None).ptrace(0x4206, os.getppid(), None, None):
        raise OSError
import importlib.util
spec = importlib.util.spec_from_file_location("developing", sys.argv[1])
it = importlib.util.module_from_spec(spec); spec.loader.exec_module(it)
it._give_everything_up()
done = []
for name, act in {
    "open": lambda: open("/etc/hostname"), "write": lambda: open("/tmp/x", "w"),
    "socket": socket.socket, "pipe": os.pipe, "fork": os.fork,
    "kill": lambda: os.kill(os.getppid(), 0), "exec": lambda: os.execv("/bin/true", ["true"]),
    "look": lambda: look_into_parent(),
    "memory": lambda: bytearray(1 << 30),
}.items():
    try:
        act(); done.append(name)
    except (OSError, MemoryError):
        pass
print(done, os.environ.get("HOME"))
"""


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    darkroom = Darkroom()
    yield darkroom
    darkroom.close()


def opened(made: Picture) -> Image.Image:
    return Image.open(io.BytesIO(made.content))


@pytest.mark.parametrize(
    ("kind", "side"),
    [*((kind, 640) for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF")), ("PNG", 16), ("JPEG", 16)],
)
def test_a_picture_is_made_anew_and_no_larger(darkroom: Darkroom, kind: str, side: int) -> None:
    made = darkroom.develop(iter([picture(kind)]), side)
    assert (made.width, made.height) == opened(made).size
    assert max(made.width, made.height) == min(60, side)
    red, green, blue = opened(made).convert("RGB").getpixel((1, 1))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_way_to_hold_colours_is_shown(darkroom: Darkroom, mode: str) -> None:
    assert darkroom.develop(iter([picture("PNG", mode=mode)]), 640).width == 60


def test_what_can_be_seen_through_stays_so_unless_it_is_small(darkroom: Darkroom) -> None:
    made = io.BytesIO()
    Image.new("RGBA", (300, 300), (255, 0, 0, 100)).save(made, "PNG")
    assert darkroom.develop(iter([made.getvalue()]), 640).mime_type == "image/webp"
    assert darkroom.develop(iter([made.getvalue()]), 96).mime_type == "image/jpeg"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_stands_upright_and_tells_no_place(darkroom: Darkroom, kind: str) -> None:
    source = telling(kind)
    assert MARK.encode() in source
    for side in (16, 640):
        made = darkroom.develop(iter([source]), side)
        assert made.height > made.width
        assert MARK.encode() not in made.content
        assert dict(opened(made).getexif()) == {}
        assert {"comment", "exif", "xmp", "icc_profile"} & set(opened(made).info) == set()


def test_of_what_moves_the_first_picture_is_shown(darkroom: Darkroom) -> None:
    made = darkroom.develop(iter([moving()]), 640)
    assert opened(made).getpixel((5, 5))[0] > 200  # type: ignore[index]
    assert getattr(opened(made), "n_frames", 1) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HTML,
        SVG,
        picture("TIFF"),
        picture("BMP"),
        picture("JPEG", (600, 600))[:2500],
        picture("PNG")[:-30],
        bomb(100_000, 100_000),
        bomb(2**31 - 1, 1),
        bomb(7000, 7000),
        b"%PDF-1.4" + picture("JPEG"),
    ],
    ids=[
        "none",
        "html",
        "svg",
        "tiff",
        "bmp",
        "cut jpeg",
        "cut png",
        "huge",
        "wide",
        "short",
        "pdf",
    ],
)
def test_t_29_what_is_no_picture_or_a_bomb_is_refused(darkroom: Darkroom, content: bytes) -> None:
    with pytest.raises(NoPicture):
        darkroom.develop(iter([content]), 640)
    assert darkroom.develop(iter([picture("PNG")]), 640).width == 60


def test_t_29_who_takes_over_a_decoder_can_reach_nothing(tmp_path: Path) -> None:
    script = tmp_path / "probe.py"
    script.write_text(PROBE)
    run = [sys.executable, "-I", str(script), developing.__file__]
    found = subprocess.run(run, env={}, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[] None"


def test_a_darkroom_that_was_killed_is_opened_again() -> None:
    darkroom = Darkroom()
    darkroom.develop(iter([picture("PNG")]), 640)
    assert darkroom._process
    os.kill(darkroom._process.pid, signal.SIGKILL)
    darkroom._process.wait()
    assert darkroom.develop(iter([picture("PNG")]), 640).width == 60
    darkroom.close()


def test_it_ends_with_whoever_started_it(darkroom: Darkroom) -> None:
    other = Darkroom()
    other.develop(iter([picture("PNG")]), 640)
    assert other._control
    assert other._process
    other._control.close()
    assert other._process.wait(5) == 0


def test_who_would_have_to_wait_behind_too_many_is_told(darkroom: Darkroom) -> None:
    for _ in range(room.SEATS + room.LINE):
        darkroom._line.acquire()
    try:
        with pytest.raises(Crowded):
            darkroom.develop(iter([picture("PNG")]), 640)
    finally:
        darkroom._line.release(room.SEATS + room.LINE)


def test_trouble_with_reading_is_told_as_it_is_and_frees_the_seat(darkroom: Darkroom) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"\x89PNG"
        raise LookupError

    for _ in range(room.SEATS + 1):
        with pytest.raises(LookupError):
            darkroom.develop(pieces(), 640)


def test_both_sides_speak_alike() -> None:
    assert room.ASKED.format == developing.ASKED.format
    assert room.ANSWERED.format == developing.ANSWERED.format
    with pytest.raises(NoPicture):
        room._picture(developing.NONE)


def test_an_album_keeps_what_was_asked_for_last_within_its_bytes() -> None:
    album = Album(3 * 1500)
    shot = Picture("image/jpeg", 1, 1, bytes(1000))
    for version in "abc":
        album.keep(version, 96, shot)
    assert album.find("a", 96) is shot
    album.keep("d", 96, None)
    with pytest.raises(KeyError):
        album.find("b", 96)
    assert album.find("a", 96) is shot
    assert album.find("d", 96) is None
