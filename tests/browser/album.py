"""Files worth looking at, for the house that is photographed: drawn and written by code.

No picture of anybody's is needed, and the same seeds draw the same pictures.
"""

import io
import math
import os
import struct
from pathlib import Path
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

MIB: Final = 1 << 20
RATE: Final = 8000
Colour = tuple[int, int, int]
# Of the sky above, the sky below, the sun, the farthest and the nearest hills.
SKIES: Final[dict[str, tuple[Colour, Colour, Colour, Colour, Colour]]] = {
    "dawn": ((58, 74, 128), (250, 190, 150), (255, 236, 200), (120, 110, 150), (30, 36, 62)),
    "noon": ((70, 140, 210), (205, 230, 240), (255, 252, 235), (120, 160, 170), (34, 84, 74)),
    "dusk": ((36, 30, 70), (232, 110, 80), (255, 214, 140), (110, 60, 96), (24, 18, 40)),
    "mist": ((150, 170, 180), (232, 234, 228), (250, 248, 238), (170, 184, 184), (64, 84, 86)),
}
# A ferry crosses before a setting sun, recorded by the browser itself: it can encode what it plays.
FILM: Final = """async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 960, height: 540 });
  const drawn = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const fill = (colour, ...box) => { drawn.fillStyle = colour; drawn.fillRect(...box); };
  const frame = (seconds) => {
    const sky = drawn.createLinearGradient(0, 0, 0, 330);
    sky.addColorStop(0, "#2a3566");
    sky.addColorStop(1, "#f0a070");
    fill(sky, 0, 0, 960, 330);
    drawn.fillStyle = "#ffdc9a";
    drawn.beginPath();
    drawn.arc(640, 250 + seconds * 10, 46, 0, 7);
    drawn.fill();
    fill("#24304f", 0, 330, 960, 210);
    for (let wave = 0; wave < 9; wave += 1) {
      fill("#e8a87c", 560 + wave * 7, 345 + wave * 19, 160 - wave * 14, 3);
    }
    const x = 180 + seconds * 60;
    fill("#10182c", x, 300, 240, 34);
    fill("#f4efe4", x + 30, 266, 170, 34);
    fill("#b3261e", x + 120, 236, 26, 30);
    for (let pane = 0; pane < 6; pane += 1) fill("#ffdc9a", x + 42 + pane * 26, 276, 14, 12);
  };
  frame(0);
  recorder.start();
  const begun = performance.now();
  await new Promise((done) => {
    const draw = () => {
      const seconds = (performance.now() - begun) / 1000;
      frame(seconds);
      if (seconds < 3) requestAnimationFrame(draw); else done();
    };
    draw();
  });
  await new Promise((done) => { recorder.onstop = done; recorder.stop(); });
  return Array.from(new Uint8Array(await new Blob(parts).arrayBuffer()));
}"""
NOTES: Final = """\
# Field notes, Lisbon and back

Tuesday. The ferry to Cacilhas leaves at nine, every twenty minutes after that. Sit upstairs on
the left: the whole town turns slowly past, and the bridge hums like a choir.

- Tram 28 before eight, or not at all
- Belém: the queue on the left is for the tower, the one on the right is for the custard
- Ask Inês about the tiles (green ones, behind the station)

Wednesday. Rain. Copied the pictures of the harbour, 47 in all, and wrote this in the café with
the blue door. They let you stay as long as it rains.

    09:00  ferry       3.20
    11:30  tower       8.00
    13:00  soup        4.50
    18:15  ferry back  3.20

Thursday. Nothing at all, on purpose.
"""


