"""Pictures and what only looks like them, made by code."""

import io
import struct
import zlib

from PIL import Image

MARK = "51.5007"  # stands for a secret place in the metadata below
SCRIPT = "<script>document.title='owned'</script>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg">{SCRIPT}</svg>'.encode()
HTML = f"<!doctype html><title>x</title>{SCRIPT}".encode()


def picture(
    kind: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **more: object
) -> bytes:
    """Return a picture, red on the left and blue on the right."""
    drawn = Image.new("RGB", size, "blue")
    drawn.paste("red", (0, 0, size[0] // 2, size[1]))
    made = io.BytesIO()
    drawn.convert(mode).save(made, kind, **more)
    return made.getvalue()


def telling(kind: str = "JPEG") -> bytes:
    """Return a picture whose metadata tell where and with what it was taken, lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    exif[0x010F] = f"camera {MARK}"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[0x1D] = MARK
    if kind == "JPEG":
        return picture(kind, exif=exif, comment=MARK.encode())
    return picture(kind, exif=exif)


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few KB that says it has so many pixels, and packs rows of nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20) * 16, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def moving() -> bytes:
    """Return a GIF of three pictures, the first of them red."""
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    made = io.BytesIO()
    frames[0].save(made, "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0)
    return made.getvalue()


def tone(seconds: int = 4) -> bytes:
    """Return a WAV of silence."""
    rate = 8000
    body = bytes([128]) * rate * seconds
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate, 1, 8)
    data = struct.pack("<4sI", b"data", len(body)) + body
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data
