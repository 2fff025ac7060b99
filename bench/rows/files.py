"""Many small files at once, to accounts that allow three creations a second."""

import os
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.figures import Figure, Goal
from bench.peer import Rclone
from bench.processes import cpu_by_role, spent_between
from bench.run import Run
from bench.wire import Sent, load
from bench.world import ACCOUNTS, POLL_SECONDS, World, world

ROW = "files"
FILE_BYTES = 10_000
IN_FLIGHT = 16
CREATIONS = 3
PAGE = 500
STORE_SECONDS = 1800


def measure(run: Run) -> list[Figure]:
    count, sample = run.size(run.file_count, 64), run.size(200, 8)
    with world(run.folder / "world") as here:
        here.sim.weather(creations_s=CREATIONS)
        peer = run.peer(here.sim)
        of_peer = peer_rate(peer, run, sample) if peer else run.no_peer
        before = here.sim.shards()
        here.sim.browser.control("DELETE", "weather/marks")
        before_cpu, began = cpu_by_role(here.house), time.perf_counter()
        send(here, count)
        received = time.perf_counter()
        wait_until_stored(here)
        ended = time.perf_counter()
        spent = spent_between(before_cpu, cpu_by_role(here.house))
        made, asked = here.sim.shards() - before, creations_asked(here)
        check_listed(here, count)
    rate = count / (ended - began)
    each = f"{count} files of {FILE_BYTES // 1000} KB"
    note = (
        f"{received - began:.1f} s until the last was received, {ended - received:.1f} s more "
        f"until all were stored; the peer's rate is extrapolated from {sample} files that it "
        "copied, with its defaults, to one such account; processor milliseconds a file: "
        + ", ".join(f"{role} {s / count * 1000:.1f}" for role, s in sorted(spent.items()))
    )
    return [
        Figure(ROW, f"{each}: objects made at the accounts", "", made, goals=(
            Goal("itself", 45, is_ceiling=True),
        ), note=f"{asked} creations were asked for, refused ones among them"),
        Figure(ROW, f"{each}, from the first byte until all are stored", "files/s", rate,
               peer=of_peer, goals=(Goal("peer", 50),), note=note),
    ]  # fmt: skip


def send(here: World, count: int) -> None:
    """Upload so many files, each in a request of its own, over kept-alive connections."""
    parts = urlsplit(here.house.base)
    front = (
        f"POST /api/files/upload HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: {here.program.session.headers['Authorization']!s}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n"
    )
    shares = [_share(front, range(number, count, IN_FLIGHT)) for number in range(IN_FLIGHT)]
    load(here.house.base, shares)


def _share(front: str, numbers: range) -> Iterator[Sent]:
    for number in numbers:
        body = (
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="{number}.bin"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + os.urandom(FILE_BYTES) + b"\r\n--b--\r\n"  # fmt: skip
        yield f"{front}Content-Length: {len(body)}\r\n\r\n".encode(), body


def wait_until_stored(here: World) -> None:
    """Return once no upload holds a reservation: the last file's ends as it is shown as stored."""
    deadline = time.monotonic() + STORE_SECONDS
    while here.program.get("/api/files/storage/usage")["reserved_bytes"]:
        if time.monotonic() > deadline:
            raise RuntimeError("The files were not stored in time.")
        time.sleep(POLL_SECONDS)


def check_listed(here: World, count: int) -> None:
    """Look through the pages of the list: RuntimeError unless each shows stored files alone."""
    for page in range(1, -(-count // PAGE) + 1):
        found = here.program.get("/api/files", params={"page": page, "per_page": PAGE})
        if found["total"] != count:
            raise RuntimeError(f"{found['total']} files are listed instead of {count}.")
        if any(one["state"] != "stored" for one in found["files"]):
            raise RuntimeError("A file is listed as not stored after all.")


def creations_asked(here: World) -> int:
    marks = here.sim.browser.control("GET", "weather/marks")["marks"]
    ours = {(kind, address) for _, kind, address in ACCOUNTS}
    return sum(one["creations"] for one in marks if (one["provider"], one["account"]) in ours)


def peer_rate(peer: Rclone, run: Run, count: int) -> float:
    """Let the peer copy so many files; return files a second."""
    folder = run.folder / "small"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.bin").write_bytes(os.urandom(FILE_BYTES))
    return count / peer.run("copy", str(folder), "drive-crypt:small").seconds