def landscape(sky: str, seed: int, size: tuple[int, int] = (1600, 1067)) -> bytes:
    """Return a JPEG of hills below a sun."""
    random = Random(seed)
    above, below, sun, far, near = SKIES[sky]
    width, height = size
    drawn = Image.linear_gradient("L").resize(size)
    picture = Image.composite(Image.new("RGB", size, below), Image.new("RGB", size, above), drawn)
    _shine(picture, sun, (random.randint(width // 5, 4 * width // 5), int(height * 0.42)))
    draw = ImageDraw.Draw(picture)
    for layer in range(5):
        share = layer / 4
        colour = tuple(round(a + (b - a) * share) for a, b in zip(far, near, strict=True))
        base = height * (0.52 + 0.1 * layer)
        draw.polygon(_ridge(random, size, base, height * (0.1 - 0.012 * layer)), fill=colour)
    return _encoded(picture, "JPEG", quality=88)


def _shine(picture: Image.Image, colour: Colour, centre: tuple[int, int]) -> None:
    for radius, blur in ((180, 90), (62, 2)):
        mask = Image.new("L", picture.size, 0)
        x, y = centre
        strength = 255 if blur < 10 else 140
        ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), strength)
        mask = mask.filter(ImageFilter.GaussianBlur(blur))
        picture.paste(Image.new("RGB", picture.size, colour), mask=mask)


def _ridge(
    random: Random, size: tuple[int, int], base: float, rise: float
) -> list[tuple[float, float]]:
    width, height = size
    waves = [
        (random.uniform(0.6, 1) / n, n * random.uniform(1, 2.2), random.random() * 7)
        for n in (1, 2, 4, 9)
    ]
    line = [
        (
            x,
            base
            - rise
            * sum(high * math.sin(often * x / width * 6 + off) for high, often, off in waves),
        )
        for x in range(0, width + 8, 8)
    ]
    return [(0, height), *line, (width + 8, height)]


def letter() -> bytes:
    """Return a PDF of one page."""
    page = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((120, 130, 520, 170), (11, 110, 91))
    for line in range(28):
        length = 1000 - (line % 7 == 6) * 430 - line % 3 * 36
        draw.rectangle((120, 300 + line * 44, 120 + length, 314 + line * 44), (190, 198, 195))
    return _encoded(page, "PDF", resolution=150)


def song(seconds: int = 48) -> bytes:
    """Return a WAV of two notes that take turns."""
    wave = bytearray()
    for count in range(RATE * seconds):
        pitch = 220 if count // (RATE * 2) % 2 else 330
        wave.append(128 + round(60 * math.sin(count * pitch * math.tau / RATE)))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE, 1, 8)
    body = struct.pack("<4sI", b"data", len(wave)) + bytes(wave)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(body), b"WAVE") + form + body


def _encoded(picture: Image.Image, kind: str, **more: object) -> bytes:
    made = io.BytesIO()
    picture.save(made, kind, **more)
    return made.getvalue()


def write(target: Path, film: bytes) -> Path:
    """Write the folder `Travel`; `film` is a WebM."""
    travel = target / "Travel"
    lisbon = travel / "Lisbon 2026"
    lisbon.mkdir(parents=True)
    for number, (name, sky) in enumerate(
        (
            ("belem.jpg", "dawn"),
            ("miradouro.jpg", "noon"),
            ("tram-28.jpg", "dusk"),
            ("rain.jpg", "mist"),
        )
    ):
        (lisbon / name).write_bytes(landscape(sky, number))
    files = {
        "ferry-crossing.webm": film,
        "field-notes.md": NOTES.encode(),
        "harbour-at-dusk.jpg": landscape("dusk", 11),
        "hills-in-the-mist.jpg": landscape("mist", 12),
        "tax-return-2025.pdf": letter(),
        "two-notes.wav": song(),
        "not-a-picture.png": b"<!doctype html><title>Hello</title>",
    }
    for name, content in files.items():
        (travel / name).write_bytes(content)
    (travel / "harbour-panorama.tif").write_bytes(os.urandom(47 * MIB))
    (travel / "site-backup-2026-11.tar.zst").write_bytes(os.urandom(31 * MIB))
    return travel
