"""`make bench`: one file through the whole house, beside what the machine itself can do.

Every figure of a table comes from one run on one machine; compare ratios, not seconds.
"""

import argparse
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.journey.client import Program
from tests.journey.house import House, start

MB = 1_000_000
CHUNK = 10 << 20
# As long as those of browsers.
BOUNDARY = b"----balancecloud-bench-7MA4YWxkTrZu0gW"
RESULTS = Path(__file__).parent / "results"
# What a process is, by a word of its command line; whatever is left counts as "other".
ROLES = ("gunicorn", "cloudsim", "postgres", "valkey", "worker.py", "tick")


@dataclass
class Figure:
    """One line of the table."""

    what: str
    megabytes_per_second: float
    cpu_seconds_per_gb: float
    cpu_by_process: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500, help="size of the file")
    size = parser.parse_args().megabytes * MB
    with TemporaryDirectory(prefix="balancecloud-bench-") as folder:
        figures = measure(Path(folder), size)
    report(figures, size)


def measure(folder: Path, size: int) -> list[Figure]:
    source = folder / "source.bin"
    digest = make_source(source, size)
    figures = [
        timed("plain cp", size, lambda: copy(source, folder / "copy.bin")),
        timed("AES-256-GCM alone, one core", size, lambda: seal_alone(source)),
        timed("SHA-256 alone, one core", size, lambda: hash_alone(source)),
    ]
    house = start(folder / "data", RATE_LIMITS="0")
    try:
        figures += measure_house(house, source, size, digest)
    finally:
        house.stop()
    return figures


def measure_house(house: House, source: Path, size: int, digest: str) -> list[Figure]:
    program = Program(house.base).register()
    for number in range(3):
        program.link("google_drive", f"bench{number}@example.com")
    program.link("onedrive", "work.bench@example.com")
    made: dict[str, str] = {}

    def receive() -> None:
        made.update(upload(program, source, size))

    def store() -> None:
        job = program.wait_for_job(made["job_id"], seconds=1800)
        if job["state"] != "done":
            raise SystemExit(f"The job ended as {job['state']}.")

    def fetch() -> None:
        if program.download_hash(made["id"]) != digest:
            raise SystemExit("The file did not come back equal.")

    return [
        timed("upload: received into the sealed spool", size, receive, house),
        timed("store: 3 + 1 over 4 simulated accounts, after the upload", size, store, house),
        timed("download: from 4 accounts, opened and checked", size, fetch, house),
    ]


def upload(program: Program, source: Path, size: int) -> dict[str, str]:
    """Send a file as a multipart form without holding it in memory."""
    head = (
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="source.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" % BOUNDARY
    )
    tail = b"\r\n--%b--\r\n" % BOUNDARY

    def body() -> Iterator[bytes]:
        yield head
        with source.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece
        yield tail

    connection = HTTPConnection(urlsplit(program.base).netloc, timeout=600)
    headers = {
        "Authorization": str(program.session.headers["Authorization"]),
        "Content-Type": "multipart/form-data; boundary=" + BOUNDARY.decode(),
        "Content-Length": str(len(head) + size + len(tail)),
    }
    connection.request("POST", "/api/files/upload", body=body(), headers=headers)
    answer = json.load(connection.getresponse())
    connection.close()
    return {"id": answer["id"], "job_id": answer["job_id"]}


def timed(what: str, size: int, act: Callable[[], None], house: House | None = None) -> Figure:
    """Run once; processor seconds are this process's, or those of the house's processes."""
    before = cpu(house)
    began = time.perf_counter()
    act()
    seconds = time.perf_counter() - began
    after = cpu(house)
    spent = {role: round(after[role] - before.get(role, 0.0), 2) for role in after}
    total = sum(spent.values()) / (size / 1e9)
    print(f"{what}: {size / MB / seconds:.0f} MB/s")
    return Figure(what, round(size / MB / seconds, 1), round(total, 2), spent if house else {})


def cpu(house: House | None) -> dict[str, float]:
    if house is None:
        times = os.times()
        return {"here": sum(times[:4])}
    spent: dict[str, float] = {}
    for pid, command in house.descendants().items():
        role = next((role for role in ROLES if role in command), "other")
        spent[role] = spent.get(role, 0.0) + cpu_of(pid)
    return spent


def cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    # Own time and that of children it has waited for: RQ does each piece of work in a child.
    return sum(int(field) for field in fields[11:15]) / ticks


def make_source(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for begin in range(0, size, CHUNK):
            piece = os.urandom(min(CHUNK, size - begin))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", source, target], check=True)


def seal_alone(source: Path) -> None:
    cipher, nonce = AESGCM(bytes(32)), bytes(12)
    with source.open("rb") as file:
        while piece := file.read(CHUNK):
            cipher.encrypt(nonce, piece, None)


def hash_alone(source: Path) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)


def report(figures: list[Figure], size: int) -> None:
    lines = [
        "# The main job",
        "",
        f"One file of {size // MB} MB, one run; client, gateway, database and simulated clouds",
        f"share {os.cpu_count()} cores. Compare ratios within the table; speeds are the machine's.",
        "",
        "| what | MB/s | ÷ cp | ÷ AES-GCM alone | CPU s per GB | of which |",
        "|---|---|---|---|---|---|",
        *(line(figure, figures, size) for figure in figures),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "main-job.md").write_text("\n".join(lines) + "\n")
    (RESULTS / "main-job.json").write_text(
        json.dumps({"bytes": size, "figures": [asdict(figure) for figure in figures]}, indent=2)
        + "\n"
    )
    print("\n".join(lines))


def line(figure: Figure, figures: list[Figure], size: int) -> str:
    speed = figure.megabytes_per_second
    by_cp, by_aes = (speed / figures[i].megabytes_per_second for i in (0, 1))
    busiest = sorted(figure.cpu_by_process.items(), key=lambda share: -share[1])
    shares = ", ".join(f"{role} {s / (size / 1e9):.1f}" for role, s in busiest if s)
    return (
        f"| {figure.what} | {speed:.0f} | {by_cp:.2f} | {by_aes:.2f} "
        f"| {figure.cpu_seconds_per_gb:.1f} | {shares} |"
    )


if __name__ == "__main__":
    main()
