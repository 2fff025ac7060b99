"""The process that decodes pictures; it does nothing else, and holds no secret.

It is run as a script, knows nothing of this house, and forks once for each picture. The fork takes
a picture from its socket, answers with a smaller one made anew, and ends. By then it can open no
file and no socket, write nothing to a disk, and take no more memory or time than the limits below,
which hold for whatever it might start, too: a decoder that a hostile picture took over has nothing
to reach for.
"""

import contextlib
import io
import os
import resource
import signal
import socket
import struct
import sys
from typing import Final

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

# Only these are looked at, whatever else the library could read.
PLUGINS: Final = (
    AvifImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)
FORMATS: Final = ("AVIF", "GIF", "JPEG", "PNG", "WEBP")
ASKED: Final = struct.Struct("!I")  # the longest side wanted
ANSWERED: Final = struct.Struct("!4sII")  # the format made, its width and height
MOST_PIXELS: Final = 50_000_000  # of a picture before it is made smaller: 200 MB decoded
MOST_BYTES: Final = 64 << 20
MEMORY: Final = 640 << 20  # address space: the library itself takes about 60 MiB of it
CPU_SECONDS: Final = 10
SECONDS: Final = 60  # all in all, so long may its bytes take to come
BEHIND: Final = "#ffffff"  # what shows through a picture too small to keep its transparency
SMALL: Final = 128
NO_ROOM: Final = (0, 0)


class NotShown(Exception):
    """This is not a picture, or too large a one."""


def serve(control: socket.socket) -> None:
    """Fork for each socket that is handed over, until nobody can hand over any more."""
    _warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.nice(5)
    while True:
        _, given, _, _ = socket.recv_fds(control, 1, 1)
        if not given:
            return
        if os.fork() == 0:
            control.close()
            _work_and_end(given[0])
        os.close(given[0])


def _warm_up() -> None:
    """Have all loaded that a fork will need: it can open no file."""
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    for mode, name in ((mode, name) for mode in ("RGB", "RGBA") for name in FORMATS):
        made = io.BytesIO()
        with contextlib.suppress(KeyError, OSError):  # this build may lack a format
            Image.new(mode, (16, 16)).save(made, name)
            develop(made.getvalue(), 256)


def _work_and_end(descriptor: int) -> None:
    code = 1
    try:
        _give_everything_up()
        with socket.socket(fileno=descriptor) as wire:
            wire.sendall(_answer(wire))
        code = 0
    except Exception:  # noqa: BLE001, S110 - a fork that fails says so by answering nothing
        pass
    finally:
        os._exit(code)


def _give_everything_up() -> None:
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    for nothing in ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_NPROC"):
        resource.setrlimit(getattr(resource, nothing), NO_ROOM)


def _answer(wire: socket.socket) -> bytes:
    (side,) = ASKED.unpack(_read(wire, ASKED.size))
    return develop(_read(wire, MOST_BYTES), side)


def _read(wire: socket.socket, length: int) -> bytes:
    taken = bytearray()
    while len(taken) < length:
        piece = wire.recv(min(1 << 20, length - len(taken)))
        if not piece:
            break
        taken += piece
    return bytes(taken)


def develop(source: bytes, side: int) -> bytes:
    """Return the picture made anew, upright, its sides at most so long, and nothing besides it."""
    with Image.open(io.BytesIO(source), formats=FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise NotShown
        profile = opened.info.get("icc_profile")
        picture = _reduced(opened, side)
    picture = _in_usual_colours(ImageOps.exif_transpose(picture), profile)
    # Pasted on an empty one: comments, places and names of cameras stay behind.
    clean = Image.new(picture.mode, picture.size)
    clean.paste(picture)
    return _encoded(clean)


def _reduced(picture: Image.Image, side: int) -> Image.Image:
    picture.draft("RGB", (side, side))
    if picture.mode.startswith("I"):
        exif = picture.getexif()
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
        picture.getexif().update(exif)
    has_holes = "A" in picture.mode or "transparency" in picture.info
    picture = picture.convert("RGBA" if has_holes else "RGB")
    picture.thumbnail((side, side), reducing_gap=3.0)
    if has_holes and picture.getchannel("A").getextrema()[0] == 255:
        return picture.convert("RGB")
    if has_holes and side <= SMALL:
        flat = Image.new("RGB", picture.size, BEHIND)
        flat.paste(picture, mask=picture.getchannel("A"))
        flat.getexif().update(picture.getexif())
        return flat
    return picture


def _in_usual_colours(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return picture
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB")) or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture  # a profile for other colours, or a broken one: shown as they are


def _encoded(picture: Image.Image) -> bytes:
    made = io.BytesIO()
    if picture.mode == "RGBA":
        picture.save(made, "WEBP", quality=82, method=2)
    else:
        picture.save(made, "JPEG", quality=84)
    name = b"WEBP" if picture.mode == "RGBA" else b"JPEG"
    return ANSWERED.pack(name, picture.width, picture.height) + made.getvalue()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
