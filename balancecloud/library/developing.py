"""The process that decodes pictures; it does nothing else, and holds no secret.

It is run as a script, knows nothing of this house, and forks once for each picture. The fork takes
a picture from its socket, answers with a smaller one made anew, and ends. By then it can open no
file and no socket, write nothing to a disk, start nothing, look into no other process, and take no
more memory or time than the limits below: a decoder that a hostile picture took over has nothing to
reach for.
"""

import contextlib
import ctypes
import io
import os
import platform
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
NONE: Final = ANSWERED.pack(b"NONE", 0, 0)  # these bytes are no picture, however often one looks
MOST_PIXELS: Final = 50_000_000  # of a picture before it is made smaller: 200 MB decoded
MOST_BYTES: Final = 64 << 20
MEMORY: Final = 640 << 20  # address space: the library itself takes about 60 MiB of it
CPU_SECONDS: Final = 10
SECONDS: Final = 60  # all in all, so long may its bytes take to come
BEHIND: Final = "#ffffff"  # what shows through a picture too small to keep its transparency
SMALL: Final = 128
NO_ROOM: Final = (0, 0)
LIBRARY: Final = ctypes.CDLL(None)
# Calls that are refused, by their numbers in the kernel's tables: kill, tkill, tgkill, ptrace,
# process_vm_readv and _writev, pidfd_open and _getfd, execve and execveat, (v)fork, clone and
# clone3, socket, io_uring_setup, bpf. No limit above holds for looking into another process.
REFUSED: Final = {
    "x86_64": (
        0xC000003E,
        (62, 200, 234, 101, 310, 311, 434, 438, 59, 322, 57, 58, 56, 435, 41, 425, 321),
    ),
    "aarch64": (
        0xC00000B7,
        (129, 130, 131, 117, 270, 271, 434, 438, 221, 281, 220, 435, 198, 425, 280),
    ),
}
LOAD, JUMP_EQUAL, JUMP_ABOVE, RETURN = 0x20, 0x15, 0x35, 0x06  # of classic BPF
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # go on; fail with EPERM
FOREIGN_NUMBERS: Final = 0x40000000  # x86-64 has a second table from here on
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2  # of prctl(2)


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
    _refuse_calls()


def _refuse_calls() -> None:
    """Have the kernel refuse calls that no decoder makes; where it can't, the limits must do."""
    architecture, calls = REFUSED.get(platform.machine(), (0, ()))
    steps = [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, architecture), (RETURN, 0, 0, REFUSE)]
    steps += [(LOAD, 0, 0, 0), (JUMP_ABOVE, len(calls) + 1, 0, FOREIGN_NUMBERS)]
    steps += [(JUMP_EQUAL, len(calls) - at, 0, call) for at, call in enumerate(calls)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    packed = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(packed)
    program = struct.pack("HP", len(steps), ctypes.addressof(held))
    if calls and LIBRARY.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        LIBRARY.prctl(SECCOMP, FILTER, program, 0, 0)


def _answer(wire: socket.socket) -> bytes:
    (side,) = ASKED.unpack(_read(wire, ASKED.size))
    source = _read(wire, MOST_BYTES)
    try:
        return develop(source, side)
    except MemoryError:
        raise  # that is no judgement: nothing is answered, as by a fork that was killed
    except Exception:  # noqa: BLE001 - whatever a decoder says of it
        return NONE


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
