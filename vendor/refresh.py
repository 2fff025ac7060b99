#!/usr/bin/env python3
"""Write what was vendored anew from package tarballs whose hashes stand in vendor.lock.

Get the tarballs with `npm pack NAME@VERSION`, then run `vendor/refresh.py TARBALL ...`.
Neither running nor building BalanceCloud needs this: what it writes is committed.
"""

import hashlib
import re
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "static" / "vendor"
TESTS = HERE.parent / "tests" / "browser"
ICONS = (HERE / "icons.txt").read_text().split()


@dataclass(frozen=True)
class Locked:
    """One line of vendor.lock."""

    name: str
    version: str
    sha256: str


def read_lock() -> dict[str, Locked]:
    """Return the locked packages by the hash of their tarball."""
    lines = (HERE / "vendor.lock").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {row[2]: Locked(*row) for row in rows}


def refresh(tarball: Path, lock: dict[str, Locked]) -> str:
    """Write the files of one tarball; SystemExit when its hash is not locked."""
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest not in lock:
        raise SystemExit(f"{tarball.name} has SHA-256 {digest}, which is not in vendor.lock.")
    package = lock[digest]
    with tarfile.open(tarball) as archive:
        match package.name:
            case "lucide-static":
                write_sprite(archive, STATIC / "lucide" / package.version)
            case "axe-core":
                write_axe(archive, TESTS / "axe" / package.version)
            case "tus-js-client":
                write_tus(archive, STATIC / "tus-js-client" / package.version)
            case _:
                write_font(archive, STATIC / "inter" / package.version)
    return f"{package.name} {package.version}"


def write_font(archive: tarfile.TarFile, folder: Path) -> None:
    """Write the one variable Latin font and its licence."""
    name = "inter-latin-wght-normal.woff2"
    write(folder / name, read(archive, f"package/files/{name}"))
    write(folder / "LICENSE", read(archive, "package/LICENSE"))


def write_axe(archive: tarfile.TarFile, folder: Path) -> None:
    """Write the accessibility checker of the tests, and its licence."""
    for name in ("axe.min.js", "LICENSE"):
        write(folder / name, read(archive, f"package/{name}"))


def write_tus(archive: tarfile.TarFile, folder: Path) -> None:
    """Write the client of resumable uploads, without the line that names its source map."""
    script = read(archive, "package/dist/tus.min.js")
    write(folder / "tus.min.js", script[: script.rindex(b"//# sourceMappingURL=")])
    write(folder / "LICENSE", read(archive, "package/LICENSE"))


def write_sprite(archive: tarfile.TarFile, folder: Path) -> None:
    """Write the icons named in icons.txt as one SVG of symbols, and their licence."""
    symbols = [symbol(icon, read(archive, f"package/icons/{icon}.svg").decode()) for icon in ICONS]
    sprite = '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
    write(folder / "icons.svg", sprite.encode())
    write(folder / "LICENSE", read(archive, "package/LICENSE"))


def symbol(icon: str, svg: str) -> str:
    """Return an icon's drawing as a symbol; its stroke comes from the page's style."""
    inside = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    drawing = re.sub(r">\s+<", "><", inside).strip()
    return f'<symbol id="{icon}" viewBox="0 0 24 24">{drawing}</symbol>'


def read(archive: tarfile.TarFile, name: str) -> bytes:
    """Return one member's bytes."""
    member = archive.extractfile(name)
    if member is None:
        raise SystemExit(f"{name} is not in the tarball.")
    return member.read()


def write(path: Path, content: bytes) -> None:
    """Write a file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        sys.stdout.write(refresh(Path(argument), read_lock()) + "\n")
